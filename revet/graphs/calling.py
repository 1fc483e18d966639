"""How the loop calls tools: on their terms, and so that whatever a tool does is evidence and never the loop's end.

What a tool's own code raises is evidence, `error`. What still stops a run: the host's faults (a broken sandbox, a
missing package), the configuration's (`InputError`), a model that fails, a store that cannot be written, an interrupt
for a person, and cancellation.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import time
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from langgraph.errors import GraphBubbleUp
from pydantic import ValidationError

from revet.errors import DraftError, InputError, RevetError
from revet.graphs.shelf import Kept, key_of
from revet.graphs.state import Context
from revet.graphs.tracing import called
from revet.schema import Evidence, Outcome, Usage
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for, terms_of
from revet.tools.observation import clip

__all__ = ["Calls", "Made", "Malformed", "misfit", "planned", "within"]

LENIENCE = 2.0
"""Seconds beyond the run's deadline for a tool that minds the deadline itself, so that it can say what it saw."""
GRACE = 2.0
"""Seconds that a cancelled tool has to tidy up. One that goes on all the same is left behind."""
MESSAGE = 2000

T = TypeVar("T")


class Malformed(InputError):
    """A tool is not written as tools are. Its author must mend it: it decides nothing."""


class Made(NamedTuple):
    """What came of a call, and whether it counts as one: what was kept, or not run, costs nothing."""

    evidence: Evidence
    counts: bool


class Calls:
    """The calls that one step makes. `used` is how often each tool was called in the run before, `usage` what it took.

    `made` counts those of this step, by tool.
    """

    def __init__(self, step: str, context: Context, used: Mapping[str, int], usage: Usage) -> None:
        self.step, self.context = step, context
        self.made: Counter[str] = Counter()
        self._used, self._usage = used, usage

    @property
    def total(self) -> int:
        return sum(self.made.values())

    async def make(self, call: ToolCall, view: View) -> Made:
        """What the tool says, or said before to the same; or why it was not asked."""
        if call.tool not in self.context.tools:
            known = ", ".join(self.context.tools)
            raise Malformed(f"a tool planned a call of {call.tool!r}, which is none", hint=f"the tools: {known}")
        terms = terms_of(self.context.tools[call.tool])
        key = self._key(call, view, terms)
        if key is None:
            return await self._make(call, view, terms)
        shelf, replies = self.context.shelf, self.context.replies
        try:
            async with shelf.turn(key, None if view.deadline is None else view.remaining):
                kept, earlier = await shelf.get(key, replies)
                if kept is not None:
                    return self._given(kept, call, view, same=earlier and kept.step == self.step)
                made = await self._make(call, view, terms)
                if made.counts and key == self._key(call, view, terms):  # the workspace did not move meanwhile
                    await shelf.put(key, Kept.of(made.evidence, call, view, self.step), replies)
                return made
        except TimeoutError:
            waited = "not run: the same call was under way when the budget of wall time ended"
            return Made(evidence_for(call, view, Outcome.inconclusive, waited), counts=False)

    async def remember(self, call: ToolCall, view: View) -> None:
        """Count a call that this step made in an earlier process, and take its answer for given out."""
        self.made[call.tool] += 1
        key = self._key(call, view, terms_of(self.context.tools[call.tool]))
        if key is not None:
            await self.context.shelf.get(key, self.context.replies)

    def _given(self, kept: Kept, call: ToolCall, view: View, *, same: bool) -> Made:
        """`same`: it is this very call, made before the process was ended. It counts as it did then."""
        if not same:
            return Made(kept.again(call, view), counts=False)
        self.made[call.tool] += 1
        return Made(kept.first(call, view), counts=True)

    async def _make(self, call: ToolCall, view: View, terms: Terms) -> Made:
        refused = self._refused(call, view, terms)
        if refused is not None:
            return Made(evidence_for(call, view, Outcome.inconclusive, f"not run: {refused}"), counts=False)
        self.made[call.tool] += 1
        return Made(await called(call, self._said(call, view, terms)), counts=True)

    async def _said(self, call: ToolCall, view: View, terms: Terms) -> Evidence:
        start = time.monotonic()
        limit = min(terms.seconds or math.inf, view.remaining + LENIENCE)
        try:
            return await within(limit, _answer(self.context.tools[call.tool], call, view))
        except _Late:
            whose = "" if limit == terms.seconds else ", for the run's wall time was spent"
            text = f"timeout: {call.tool} did not answer and was stopped after {limit:.3g} s{whose}"
            return evidence_for(call, view, Outcome.timeout, text, seconds=time.monotonic() - start)
        except _Cancelled:
            text = f"the tool {call.tool} cancelled itself"
            return evidence_for(call, view, Outcome.error, text, seconds=time.monotonic() - start)

    def _refused(self, call: ToolCall, view: View, terms: Terms) -> str | None:
        """Why the call may not be made."""
        limit = self.context.policy.tool_calls
        if view.remaining <= 0 or (limit is not None and self._usage.tool_calls + self.total >= limit):
            return "the budget of wall time or tool calls was spent"
        if terms.calls is not None and self._used.get(call.tool, 0) + self.made[call.tool] >= terms.calls:
            return f"{call.tool} may be called {_times(terms.calls)} in one run, and was"
        return None

    def _key(self, call: ToolCall, view: View, terms: Terms) -> str | None:
        return key_of(call, view, terms, self.context.bench.world() if terms.keep == "draft" else None)


