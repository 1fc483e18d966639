"""Of a task that has ended nothing stays: a long batch takes no more memory than a short one."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from revet.batch import Results
from revet.report import Ended
from revet.taskfile import Entry
from tests.batch.world import Agents, MemoryStore, Quiet, batch_of, entry

TASKS = 2_400


class Forgetful(MemoryStore):
    """Keeps no run: a real store has them on the disk."""

    def begin(self, *given: Any) -> None: ...

    def save(self, *given: Any) -> None: ...


class Marks(Quiet):
    """Notes what is allocated after some tasks."""

    def __init__(self, agents: Agents) -> None:
        super().__init__(keep=False)
        self.agents, self.marks = agents, dict[int, int]()

    def ended(self, ended: Ended) -> None:
        super().ended(ended)
        if self.count in (400, TASKS):
            for kept in (self.agents.log, self.agents.settings, self.agents.commits):
                kept.clear()
            gc.collect()
            self.marks[self.count] = tracemalloc.get_traced_memory()[0]


async def test_memory_is_flat_in_the_number_of_tasks(tmp_path: Path) -> None:
    store = Forgetful()
    agents = Agents(store)
    shown = Marks(agents)

    def tasks() -> Iterator[Entry]:
        for number in range(TASKS):
            yield entry(f"t{number}", f"/work/{number % 100}")

    batch = batch_of(tasks(), store, agents, shown, jobs=8, results=Results(tmp_path / "r.jsonl"))
    tracemalloc.start()
    try:
        await batch.run()
    finally:
        tracemalloc.stop()
    assert batch.tally.ok == TASKS and batch.tally.first == []
    assert shown.marks[TASKS] < shown.marks[400] + 150_000, shown.marks
    assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == TASKS
