"""What a long run costs with everything in PostgreSQL, against SQLite: time, and bytes written to checkpoints.

A run of 20 rounds, whose drafts are 5 kB each, asks a person at the end, so that its checkpoints stay to be counted.
One run alone, and eight at the same time, are done with either store in turn, in one process, on the same disk; the
best of each counts. The server is one of Debian's on a socket, without flushing to the disk (`fsync=off`), as SQLite
does not flush each checkpoint either. Bytes are those of the values, without what the databases add.

    python benchmarks/stores_runs.py --repeats 5
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from revet import Agent, Task
from revet.policy import Policy
from revet.schema import Critique, Draft, RunOutcome, Verdict, WriteFile
from revet.store import Store
from revet.tools import View
from tests.tools.postgres import server

ROUNDS, MANY = 20, 8
SQLITE = {"checkpoints": "checkpoint", "parts": "data", "writes": "value"}
POSTGRES = {"checkpoints": "checkpoint::text", "checkpoint_blobs": "blob", "checkpoint_writes": "blob"}


class Writer:
    name = "writer"

    async def propose(self, view: View) -> Draft:
        return await self.revise(view, None)

    async def revise(self, view: View, critique: Critique | None) -> Draft:
        text = f"draft {view.round} of {len(view.attempts)}\n" + "x" * 4_000
        return Draft(author=self.name, actions=(WriteFile(path="names.txt", content=text),), notes="y" * 1_000)


class Judge:
    name = "judge"

    async def criticise(self, view: View) -> Critique:
        verdict = Verdict.accept if view.round >= ROUNDS else Verdict.revise
        return Critique(critic=self.name, verdict=verdict, possible_result="z" * 500)


async def done(store: Store, work: Path, names: list[str]) -> float:
    """Seconds for a run of each name, all at the same time."""
    policy = Policy(rounds=ROUNDS + 1, approve="ask")
    agent = Agent(Writer(), critics=[Judge()], tools=[], sandbox=None, store=store, policy=policy)
    start = time.perf_counter()
    runs = await asyncio.gather(
        *(agent.arun(Task(id=name, workspace=str(work / name)), run_id=name, progress=False) for name in names)
    )
    took = time.perf_counter() - start
    assert {(run.outcome, run.usage.rounds) for run in runs} == {(RunOutcome.asked, ROUNDS)}
    return took


def written(store: Store, run: str) -> int:
    """Bytes that the checkpoints of a run hold."""
    if store.url is None:
        with closing(sqlite3.connect(store.checkpoints)) as db:
            sums = [f"SELECT sum(length(CAST({what} AS BLOB))) FROM {table}" for table, what in SQLITE.items()]
            return sum(db.execute(f"{each} WHERE thread_id = ?", (run,)).fetchone()[0] or 0 for each in sums)
    with psycopg.connect(store.url) as connection:
        sums = [f"SELECT sum(octet_length({what})) FROM revet.{table}" for table, what in POSTGRES.items()]
        rows = [connection.execute(f"{each} WHERE thread_id = %s".encode(), (run,)).fetchone() for each in sums]
        return sum(int(row[0] or 0) for row in rows if row)


def measured(url: str, folder: Path, repeats: int) -> Iterator[str]:
    """Lines that say what was measured."""
    stores = {"SQLite": Store(folder / "store"), "PostgreSQL": Store(url, folder=folder)}
    for count in (1, MANY):
        took: dict[str, list[float]] = {name: [] for name in stores}
        for turn in range(repeats):
            for name, store in stores.items():
                names = [f"{name}-{count}-{turn}-{number}" for number in range(count)]
                for each in names:
                    (folder / each).mkdir()
                took[name].append(asyncio.run(done(store, folder, names)))
        best = {name: min(times) for name, times in took.items()}
        ratio = best["PostgreSQL"] / best["SQLite"]
        told = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in best.items())
        yield f"{count} run{'s' * (count > 1)} of {ROUNDS} rounds: {told}, ratio {ratio:.2f}"
    sizes = {name: written(store, f"{name}-1-0-0") for name, store in stores.items()}
    told = ", ".join(f"{name} {size / 1000:.0f} kB" for name, size in sizes.items())
    yield f"written by one: {told}, ratio {sizes['PostgreSQL'] / sizes['SQLite']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with server() as url, tempfile.TemporaryDirectory() as folder:
        for line in measured(url, Path(folder), given.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
