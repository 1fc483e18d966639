"""The gate before the function tools of the OpenAI Agents SDK."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from revet.effects.rules import Rules
from revet.errors import InputError, MissingDependency
from revet.gate.answer import Answer
from revet.gate.uses import Gate, Use, feedback

try:
    from agents import FunctionTool, RunContextWrapper, ToolGuardrailFunctionOutput, ToolInputGuardrail
    from agents.tool_guardrails import ToolInputGuardrailData
except ImportError as error:
    raise MissingDependency("openai-agents is not installed", hint="pip install 'revet[openai-agents]'") from error

__all__ = ["gated"]


def gated(
    tool: FunctionTool,
    use: Use,
    *,
    goal: str | None = None,
    rules: Rules | str | Path | None = None,
    dry_run: bool = True,
    workspace: str | None = None,
) -> FunctionTool:
    """The same tool behind the gate.

    A denied call is not made: the model is told why, what would have happened and what to do instead. Where the gate
    would ask, the call needs approval (`needs_approval`, which the SDK turns into an interruption of the run). What the
    tool demanded before is still demanded. `goal` is what the agent was asked for; the other arguments are those of
    `revet.gate.uses.Gate`.
    """
    if not isinstance(tool, FunctionTool):
        raise InputError(f"{tool!r:.80} is no FunctionTool", hint="decorate the function with @function_tool first")
    gate = Gate({tool.name: use}, rules=rules, dry_run=dry_run, workspace=workspace)
    needed = tool.needs_approval

    async def needs_approval(context: RunContextWrapper[Any], arguments: dict[str, Any], call: str) -> bool:
        if needed is True or (callable(needed) and await needed(context, arguments, call)):
            return True
        answer = await gate.acheck(tool.name, arguments, goal)
        return answer is not None and answer.decision == "ask"

    async def refuse(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        answer = await _answer(gate, tool.name, data.context.tool_arguments, goal)
        if answer is None or answer.decision != "deny":
            return ToolGuardrailFunctionOutput.allow(None if answer is None else answer.to_dict())
        return ToolGuardrailFunctionOutput.reject_content(feedback(answer, tool.name), answer.to_dict())

    guardrail: ToolInputGuardrail[Any] = ToolInputGuardrail(guardrail_function=refuse, name="revet")
    guardrails = [*(tool.tool_input_guardrails or ()), guardrail]
    return dataclasses.replace(tool, needs_approval=needs_approval, tool_input_guardrails=guardrails)


async def _answer(gate: Gate, name: str, arguments: str, goal: str | None) -> Answer | None:
    """The gate's answer to a call with `arguments` as the model wrote them."""
    try:
        read = json.loads(arguments or "{}")
    except json.JSONDecodeError as error:
        return Answer.refusal(f"the arguments of {name} are not JSON: {error}")
    if not isinstance(read, dict):
        return Answer.refusal(f"the arguments of {name} are no JSON object")
    return await gate.acheck(name, read, goal)
