"""A tool that does what it is told to, a critic that has calls made, and an agent without a workspace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from revet.agents import Scripted
from revet.graphs import Agent
from revet.schema import Critique, Draft, Evidence, Outcome, Run, Task, Verdict
from revet.tools import Terms, ToolCall, View, evidence_for

QUESTION = Task(id="question", goal="How many?")
Does = Callable[[ToolCall, View], Awaitable[Any]]


class Probe:
    """A tool that does what it is told to, planned once for each draft, and counts."""

    arguments: type[BaseModel] | None = None

    def __init__(
        self,
        does: Does | None = None,
        *,
        name: str = "probe",
        planned: bool = True,
        required: bool = False,
        **terms: Any,
    ) -> None:
        self.name, self.does, self.planned, self.required = name, does or passes, planned, required
        self.terms = Terms(**terms)
        self.runs = 0

    def plan(self, view: View) -> Sequence[ToolCall]:
        if not self.planned or view.draft is None:
            return []
        return [ToolCall(tool=self.name, request="look", required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Any:
        self.runs += 1
        return await self.does(call, view)


async def passes(call: ToolCall, view: View) -> Evidence:
    return evidence_for(call, view, Outcome.passed, "seen", data={"value": 1}, seconds=1.5)


def raises(error: BaseException) -> Does:
    async def does(call: ToolCall, view: View) -> Evidence:
        raise error

    return does


class Uses:
    """A critic that has calls made, and remembers what it was shown."""

    name = "uses"

    def __init__(self, *calls: ToolCall, together: bool = False, verdict: Verdict = Verdict.accept) -> None:
        self.calls, self.together, self.verdict = calls, together, verdict
        self.seen: list[Evidence] = []

    async def criticise(self, view: View) -> Critique:
        if view.draft is None:
            return Critique(critic=self.name, verdict=Verdict.abstain)
        if self.together:
            self.seen += await asyncio.gather(*(view.use(call) for call in self.calls))
        else:
            self.seen += [await view.use(call) for call in self.calls]
        return Critique(critic=self.name, verdict=self.verdict)


def answers(*texts: str) -> Scripted:
    return Scripted([Draft(author="a", answer=text) for text in texts])


def agent(store: Path, *tools: Any, proposer: Any = None, critics: Any = (), **more: Any) -> Agent:
    return Agent(proposer or answers("7"), sandbox=None, tools=tools, critics=critics, store=store, **more)


def evidence_in(run: Run, tool: str = "probe") -> list[Evidence]:
    return [e for attempt in run.attempts for e in attempt.evidence if e.tool == tool]


LOOK = ToolCall(tool="probe", request="look")
