"""A store in memory and agents that follow a script: batches of thousands of tasks, without a disk or a sandbox."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from revet.batch import Batch, Reply
from revet.errors import SandboxUnavailable, StoreError
from revet.graphs.events import Event, Finished, Started
from revet.report import Ended, Reporter
from revet.schema import Decision, DecisionKind, Receipt, Run, RunOutcome, Task
from revet.store import Store
from revet.taskfile import Entry, Settings
from tests.report.samples import WHEN

__all__ = ["Agents", "MemoryStore", "Quiet", "batch_of", "entry", "run_of", "touch"]


class MemoryStore:
    """What a batch asks of a store. `others` are the keys that another process holds."""

    def __init__(self, folder: Path = Path("/nowhere")) -> None:
        self.folder, self.leases = folder, self
        self.runs: dict[str, list[Run | str]] = {}
        self.others: set[str] = set()
        self.lost_keys: set[str] = set()
        self._held: set[str] = set()
        self._turn = threading.Lock()

    def task_key(self, task: Task) -> str:
        return task.id

    @contextmanager
    def hold(self, key: str, busy: StoreError) -> Iterator[None]:
        with self._turn:
            if key in self._held or key in self.others:
                raise busy
            self._held.add(key)
        try:
            yield
        finally:
            with self._turn:
                self._held.discard(key)

    def holder(self, key: str) -> bool:
        return key in self._held or key in self.others

    def lost(self, key: str) -> bool:
        return key in self.lost_keys

    def begin(self, run_id: str, task: Task) -> None:
        self.runs.setdefault(task.id, []).append(run_id)

    def save(self, run: Run) -> None:
        runs = self.runs.setdefault(run.task.id, [])
        runs[:] = [each for each in runs if each != run.id and not (isinstance(each, Run) and each.id == run.id)]
        runs.append(run)

    def unfinished(self, task: Task) -> str | None:
        last = next(iter(self.runs.get(task.id, [])[-1:]), None)
        if isinstance(last, Run):
            return last.id if last.outcome is RunOutcome.failed else None
        return last

    def latest(self, task: Task) -> Run | None:
        return next((run for run in reversed(self.runs.get(task.id, [])) if isinstance(run, Run)), None)

    def done(self, tasks: Sequence[Task]) -> list[Run | None]:
        runs = [None if self.unfinished(task) else self.latest(task) for task in tasks]
        return [run if run is not None and run.ok else None for run in runs]

    def find(self, run_id: str) -> Run | None:
        every = (run for runs in self.runs.values() for run in runs if isinstance(run, Run))
        return next((run for run in every if run.id == run_id), None)


def run_of(run_id: str, task: Task, outcome: RunOutcome) -> Run:
    receipt = Receipt(
        id=f"{run_id}.1", workspace=task.workspace or "/", fingerprint="f" * 16, files=(), committed_at=WHEN
    )
    kind = {RunOutcome.committed: DecisionKind.commit, RunOutcome.answered: DecisionKind.answer}
    return Run(
        id=run_id,
        task=task,
        outcome=outcome,
        decision=Decision(kind=kind.get(outcome, DecisionKind.abstain), reasons=("as the script says",)),
        receipt=receipt if outcome is RunOutcome.committed else None,
        started_at=WHEN,
    )


@dataclass
class Agents:
    """Each task ends as `script` says (commit, abstain, raise, fault, cancel; hang: once it is let `go`)."""

    store: MemoryStore
    script: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    log: list[str] = field(default_factory=list)
    settings: dict[str, Settings] = field(default_factory=dict)
    running: dict[str, str | None] = field(default_factory=dict)
    most: int = 0
    commits: dict[str, int] = field(default_factory=dict)
    clashes: list[tuple[str, str]] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def ready(self, settings: Settings) -> None: ...

    def __call__(self, settings: Settings, store: Store) -> _Agent:
        return _Agent(self, settings)

    async def done(self, agent: object) -> None: ...

    async def close(self) -> None: ...


class _Agent:
    def __init__(self, world: Agents, settings: Settings) -> None:
        self.world, self.settings = world, settings

    async def astream(self, task: Task, *, run_id: str | None = None) -> AsyncIterator[Event]:
        world, todo = self.world, self.world.script.get(task.id, "commit")
        world.log.append(task.id)
        world.settings[task.id] = self.settings
        world.clashes += [(task.id, other) for other, ws in world.running.items() if touch(ws, task.workspace)]
        world.running[task.id] = task.workspace
        world.most = max(world.most, len(world.running))
        try:
            if todo == "raise":
                raise SandboxUnavailable("no sandbox here")
            if todo == "fault":
                raise KeyError("oops")
            name = run_id or f"{task.id}-{world.log.count(task.id)}"
            if run_id is None:
                world.store.begin(name, task)
            yield Started(run=name, task=task)
            if todo == "cancel":
                raise asyncio.CancelledError
            await (world.go.wait() if todo == "hang" else asyncio.sleep(world.seconds))
            outcome = RunOutcome.abstained if todo == "abstain" else RunOutcome.committed
            if outcome is RunOutcome.committed:
                world.commits[task.id] = world.commits.get(task.id, 0) + 1
            run = run_of(name, task, outcome)
            world.store.save(run)
            yield Finished(run=run)
        finally:
            del world.running[task.id]

    def aresume(self, run: Run, answer: Reply) -> AsyncIterator[Event]:
        raise NotImplementedError


def touch(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return False
    first, second = (path.rstrip("/") + "/" for path in (one, other))
    return first.startswith(second) or second.startswith(first)


@dataclass
class Quiet:
    """Shows nothing, and knows what it was told; with `keep` False, only how much."""

    keep: bool = True
    told: list[Ended] = field(default_factory=list)
    heards: list[Event] = field(default_factory=list)
    count: int = 0

    def heard(self, task: Task, event: Event) -> None:
        if self.keep:
            self.heards.append(event)

    def ended(self, ended: Ended) -> None:
        self.count += 1
        if self.keep:
            self.told.append(ended)

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None: ...


async def nobody(run: Run) -> Reply | None:
    return None


def entry(name: str, workspace: str | None = None, **settings: Any) -> Entry:
    return Entry(task=Task(id=name, workspace=workspace), settings=Settings(**settings))


def batch_of(tasks: Any, store: MemoryStore, agents: Agents, reporter: Reporter | None = None, **more: Any) -> Batch:
    reporter = reporter or Quiet()
    return Batch(tasks, cast(Store, store), agents, reporter=reporter, asker=nobody, **more)
