"""How the steps let the roles act: what a role is shown, how tools are run, and that nobody takes for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from langgraph.config import get_stream_writer
from langgraph.runtime import Runtime
from pydantic import JsonValue

from revet.errors import DraftError, InputError
from revet.graphs import events
from revet.graphs.state import Context, State
from revet.policy import best_attempt
from revet.sandboxes.base import Layer
from revet.schema import Check, Critique, Draft, Evidence, Outcome, Task, Verdict
from revet.tools.base import ToolCall, View

__all__ = [
    "gather_critiques",
    "gather_evidence",
    "in_time",
    "leading",
    "required_checks",
    "speaker",
    "too_late",
    "view_of",
]

# A tool may plan again when it sees what others found (coverage of the tests that failed). Two such rounds are
# enough for a chain of three tools, and bound a tool that never stops planning.
PLANS = 3

T = TypeVar("T")


def speaker() -> Callable[[events.Event], None]:
    """Where events go. Taken once for each node, since tools may report from other threads."""
    writer = get_stream_writer()
    return lambda event: writer(event.model_dump(mode="json"))


def view_of(state: State, runtime: Runtime[Context], say: Callable[[events.Event], None], **more: Any) -> View:
    if runtime.context is None:
        raise InputError("the graph has no roles", hint="run it with context=agent.context(bench)")
    context, usage = runtime.context, state["usage"]
    seconds = context.policy.seconds

    def emit(kind: str, data: Mapping[str, JsonValue]) -> None:
        say(events.Progressed(kind=kind, data=dict(data)))

    known: dict[str, Any] = {
        "task": state["task"],
        "run": state["run"],
        "round": state["round"],
        "workspace": context.bench.workspace,
        "session": context.bench.session,
        "layer": layer_of(state, context),
        "draft": state["draft"],
        "changes": state["changes"],
        "evidence": tuple(state["evidence"]),
        "critique": leading(state["critiques"]) or state["diagnosis"],
        "diagnosis": state["diagnosis"],
        "attempts": state["attempts"],
        "best": best_attempt(state["attempts"], required_checks(state["task"])),
        "baseline": {e.check: e for e in state["baseline"] if e.check},
        "allows": context.bench.protection.allows,
        "deadline": None if seconds is None else time.monotonic() + seconds - usage.seconds,
        "seed": context.seed,
        "emit": emit,
    }
    return View(**{**known, **more})


def layer_of(state: State, context: Context) -> Layer | None:
    """The draft's layer, staged again if this process has not staged it yet (a resumed run)."""
    draft, changes = state["draft"], state["changes"]
    if draft is None or not changes:
        return None
    try:
        context.bench.restage(draft, changes)
    except DraftError:  # the world moved, and the commit will find that out
        return None
    return context.bench.layer


async def gather_evidence(view: View, context: Context, seen: Callable[[Evidence], None]) -> list[Evidence]:
    """Run what the tools plan, then what they plan on seeing that, until nothing new is planned."""
    evidence: list[Evidence] = []
    done: set[tuple[str, str, str | None]] = set()
    for _ in range(PLANS):
        now = replace(view, evidence=tuple(evidence))
        calls = [c for tool in context.tools.values() for c in tool.plan(now)]
        new = [c for c in calls if (c.tool, c.request, c.check) not in done]
        if not new:
            break
        for call in new:
            done.add((call.tool, call.request, call.check))
            evidence.append(await _call(call, replace(view, evidence=tuple(evidence)), context))
            seen(evidence[-1])
    return evidence


async def _call(call: ToolCall, view: View, context: Context) -> Evidence:
    if view.remaining <= 0 or _tool_calls_spent(view, context):
        state = view.changes.fingerprint if view.changes else None
        return Evidence(
            tool=call.tool,
            request=call.request,
            outcome=Outcome.inconclusive,
            observation="not run: the budget of wall time or tool calls was spent",
            check=call.check,
            required=call.required,
            changes=state,
        )
    return await context.tools[call.tool].run(call, view)


def _tool_calls_spent(view: View, context: Context) -> bool:
    limit = context.policy.tool_calls
    made = sum(len(a.evidence) for a in view.attempts) + len(view.baseline) + len(view.evidence)
    return limit is not None and made >= limit


async def gather_critiques(view: View, context: Context) -> list[Critique]:
    def late(name: str) -> Critique:
        result = "the budget of wall time ended before it had judged"
        return Critique(critic=name, verdict=Verdict.abstain, possible_result=result, confidence=0.0)

    judging = (in_time(critic.criticise(view), view, late(critic.name)) for critic in context.critics)
    return list(await asyncio.gather(*judging))


async def in_time(role: Awaitable[T], view: View, late: T) -> T:
    """What `role` answers, or `late` if the budget of wall time ends first."""
    try:
        async with asyncio.timeout(None if view.deadline is None else view.remaining):
            return await role
    except TimeoutError:
        if view.remaining > 0:
            raise  # the role's own, not ours
        return late


def too_late(name: str) -> Draft:
    return Draft(author=name, notes="the budget of wall time ended before there was a draft")


def leading(critiques: list[Critique]) -> Critique | None:
    """The critique that a reviser is given: the first that objects, else the first of all."""
    objecting = [c for c in critiques if c.verdict in (Verdict.reject, Verdict.revise)]
    return next(iter(objecting or critiques), None)


def required_checks(task: Task) -> tuple[Check, ...]:
    return tuple(check for check in task.checks if check.required)
