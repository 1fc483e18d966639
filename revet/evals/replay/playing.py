"""Plays what a model did before through the real loop, and judges apart from it.

A case is a task, the drafts that a model wrote for it, in order, and what a judge says of each. The loop is
`revet.Agent` with its graph, tools, critics and gate; `Replay` proposes. The verdicts stay here: the loop is given the
task and the drafts alone, and what it did is held against the verdicts when it has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from revet.agents import Critic, Replay
from revet.errors import InputError, RevetError, SandboxUnavailable
from revet.evals.estimate import Estimate
from revet.evals.source import user_path
from revet.evals.trial import Trial, Turn
from revet.policy import Policy, drafts_made
from revet.sandboxes import get
from revet.sandboxes.base import Sandbox, Session, Support
from revet.sandboxes.scratch import Scratch
from revet.schema import Attempt, DecisionKind, Draft, Evidence, Outcome, Run, RunOutcome, Severity, Task, Verdict
from revet.store import Store
from revet.tools.base import Terms, Tool, ToolCall, View, terms_of

if TYPE_CHECKING:
    from revet.graphs.team import Recipe

__all__ = [
    "Answers",
    "Once",
    "Playback",
    "Recorded",
    "Replayed",
    "Shared",
    "choices",
    "drafts_of",
    "trial_of",
]

NUMBER = "recorded"
"""Where a draft's ``data`` says which of the recorded ones it is, counted from 0."""

ROUNDS = 1000
"""More than were ever recorded: the budget is the same for all, so that it says nothing of how many drafts there are.
In most logs the last one is the one that was right."""

O = TypeVar("O", bound=BaseModel)  # noqa: E741 - options


@dataclass(frozen=True)
class Recorded:
    """One case. `task` and `drafts` are all that the loop is given.

    `correct` is the judge's word on each draft, None where nobody can tell. Cases with the same `cluster` are
    resampled as one. `data` goes into the trial, for the suite's own figures.
    """

    case: str
    task: Task
    drafts: tuple[Draft, ...]
    correct: tuple[bool | None, ...]
    cluster: str
    group: str = ""
    data: Mapping[str, JsonValue] = field(default_factory=dict)


def drafts_of(answers: Sequence[str], author: str) -> tuple[Draft, ...]:
    """The texts as drafts that answer."""
    return tuple(Draft(author=author, answer=each) for each in answers)


Details = Callable[[Attempt, int], Mapping[str, Any]]
"""What a suite knows besides of an attempt at the recorded draft of that number: fields of `Turn`."""


def trial_of(recorded: Recorded, run: Run, details: Details | None = None) -> Trial:
    """What the loop did, beside what the judge says."""
    made = [a for a in drafts_made(run.attempts) if not a.draft.gives_up]
    numbers = [_number(a, place) for place, a in enumerate(made)]
    turns = [_turn(a, n, recorded, details) for a, n in zip(made, numbers, strict=True)]
    ended = run.ok and bool(run.attempts)
    last = _number(run.attempts[-1], len(made) - 1) if ended else None
    reasons = run.decision.reasons
    return Trial(
        case=recorded.case,
        task=recorded.cluster,
        group=recorded.group,
        turns=tuple(turns),
        chosen=numbers.index(last) if last is not None else None,
        correct=recorded.correct[last] if last is not None else None,
        asked=run.outcome is RunOutcome.asked,
        over_budget=any(reason.startswith("budget spent") for reason in reasons),
        why=reasons[0] if reasons else "",
        tool_calls=run.usage.tool_calls,
        tokens=run.usage.tokens,
        cost=run.usage.cost,
        seconds=run.usage.seconds,
        data={**recorded.data, "recorded": len(recorded.drafts)},
    )


def _number(attempt: Attempt, place: int) -> int:
    told = attempt.draft.data.get(NUMBER)
    return told if isinstance(told, int) else place


def _turn(attempt: Attempt, number: int, recorded: Recorded, details: Details | None) -> Turn:
    accepted = _accepted(attempt)
    scores = [c.score for c in attempt.critiques if c.verdict is not Verdict.abstain]
    said: dict[str, Any] = {
        "round": number,
        "correct": recorded.correct[number],
        "accepted": accepted,
        "score": sum(scores) / len(scores) if scores else None,
        "confidence": None if accepted is None else _confidence(attempt),
        "failed_tool": any(e.outcome in (Outcome.error, Outcome.timeout) for e in attempt.evidence),
    }
    return Turn(**{**said, **(details(attempt, number) if details else {})})


