"""Many processes write to one PostgreSQL store: no error, no lost row, no lost update, also where one is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.synchronize import Barrier

from revet.schema import Run, Setup
from revet.store import Store
from tests.report.samples import WHEN, committed, task
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

PROCESSES, RUNS = 8, 25
"""`benchmarks/stores.py` does 500 runs in each."""
MEETINGS = 8
"""Where transactions wait for each other, the server looks for that after a second."""

fork = multiprocessing.get_context("fork")


def write_runs(url: str, ready: Barrier, name: str) -> None:
    store = Store(url)
    ready.wait(60)
    for number in range(RUNS):
        run = f"{name}-{number}"
        with store.alone(run):
            store.begin(run, task(name), Setup(recipe=name))
            assert store.unfinished(task(name)) == run
            store.save(committed(run, task(name)))
            found = store.latest(task(name))
            assert found is not None and found.id == run


def test_no_error_and_no_lost_row(database: str) -> None:
    ready = fork.Barrier(PROCESSES)
    names = [f"p{number}" for number in range(PROCESSES)]
    writers = [fork.Process(target=write_runs, args=(database, ready, name)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    store = Store(database)
    rows = store.rows(-1)
    assert {row.id for row in rows} == {f"{name}-{number}" for name in names for number in range(RUNS)}
    assert {(row.task, row.recipe, row.outcome) for row in rows} == {(name, name, "committed") for name in names}


def write_one(url: str, ready: Barrier, number: int) -> None:
    store = Store(url)
    for turn in range(MEETINGS):
        ready.wait(60)
        if number == 0:
            store.begin(f"r-{turn}", task(), Setup(recipe="begun"))
        elif number == 1:
            store.save(committed(f"r-{turn}"))
        elif number == 2:
            store.record([committed(f"r-{turn}"), (f"s-{turn}", task(), None), committed(f"t-{turn}")])
        else:  # the same runs in the other order: transactions meet, and neither is given up
            store.record([committed(f"t-{turn}"), (f"s-{turn}", task(), None), committed(f"r-{turn}")])


def test_what_is_begun_again_while_it_is_saved_stays_saved(database: str) -> None:
    ready = fork.Barrier(4)
    writers = [fork.Process(target=write_one, args=(database, ready, number)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    store = Store(database)
    for turn in range(MEETINGS):
        assert store.find(f"r-{turn}") == committed(f"r-{turn}") and store.find(f"t-{turn}") is not None
        row = store.row(f"r-{turn}")
        assert (row.outcome, row.recipe, row.begun_at) == ("committed", "begun", WHEN)
        assert store.begun(f"s-{turn}") and store.find(f"s-{turn}") is None


def write_for_ever(url: str, ready: Barrier) -> None:
    store = Store(url)
    ready.wait(60)
    number = 0
    while True:
        store.record([committed(f"r-{number}-{half}") for half in "ab"])
        number += 1


def test_a_killed_writer_leaves_whole_transactions(database: str) -> None:
    ready = fork.Barrier(2)
    writer = fork.Process(target=write_for_ever, args=(database, ready))
    writer.start()
    ready.wait(60)
    store = Store(database)
    deadline = time.monotonic() + 20
    while store.count() < 100 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(60)
    names = {row.id for row in store.rows(-1)}
    assert len(names) >= 100 and len(names) % 2 == 0
    assert {name[:-1] for name in names if name.endswith("a")} == {name[:-1] for name in names if name.endswith("b")}
    assert all(isinstance(store.find(name), Run) for name in list(names)[:10])
