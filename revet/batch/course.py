"""The course of one task of a batch: held against other processes, taken up where it was, asked about, to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

from revet.errors import RevetError, RunBusy, WorkspaceBusy
from revet.policy import asked_by_rules
from revet.report import Ended, Reporter, Tally
from revet.schema import Run, RunOutcome, Task, utcnow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from revet.graphs.events import Event
    from revet.store import Store
    from revet.taskfile import Entry, Settings

__all__ = [
    "AGAIN",
    "Agents",
    "Asker",
    "Course",
    "Reply",
    "Runner",
    "Untold",
    "seconds_left",
    "telling",
    "waits",
]

T = TypeVar("T")
AGAIN = 0.7
"""Seconds after which what somebody else has is tried again."""
Reply: TypeAlias = "bool | str | Mapping[str, object]"
"""An answer, as `Agent.aresume` takes it."""


class Runner(Protocol):
    """What is needed of an agent."""

    def astream(self, task: Task, *, run_id: str | None = None) -> AsyncIterator[Event]: ...

    def aresume(self, run: Run, answer: Reply) -> AsyncIterator[Event]: ...


class Agents(Protocol):
    """Makes the agents of a batch. `close` frees what they share, once the last has ended.

    `ready` waits for what an agent with these settings needs before it can be made, `done` frees what is its own.
    """

    async def ready(self, settings: Settings) -> None: ...

    def __call__(self, settings: Settings, store: Store) -> Runner: ...

    async def done(self, agent: Runner) -> None: ...

    async def close(self) -> None: ...


Asker = Callable[[Run], Awaitable["Reply | None"]]
"""Asks a person about a run that waits: yes, no, what else (see `Agent.aresume`), or None for no answer."""


class Untold(RevetError):
    """What happens cannot be printed: who read it is gone, or a disk is full."""


@contextmanager
def telling() -> Iterator[None]:
    """Tells the reporter something inside: an error of that is no matter of the task that it is about."""
    try:
        yield
    except OSError as error:
        raise Untold(f"what becomes of the tasks cannot be printed: {error.strerror or error}") from error


@dataclass
class Course:
    """One task on its way. `end` raises `RunBusy`, or `WorkspaceBusy`, if somebody else has the task or the workspace
    and nothing was begun. `taken_up` once the task is this process's own; `run_id` is its run's, once it has one;
    `lost` if another process took the task over, for this one was stopped or cut off for longer than its lease.
    """

    entry: Entry
    store: Store
    agents: Agents
    reporter: Reporter
    asker: Asker
    tally: Tally
    threads: Executor
    resume: bool = False
    taken_up: bool = field(default=False, init=False)
    run_id: str | None = field(default=None, init=False)
    lost: bool = field(default=False, init=False)

    async def end(self) -> Ended:
        """Take the task to its end. With `resume`, one that ended well counts, and what was begun goes on."""
        key = self.store.task_key(self.entry.task)
        busy = RunBusy("another process is at work on this task", hint="wait until it has ended")
        async with self._held(self.store.leases.hold(key, busy)):
            self.taken_up = True
            self.tally.started()
            try:
                return await self._end()
            finally:
                self.lost = self.store.leases.lost(key)

    async def _end(self) -> Ended:
        task, run_id = self.entry.task, None
        if self.resume:
            run_id, before = await self._in_thread(_known, self.store, task)
            if before is not None and _counts(before):
                return Ended(task, before, again=True)
            if before is not None and before.outcome is RunOutcome.asked:
                async with self._agent() as agent:
                    if await self._in_thread(_taken_up, self.store, before):
                        before = await self._follow(agent.astream(task, run_id=before.id))
                    return await self._answered(agent, before)
        async with self._agent() as agent:
            run = await self._follow(agent.astream(task, run_id=run_id))
            return await self._answered(agent, run)

    @asynccontextmanager
    async def _held(self, lease: AbstractContextManager[Any]) -> AsyncIterator[None]:
        """Inside `lease`, which may take its time to be had and to be given back: both are done in a thread."""
        await self._uncancelled(lease.__enter__, undo=lambda: lease.__exit__(None, None, None))
        try:
            yield
        finally:
            await self._uncancelled(lambda: lease.__exit__(None, None, None))

    async def _uncancelled(self, act: Callable[[], object], undo: Callable[[], object] | None = None) -> None:
        """`act` in a thread, to its end. Whoever is cancelled meanwhile leaves it undone."""
        acting = asyncio.get_running_loop().run_in_executor(self.threads, act)
        try:
            await asyncio.shield(acting)
        except asyncio.CancelledError:
            await asyncio.wait({acting})
            if acting.exception() is None and undo is not None:
                undo()
            raise

    @asynccontextmanager
    async def _agent(self) -> AsyncIterator[Runner]:
        await self.agents.ready(self.entry.settings)
        agent = self.agents(self.entry.settings, self.store)
        try:
            yield agent
        finally:
            await self.agents.done(agent)

    async def _answered(self, agent: Runner, run: Run) -> Ended:
        """The end of a run that may wait for an answer: it is asked for until it does not wait any more.

        To go on with approval `auto` approves what nothing but that approval held back, never what the rules ask about.
        """
        while run.outcome is RunOutcome.asked:
            auto = self.resume and self.entry.settings.approve == "auto" and not run.question
            held = run.best is not None and asked_by_rules(run.best)
            answer = True if auto and not held else await self._asked(run)
            if answer is None:
                break
            run = await self._resumed(agent, run, answer)
        return Ended(self.entry.task, run)

    async def _asked(self, run: Run) -> Reply | None:
        """What the person says within the time that the task gives them, counted from when the run first asked."""
        left = seconds_left(run, self.entry.settings.ask_seconds)
        if left is not None and left <= 0:
            return {"type": "expire"}  # an answer would not be taken any more
        try:
            async with asyncio.timeout(left):
                return await self.asker(run)
        except TimeoutError:
            return {"type": "expire"}

    async def _resumed(self, agent: Runner, run: Run, answer: Reply) -> Run:
        """The run with the answer. Somebody may have taken the workspace while it waited: that is waited for here."""
        told = False
        while True:
            try:
                return await self._follow(agent.aresume(run, answer))
            except WorkspaceBusy as busy:
                if not told:
                    waits(self.reporter, self.entry.task, busy)
                told = True
                await asyncio.sleep(AGAIN)

    async def _follow(self, stream: AsyncIterator[Event]) -> Run:
        task, run = self.entry.task, None
        async with aclosing(cast("AsyncGenerator[Event, None]", stream)) as events:
            async for event in events:
                if event.type == "started":
                    self.run_id = event.run
                with telling():
                    self.reporter.heard(task, event)
                if event.type == "finished":
                    run = event.run
        if run is None:
            raise RevetError(f"the run of {task.id} ended without a result")
        return run

    async def _in_thread(self, look: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, look, *given)


def seconds_left(run: Run, ask_seconds: float | None) -> float | None:
    """How long an answer to a run that waits is still taken; None for ever, 0 or less for not any more."""
    if ask_seconds is None or run.asked_at is None:
        return ask_seconds
    return ask_seconds - (utcnow() - run.asked_at).total_seconds()


def waits(reporter: Reporter, task: Task, busy: BaseException) -> None:
    """Say that the task waits for what somebody else has."""
    from revet.graphs.events import Progressed

    with telling():
        reporter.heard(task, Progressed(kind="batch.waits", data={"why": str(busy).partition("\n")[0]}))


def _known(store: Store, task: Task) -> tuple[str | None, Run | None]:
    """The id of a run that broke off, to go on with; or else how the last one ended, or that it waits."""
    run_id = store.unfinished(task)
    return run_id, None if run_id else store.latest(task)


def _counts(run: Run) -> bool:
    return run.ok and (run.receipt is None or run.receipt.undone_at is None)


def _taken_up(store: Store, run: Run) -> bool:
    """True if somebody answered what the run asked, in a process that was stopped before it had come further."""
    from revet.graphs.turn import taken_up

    return taken_up(store, run)