def _accepted(attempt: Attempt) -> bool | None:
    """What evidence and critics made of the draft: the gate refuses it, or they speak for it, or they say nothing."""
    decision = attempt.decision
    refusing = (DecisionKind.revise, DecisionKind.reject, DecisionKind.abstain)
    if decision is None or (decision.kind in refusing and not decision.held):
        return False
    for_it = any(c.verdict is Verdict.accept for c in attempt.critiques)
    return True if for_it or any(e.outcome is Outcome.passed for e in attempt.evidence) else None


def _confidence(attempt: Attempt) -> float:
    """How probable it is that the draft is right: what the most probable finding leaves of it."""
    findings = [f.confidence for c in attempt.critiques for f in c.findings if f.severity is not Severity.info]
    return 1.0 - max(findings, default=0.0)


class Shared:
    """A sandbox that gives every run without a workspace the same session, which stays warm until `close`.

    For tools that run Python in it and write nothing.
    """

    def __init__(self, sandbox: Sandbox | str = "local") -> None:
        self._sandbox = get(sandbox) if isinstance(sandbox, str) else sandbox
        self.name = self._sandbox.name
        self._session: Session | None = None
        self._turn = asyncio.Lock()

    async def support(self) -> Support:
        return await self._sandbox.support()

    async def open(self, workspace: Path | None = None, **more: Any) -> Session:
        """The shared session, as one that cannot be closed; for a workspace, a session of its own."""
        if workspace is not None:
            return await self._sandbox.open(workspace, **more)
        lent: Any = _Lent(await self.session())
        return lent  # type: ignore[no-any-return]

    async def session(self) -> Session:
        async with self._turn:
            if self._session is None:
                self._session = await self._sandbox.open()
            return self._session

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


class _Lent:
    """A session whose user does not close it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    async def close(self) -> None:
        return


class Answers:
    """What tools answered in any case of a suite, by question; and whose turn it is to ask."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Evidence] = {}
        self._turns: dict[Hashable, asyncio.Lock] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Evidence]]) -> Evidence:
        """The answer that is known, or what `ask` says. What was cut short is not kept: it may go right next time."""
        if key not in self._known:
            async with self._turns.setdefault(key, asyncio.Lock()):
                if key not in self._known:
                    said = await ask()
                    if said.outcome not in (Outcome.passed, Outcome.failed):
                        return said
                    self._known[key] = said
        return self._known[key]


class Once:
    """A tool that is asked the same question once for all cases of a suite: `key` says what its answer depends on.

    With `after`, the tool waits until the evidence of the tool of that name has passed.
    """

    def __init__(
        self,
        tool: Tool,
        answers: Answers,
        key: Callable[[ToolCall, View], Hashable],
        *,
        after: str | None = None,
    ) -> None:
        self.tool, self.name, self.arguments = tool, tool.name, tool.arguments
        self.terms: Terms = terms_of(tool)
        self._answers, self._key, self._after = answers, key, after

    def plan(self, view: View) -> Sequence[ToolCall]:
        if self._after is not None:
            awaited = [e for e in view.evidence if e.tool == self._after]
            if not awaited or any(e.outcome is not Outcome.passed for e in awaited):
                return []
        return self.tool.plan(view)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        said = await self._answers.get((self.name, self._key(call, view)), lambda: self.tool.run(call, view))
        state = view.changes.fingerprint if view.changes else None
        return said.model_copy(update={"check": call.check, "required": call.required, "changes": state})


