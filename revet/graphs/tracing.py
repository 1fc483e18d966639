"""The spans of a run: the whole of it, its steps, who speaks in them, and the tools that are called.

A step's span is named as the step, a role's ``invoke_agent NAME``, a tool's ``execute_tool NAME``. What they are told
besides is said in words on the page `traces` of the documentation.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import wraps
from typing import Any, Protocol, TypeVar

from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime

from revet import traces
from revet.graphs import events
from revet.graphs.state import Context, State
from revet.schema import Changes, Critique, Decision, Draft, Evidence, Outcome, Receipt, Run
from revet.tools.base import ToolCall

__all__ = ["called", "role", "run", "step"]

Update = dict[str, Any]
T = TypeVar("T")
Stream = Callable[..., AsyncGenerator[events.Event, None]]


class Node(Protocol):
    """A step, as LangGraph wants it: the parameters by these names."""

    __name__: str

    async def __call__(self, state: State, runtime: Runtime[Context]) -> Update: ...


WAITS = (GraphBubbleUp,)
"""What LangGraph raises through a step to wait for a person."""

AGENT = "revet"


def run(stream: Stream) -> Stream:
    """`Agent._stream` within a span of its own, which is the parent of all that is done while the next event is
    waited for, and of nothing that its reader does in between."""

    @wraps(stream)
    async def traced(self: Any, task: Any, run_id: str, *args: Any, **more: Any) -> AsyncGenerator[events.Event, None]:
        given = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": AGENT,
            "gen_ai.agent.name": AGENT,
            "gen_ai.conversation.id": run_id,
            "revet.run": run_id,
            "revet.task": task.id,
        }
        with traces.spanned(f"invoke_agent {AGENT}", given) as whole:
            if whole.is_recording() and traces.captures():
                told = [{"role": "user", "parts": [{"type": "text", "content": traces.clean(task.goal or "")}]}]
                traces.note(whole, {"gen_ai.input.messages": json.dumps(told, ensure_ascii=False)})
            async with aclosing(stream(self, task, run_id, *args, **more)) as said:
                while True:
                    with traces.attached(whole, run_id):
                        event = await anext(said, None)
                    if event is None:
                        return
                    if isinstance(event, events.Finished):
                        traces.note(whole, _ended(event.run))
                    yield event

    return traced


def step(node: Node) -> Node:
    """The node within a span that says of which run and round it is, and what came of it."""

    async def traced(state: State, runtime: Runtime[Context]) -> Update:
        _link(state)
        given: traces.Given = {"revet.run": state["run"], "revet.round": state["round"], "revet.step": node.__name__}
        with traces.span(node.__name__, given, waits=WAITS) as opened:
            update = await node(state, runtime)
            if opened.is_recording():
                for key, value in update.items():
                    if key in _SAYS and value is not None:
                        traces.note(opened, _SAYS[key](value))
            return update

    traced.__name__ = node.__name__
    return traced


async def role(kind: str, name: str, speaking: Awaitable[T]) -> T:
    """What a role says, within its span. `kind` is proposer, reviser, critic, judge or strategy."""
    given = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": AGENT,
        "gen_ai.agent.name": name,
        "revet.role": kind,
    }
    with traces.span(f"invoke_agent {name}", given, waits=WAITS) as opened:
        said = await speaking
        if opened.is_recording():
            if isinstance(said, Critique):
                traces.note(opened, {"revet.verdict": said.verdict.value, "revet.score": said.score})
            elif isinstance(said, Draft):
                traces.note(opened, {"revet.draft": said.id})
        return said


async def called(call: ToolCall, running: Awaitable[Evidence]) -> Evidence:
    """What a tool says, within the span of its call. A check that fails is what the tool is there to find, no error."""
    given: traces.Given = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.tool,
        "gen_ai.tool.type": "function",
        "revet.check": traces.clean(call.check) if call.check is not None and traces.captures() else None,
        "revet.required": call.required,
    }
    with traces.span(f"execute_tool {call.tool}", given, waits=WAITS) as opened:
        content = opened.is_recording() and traces.captures()
        if content:
            arguments = traces.cleaned({"request": call.request, **call.arguments})
            traces.note(opened, {"gen_ai.tool.call.arguments": json.dumps(arguments, ensure_ascii=False)})
        said = await running
        if opened.is_recording():
            traces.note(opened, {"revet.outcome": said.outcome.value, "revet.evidence": said.id})
            if content:
                traces.note(opened, {"gen_ai.tool.call.result": traces.clean(said.observation)})
            if said.outcome in (Outcome.error, Outcome.timeout):
                traces.fail(opened, _kind(said))
        return said


def _kind(said: Evidence) -> str:
    """The exception that a tool raised, by its name: what a tool writes itself may be any text, and is content."""
    named = str(said.data.get("error"))
    return named if said.data.get("error") and re.fullmatch(r"[A-Za-z_][\w.]{0,79}", named) else said.outcome.value


def _link(state: State) -> None:
    """A run that goes on after a pause or a crash does so in a trace of its own, linked to that in which it began."""
    begun, whole = state.get("trace"), traces.whole()
    if begun is not None and whole is not None:
        traces.link(whole, begun)


def _ended(run: Run) -> Mapping[str, Any]:
    usage = run.usage
    given: dict[str, Any] = {
        "revet.outcome": run.outcome.value,
        "revet.decision": run.decision.kind.value,
        "revet.rounds": usage.rounds,
        "revet.tool_calls": usage.tool_calls,
        "revet.cost": usage.cost,
        "gen_ai.usage.input_tokens": sum(each.input_tokens for each in usage.roles.values()),
        "gen_ai.usage.output_tokens": sum(each.output_tokens for each in usage.roles.values()),
        **(_receipt(run.receipt) if run.receipt is not None else {}),
    }
    if traces.captures():
        given["revet.reasons"] = [traces.clean(each) for each in run.decision.reasons]
        if run.answer is not None:
            parts = [{"type": "text", "content": traces.clean(run.answer)}]
            said = [{"role": "assistant", "parts": parts, "finish_reason": "stop"}]
            given["gen_ai.output.messages"] = json.dumps(said, ensure_ascii=False)
    return given


def _decision(decision: Decision) -> Mapping[str, Any]:
    reasons = [traces.clean(each) for each in decision.reasons] if traces.captures() else None
    return {"revet.decision": decision.kind.value, "revet.held": decision.held or None, "revet.reasons": reasons}


def _draft(draft: Draft) -> Mapping[str, Any]:
    return {"revet.draft": draft.id, "revet.author": draft.author, "revet.actions": len(draft.actions)}


def _changes(changes: Changes) -> Mapping[str, Any]:
    return {"revet.fingerprint": changes.fingerprint, "revet.files": len(changes.files)}


def _critiques(critiques: list[Critique]) -> Mapping[str, Any]:
    return {"revet.verdicts": [each.verdict.value for each in critiques]} if critiques else {}


def _receipt(receipt: Receipt) -> Mapping[str, Any]:
    return {"revet.receipt": receipt.id, "revet.fingerprint": receipt.fingerprint}


_SAYS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
    "draft": _draft,
    "changes": _changes,
    "critiques": _critiques,
    "decision": _decision,
    "receipt": _receipt,
}
"""What is told of a step, by the part of the state that it changed."""
