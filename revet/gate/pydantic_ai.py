"""The gate before the tools of a pydantic-ai agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revet.effects.rules import Rules
from revet.errors import MissingDependency
from revet.gate.uses import Gate, Use, feedback

try:
    from pydantic_ai import ApprovalRequired, ModelRetry, RunContext
    from pydantic_ai.toolsets import AbstractToolset, ToolsetTool, WrapperToolset
except ImportError as error:
    raise MissingDependency("pydantic-ai is not installed", hint="pip install 'revet[pydantic-ai]'") from error

__all__ = ["GatedToolset", "gated"]


@dataclass
class GatedToolset(WrapperToolset[Any]):
    """The wrapped toolset, with the gate before each call.

    A denied call raises `ModelRetry` with the reason, what would have happened and what to do instead. Where the gate
    would ask, `ApprovalRequired` is raised with the answer as its metadata: the agent needs `DeferredToolRequests`
    among its output types, and a call that was approved is made. The prompt of the run is the goal.
    """

    gate: Gate = field(default_factory=lambda: Gate({}))

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[Any], tool: ToolsetTool[Any]
    ) -> Any:
        """Decide, then make the call or say why not."""
        if not ctx.tool_call_approved:
            goal = ctx.prompt if isinstance(ctx.prompt, str) else None
            answer = await self.gate.acheck(name, tool_args, goal)
            if answer is not None and answer.decision == "deny":
                raise ModelRetry(feedback(answer, name))
            if answer is not None and answer.decision == "ask":
                raise ApprovalRequired(metadata=answer.to_dict())
        return await super().call_tool(name, tool_args, ctx, tool)


def gated(
    toolset: AbstractToolset[Any],
    uses: Mapping[str, Use],
    *,
    rules: Rules | str | Path | None = None,
    dry_run: bool = True,
    workspace: str | None = None,
) -> GatedToolset:
    """`toolset` behind the gate; the other arguments are those of `revet.gate.uses.Gate`."""
    return GatedToolset(toolset, Gate(dict(uses), rules=rules, dry_run=dry_run, workspace=workspace))
