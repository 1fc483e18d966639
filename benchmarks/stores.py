"""Many processes on one store: 8 × 500 runs in PostgreSQL, and the same in SQLite beside it; lost rows and time.

Each process begins each of its runs under a lease, saves it as a repair leaves it (see `tests.report.samples`), and
reads it back. Both stores take turns in one process after the other's, on the same disk; the
best of each counts. The server is one of Debian's on a socket, without flushing to the disk (`fsync=off`), as SQLite
with its write-ahead log does not flush each transaction either; with `--fsync` it flushes. One process is killed in the
middle with ``--kill``: what it had begun is taken over by another one when its lease has run out.

    python benchmarks/stores.py --repeats 3
    python benchmarks/stores.py --kill
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from revet.errors import StoreError
from revet.schema import RunOutcome
from revet.store import Store
from tests.report.samples import committed, task
from tests.store.databases import empty_database
from tests.tools.postgres import server

LEASE = 3.0
fork = multiprocessing.get_context("fork")


def work(place: Path | str, name: str, runs: int, ready: Barrier | None) -> None:
    """Do those runs of one process that are not done yet."""
    store = Store(place, lease=LEASE)
    if ready is not None:
        ready.wait()
    for number in range(runs):
        run, of = f"{name}-{number}", task(f"{name}-{number % 10}")
        if store.find(run) is not None:
            continue
        with store.alone(run):
            store.begin(run, of)
            store.save(committed(run, of))
            found = store.find(run)
            assert found is not None and found.outcome is RunOutcome.committed


def together(place: Path | str, processes: int, runs: int) -> float:
    """Seconds that it takes all processes. Raises if one fails, or if a row is missing."""
    Store(place).prepare()
    ready = fork.Barrier(processes + 1)
    workers = [fork.Process(target=work, args=(place, f"p{n}", runs, ready)) for n in range(processes)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    if any(worker.exitcode for worker in workers):
        raise SystemExit(f"a process failed: {[worker.exitcode for worker in workers]}")
    check(place, processes, runs)
    return seconds


def check(place: Path | str, processes: int, runs: int) -> None:
    rows = Store(place).rows(-1)
    wanted = {f"p{n}-{number}" for n in range(processes) for number in range(runs)}
    missing = wanted - {row.id for row in rows if row.outcome is RunOutcome.committed}
    if missing or len(rows) != len(wanted):
        raise SystemExit(f"{len(missing)} of {len(wanted)} rows are missing: {sorted(missing)[:5]}")


def taken_over(place: str, processes: int, runs: int) -> float:
    """Seconds from the death of one process until another one has done its runs."""
    Store(place).prepare()
    ready = fork.Barrier(processes + 1)
    workers = [fork.Process(target=work, args=(place, f"p{n}", runs, ready)) for n in range(processes)]
    for worker in workers:
        worker.start()
    ready.wait()
    store = Store(place, lease=LEASE)
    while store.count() < processes * runs // 3:
        time.sleep(0.01)
    assert workers[0].pid is not None
    os.kill(workers[0].pid, signal.SIGKILL)
    died = time.perf_counter()
    while True:
        try:
            work(place, "p0", runs, None)
            break
        except StoreError as busy:
            assert "at work on run p0-" in str(busy), busy
            time.sleep(0.05)
    seconds = time.perf_counter() - died
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers[1:]):
        raise SystemExit(f"a process failed: {[worker.exitcode for worker in workers]}")
    check(place, processes, runs)
    return seconds


def flushing(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("ALTER SYSTEM SET fsync = on")
        db.execute("SELECT pg_reload_conf()")


def folders() -> Iterator[Path]:
    while True:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--kill", action="store_true")
    asked = parser.parse_args()
    total = asked.processes * asked.runs
    with server() as url:
        if asked.fsync:
            flushing(url)
        if asked.kill:
            with empty_database(url) as place:
                seconds = taken_over(place, asked.processes, asked.runs)
            print(f"{total} runs, each once; one of {asked.processes} processes was killed: another one had done")
            print(f"its runs {seconds:.1f} s later (a lease is {LEASE} s)")
            return
        times: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
        for _, folder in zip(range(asked.repeats), folders(), strict=False):
            times["SQLite"].append(together(folder / "runs", asked.processes, asked.runs))
            with empty_database(url) as place:
                times["PostgreSQL"].append(together(place, asked.processes, asked.runs))
    print(f"{asked.processes} processes × {asked.runs} runs: no error, no lost row, in {asked.repeats} repeats of each")
    for name, each in times.items():
        best = min(each)
        print(f"{name:10}  {best:6.2f} s  {total / best:7,.0f} runs/s  (of {', '.join(f'{s:.2f}' for s in each)} s)")
    print(f"PostgreSQL / SQLite: {min(times['PostgreSQL']) / min(times['SQLite']):.2f}")


if __name__ == "__main__":
    main()
