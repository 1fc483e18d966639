"""Runs a batch of tasks: several at once, but those on one workspace one after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from revet.errors import RevetError
from revet.policy import asked_by_rules
from revet.report import Ended, Reporter
from revet.schema import Run, RunOutcome, Task, utcnow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from revet.graphs.events import Event
    from revet.store import Store
    from revet.taskfile import Entry, Settings

__all__ = ["Agents", "Asker", "Batch", "Held", "Reply", "Runner", "seconds_left"]

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


class Batch:
    """`results` holds how each task ended, in the order of `entries`; None for one that has not.

    `started` holds the id of each task's run, once it has one.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        store: Store,
        agents: Agents,
        *,
        reporter: Reporter,
        asker: Asker,
        jobs: int = 1,
        resume: bool = False,
    ) -> None:
        self.entries, self.store, self.agents = list(entries), store, agents
        self.reporter, self.asker = reporter, asker
        self.jobs, self.resume = jobs, resume
        self.results: list[Ended | None] = [None] * len(entries)
        self.started: list[str | None] = [None] * len(entries)
        self.seconds = 0.0

    async def run(self) -> None:
        """Run every task. When cancelled, the running ones are cancelled and waited for; `results` stay."""
        start = time.monotonic()
        waiting = list(range(len(self.entries)))
        running: dict[asyncio.Task[None], int] = {}
        try:
            while waiting or running:
                for index in self._startable(waiting, list(running.values())):
                    waiting.remove(index)
                    running[asyncio.create_task(self._one(index))] = index
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del running[task]
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            self.seconds = time.monotonic() - start

    def _startable(self, waiting: Sequence[int], running: Sequence[int]) -> list[int]:
        """The next tasks, in file order, that no earlier or running task on the same workspace holds back."""
        chosen: list[int] = []
        held = Held(self.entries[index].task.workspace for index in running)
        for index in waiting:
            if len(running) + len(chosen) >= self.jobs:
                break
            workspace = self.entries[index].task.workspace
            if not held.touches(workspace):
                chosen.append(index)
            held.add(workspace)
        return chosen

    async def _one(self, index: int) -> None:
        task = self.entries[index].task
        try:
            ended = await self._end(index)
        except Exception as error:  # noqa: BLE001 - reported with its traceback; it must not end the other tasks
            run_id = self.started[index]
            ended = Ended(task, self.store.find(run_id) if run_id else None, error=error)
        self.results[index] = ended
        self.reporter.ended(ended)

    async def _end(self, index: int) -> Ended:
        entry = self.entries[index]
        task, run_id = entry.task, None
        if self.resume:
            run_id = self.store.unfinished(task)
            before = None if run_id else self.store.latest(task)
            if before and before.ok and not _undone(before):
                return Ended(task, before, again=True)
            if before and before.outcome is RunOutcome.asked:
                async with self._agent(entry.settings) as agent:
                    if await asyncio.to_thread(_taken_up, self.store, before):
                        before = await self._follow(index, agent.astream(task, run_id=before.id))
                    return await self._answered(index, agent, before)
        async with self._agent(entry.settings) as agent:
            run = await self._follow(index, agent.astream(task, run_id=run_id))
            return await self._answered(index, agent, run)

    @asynccontextmanager
    async def _agent(self, settings: Settings) -> AsyncIterator[Runner]:
        await self.agents.ready(settings)
        agent = self.agents(settings, self.store)
        try:
            yield agent
        finally:
            await self.agents.done(agent)

    async def _answered(self, index: int, agent: Runner, run: Run) -> Ended:
        """The end of a run that may wait for an answer: it is asked for until it does not wait any more.

        To go on with approval `auto` approves what nothing but that approval held back, never what the rules ask about.
        """
        entry = self.entries[index]
        while run.outcome is RunOutcome.asked:
            auto = self.resume and entry.settings.approve == "auto" and not run.question
            held = run.best is not None and asked_by_rules(run.best)
            answer = True if auto and not held else await self._asked(entry, run)
            if answer is None:
                break
            run = await self._follow(index, agent.aresume(run, answer))
        return Ended(entry.task, run)

    async def _asked(self, entry: Entry, run: Run) -> Reply | None:
        """What the person says within the time that the task gives them, counted from when the run first asked."""
        left = seconds_left(run, entry.settings.ask_seconds)
        if left is not None and left <= 0:
            return {"type": "expire"}  # an answer would not be taken any more
        try:
            async with asyncio.timeout(left):
                return await self.asker(run)
        except TimeoutError:
            return {"type": "expire"}

    async def _follow(self, index: int, stream: AsyncIterator[Event]) -> Run:
        task, run = self.entries[index].task, None
        async with aclosing(cast("AsyncGenerator[Event, None]", stream)) as events:
            async for event in events:
                self.reporter.heard(task, event)
                if event.type == "started":
                    self.started[index] = event.run
                if event.type == "finished":
                    run = event.run
        if run is None:
            raise RevetError(f"the run of {task.id} ended without a result")
        return run


class Held:
    """Workspaces that tasks work in or wait for. Two touch if they are the same, or one lies inside the other."""

    def __init__(self, workspaces: Iterable[str | None]) -> None:
        self._folders: set[Path] = set()
        self._above: set[Path] = set()
        for workspace in workspaces:
            self.add(workspace)

    def add(self, workspace: str | None) -> None:
        if workspace is not None:
            self._folders.add(Path(workspace))
            self._above.update(Path(workspace).parents)

    def touches(self, workspace: str | None) -> bool:
        if workspace is None:
            return False
        path = Path(workspace)
        return path in self._folders or path in self._above or not self._folders.isdisjoint(path.parents)


def seconds_left(run: Run, ask_seconds: float | None) -> float | None:
    """How long an answer to a run that waits is still taken; None for ever, 0 or less for not any more."""
    if ask_seconds is None or run.asked_at is None:
        return ask_seconds
    return ask_seconds - (utcnow() - run.asked_at).total_seconds()


def _taken_up(store: Store, run: Run) -> bool:
    """True if somebody answered what the run asked, in a process that was stopped before it had come further."""
    from revet.graphs.turn import taken_up

    return taken_up(store, run)


def _undone(run: Run) -> bool:
    return run.receipt is not None and run.receipt.undone_at is not None