def misfit(call: ToolCall, tool: Tool) -> str | None:
    """What is wrong with the arguments that a role gives, None if nothing is."""
    try:
        if tool.arguments is not None:
            tool.arguments.model_validate(call.arguments)
    except ValidationError as error:
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
    except Exception as error:  # noqa: BLE001 - a validator of the tool's own
        _raise_if_it_stops(error)
        return _named(error)
    return None


def planned(tool: Tool, view: View) -> Sequence[ToolCall] | Evidence:
    """The calls that the tool plans; evidence, if its plan raises what the framework does not know.

    What was not planned might have been required, so with that evidence no draft is accepted.
    """
    try:
        plan: object = tool.plan(view)
        calls = [*plan] if isinstance(plan, Iterable) else None
    except Exception as error:  # noqa: BLE001 - the tool's own code, which what a draft holds may trip up
        _raise_if_it_stops(error)
        return Evidence(
            tool=tool.name,
            request="plan",
            outcome=Outcome.error,
            observation=f"the plan of the tool {tool.name} raised {_named(error)}",
            required=view.draft is not None,
            changes=view.changes.fingerprint if view.changes else None,
        )
    if calls is None or not all(isinstance(call, ToolCall) for call in calls):
        if inspect.iscoroutine(plan):
            plan.close()
        raise Malformed(
            f"plan of the tool {tool.name} returned {plan!r:.200}", hint="return a list of ToolCall, or [], at once"
        )
    return calls


async def within(seconds: float, running: Coroutine[Any, Any, T]) -> T:
    """What `running` returns. It is cancelled if it takes longer than `seconds` (raises `_Late`), or if we are.

    If it cancels itself, that is a fault of its own: `_Cancelled`.
    """
    task = asyncio.ensure_future(running)
    try:
        await asyncio.wait({task}, timeout=None if math.isinf(seconds) else seconds)
        if task.cancelled():
            raise _Cancelled
        if task.done():
            return task.result()
    finally:
        if not task.done():
            await _end(task)
    if task.done() and not task.cancelled() and (error := task.exception()) is not None:
        raise error
    raise _Late


class _Late(Exception):
    """The time of a call was over."""


class _Cancelled(Exception):
    """A call ended as if it had been cancelled, and nobody had."""


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE)
    if not task.done():
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())


async def _answer(tool: Tool, call: ToolCall, view: View) -> Evidence:
    """What the tool says. What it raises without the framework knowing it is evidence."""
    start = time.monotonic()
    try:
        running: object = tool.run(call, view)
        if not inspect.isawaitable(running):
            raise Malformed(
                f"run of the tool {tool.name} gave {running!r:.200} at once", hint="write it with `async def`"
            )
        said = await running
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the tool's own code: what it raises is no end of the loop
        _raise_if_it_stops(error)
        text = f"the tool {tool.name} raised {_named(error)}"
        data = {"error": type(error).__name__}
        return evidence_for(call, view, Outcome.error, text, data=data, seconds=time.monotonic() - start)
    if not isinstance(said, Evidence):
        raise Malformed(
            f"run of the tool {tool.name} returned {said!r:.200}, which is no Evidence",
            hint="return evidence_for(call, view, outcome, observation), or wrap a function in FunctionTool",
        )
    return said


def _raise_if_it_stops(error: BaseException) -> None:
    """Raise what is not for a tool to be forgiven, also from within a group. A `DraftError` says nothing of a run."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            _raise_if_it_stops(each)
    elif isinstance(error, GraphBubbleUp) or (isinstance(error, RevetError) and not isinstance(error, DraftError)):
        raise error


def _named(error: BaseException) -> str:
    """The exception's type and message; its own methods may be faulty too."""
    try:
        message = str(error)
    except Exception as second:  # noqa: BLE001 - a class of the tool's
        message = f"(its message cannot be shown: {type(second).__name__})"
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return clip(text, MESSAGE).encode("utf-8", "replace").decode("utf-8")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