class Playback:
    """What the cases of a suite share: a store that is removed at the end, and a warm sandbox.

    `runs` is a folder that keeps the runs, to be looked at with ``revet show``; by default they are forgotten. What a
    process leaves that is killed, the next one removes.
    """

    def __init__(self, sandbox: Sandbox | str | None = "local", runs: Path | str | None = None) -> None:
        self.sandbox = None if sandbox is None else Shared(sandbox)
        self._runs = None if runs is None else user_path(str(runs))
        self._scratch: Scratch | None = None
        self._opening = asyncio.Lock()
        self._open: AsyncExitStack | None = None

    def folder(self, name: str) -> Path:
        """The folder of that name, made if it is not there; removed at the end."""
        self._scratch = self._scratch or Scratch()
        path = self._scratch.path / name
        path.mkdir(exist_ok=True)
        return path

    @cached_property
    def store(self) -> Store:
        """Where the runs are kept, for ever or for as long as this is open."""
        return Store(self.folder("store") if self._runs is None else self._runs)

    async def _keep_open(self) -> None:
        """Open the store once for all cases: for one alone, that takes longer than many a case."""
        from revet.graphs.persistence import open_memory

        async with self._opening:
            if self._open is None:
                opened = AsyncExitStack()
                await opened.enter_async_context(open_memory(self.store))
                self._open = opened

    async def run(
        self,
        recorded: Recorded,
        *,
        tools: Sequence[Tool] = (),
        critics: Sequence[Critic] | None = None,
        policy: Policy | None = None,
        recipe: str | Recipe = "core",
        options: Mapping[str, JsonValue] | None = None,
        **agent: Any,
    ) -> Run:
        """The run of the loop over the recorded drafts. By default it may go through all of them (`ROUNDS` at most).

        `agent` are further arguments of `revet.Agent`.
        """
        from revet.graphs import Agent

        await self._keep_open()
        drafts = [d.model_copy(update={"data": {**d.data, NUMBER: n}}) for n, d in enumerate(recorded.drafts)]
        player = Agent(
            Replay(drafts, "replay"),
            critics=critics,
            tools=tools,
            sandbox=self.sandbox,
            policy=policy or Policy(rounds=ROUNDS),
            store=self.store,
            recipe=recipe,
            options=options,
            **agent,
        )
        try:
            return await player.arun(recorded.task, progress=False)
        finally:
            await player.aclose()

    async def close(self) -> None:
        if self.sandbox is not None:
            await self.sandbox.close()
        opened, self._open = self._open, None
        if opened is not None:
            await opened.aclose()
        if self._scratch is not None:
            await asyncio.to_thread(self._scratch.close)


class Replayed:
    """A `Player` of recorded cases. `play` plays one (with `Playback.run` and `trial_of`), `figures` sums them up.

    A case in which the sandbox or the store breaks is a trial with `error`; what the user has to mend is raised.
    """

    def __init__(
        self,
        recorded: Sequence[Recorded],
        playback: Playback,
        play: Callable[[Recorded], Awaitable[Trial]],
        figures: Callable[[Sequence[Trial]], list[Estimate]],
    ) -> None:
        self._recorded = {each.case: each for each in recorded}
        if len(self._recorded) < len(recorded):
            raise InputError("two cases have the same id", hint="make the rows' ids differ")
        self.playback, self._play, self._figures = playback, play, figures

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    @property
    def cases(self) -> Sequence[str]:
        return tuple(self._recorded)

    async def play(self, case: str) -> Trial:
        """Raises `InputError` for a case that is not there."""
        if case not in self._recorded:
            raise InputError(f"there is no case {case!r}", hint="see `cases`")
        recorded = self._recorded[case]
        try:
            return await self._play(recorded)
        except (InputError, SandboxUnavailable):
            raise
        except RevetError as error:
            told = f"{type(error).__name__}: {error}"
            return Trial(case=case, task=recorded.cluster, group=recorded.group, why=told, error=told)

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        return self._figures(trials)

    async def close(self) -> None:
        await self.playback.close()


def choices(suite: str, kind: type[O], given: Mapping[str, JsonValue]) -> O:
    """The options of a suite as its model. Raises `InputError` that names the option and what it may be."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        known = ", ".join(kind.model_fields) or "it has none"
        told = []
        for each in error.errors():
            name = ".".join(map(str, each["loc"]))
            unknown = each["type"] == "extra_forbidden"
            told.append(f"{name}: {'there is no such option' if unknown else each['msg']}")
        raise InputError(f"options of the suite {suite}: {'; '.join(told)}", hint=f"its options: {known}") from None
