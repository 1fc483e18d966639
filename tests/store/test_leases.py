"""Leases: one holder at a time on whatever machine, taken over from the dead, and lost by who was stopped too long."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import psycopg
import pytest

from revet.errors import StoreError
from revet.store import Store
from revet.store.postgres import Postgres
from revet.store.postgres.connection import MOST
from tests.report.samples import committed, task
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

SHORT = 0.6
"""Seconds of a lease that is waited out."""

fork = multiprocessing.get_context("fork")


@pytest.fixture(params=["folder", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "runs" if request.param == "folder" else str(request.getfixturevalue("database"))


def busy() -> StoreError:
    return StoreError("it is taken", hint="wait")


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_holder_at_a_time(place: Path | str) -> None:
    store, other = Store(place), Store(place)
    key = store.task_key(task())
    assert other.leases.holder(key) is False
    with store.leases.hold(key, busy()), store.leases.hold("b\0'ß", busy()):
        for each in (store, other):
            assert each.leases.holder(key) is True
            with pytest.raises(StoreError, match="it is taken"), each.leases.hold(key, busy()):
                pass
        store.leases.check(key, "b\0'ß", "never held here")
        other.leases.check(key)
        assert not store.leases.lost(key) and not other.leases.lost(key)
    assert other.leases.holder(key) is False
    with other.leases.hold(key, busy()):
        pass


def test_a_task_has_one_key_and_another_task_another(place: Path | str) -> None:
    store = Store(place)
    assert store.task_key(task()) == Store(place).task_key(task())
    assert len({store.task_key(each) for each in (task(), task("b"), task(goal="x"), task(workspace="/y"))}) == 4


def test_who_has_it_is_named(database: str) -> None:
    store = Store(database)
    told = pytest.raises(StoreError, match=rf"at work on run r-1: process {os.getpid()} on \S+ has it\n  → wait")
    with store.alone("r-1"), told, store.alone("r-1"):
        pass


def test_what_is_held_is_renewed_by_one_thread_that_ends_with_it(database: str) -> None:
    store = Store(database, lease=SHORT)

    def renewing() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each.name == "revet leases"]

    with store.alone("a"), store.alone("b"):
        assert len(renewing()) == 1
        time.sleep(3 * SHORT)
        assert Store(database).worked_on("a") and Store(database).worked_on("b")
        store.leases.check("a", "b")
    until(lambda: not renewing())
    with store.alone("a"):
        assert len(renewing()) == 1


def test_what_is_held_is_renewed_though_all_connections_are_taken(database: str) -> None:
    store = Store(database, lease=SHORT)
    with store.alone("r-1"):
        with ExitStack() as taken:
            for _ in range(MOST):
                taken.enter_context(Postgres(database).transaction())
            time.sleep(3 * SHORT)
            assert not store.leases.lost("r-1")
        store.leases.check("r-1")


def take_and_say(url: str, ready: Barrier, taken: Any) -> None:
    store = Store(url)
    store.prepare()
    for number in range(20):
        ready.wait(60)
        try:
            with store.leases.hold(f"k-{number}", busy()):
                taken.put(number)
                ready.wait(60)
        except StoreError:
            ready.wait(60)


def test_of_many_that_ask_at_once_one_has_it(place: Path | str) -> None:
    ready, taken = fork.Barrier(4), fork.Queue()
    takers = [fork.Process(target=take_and_say, args=(place, ready, taken)) for _ in range(4)]
    for taker in takers:
        taker.start()
    found = sorted(taken.get(timeout=60) for _ in range(20))
    for taker in takers:
        taker.join(60)
    assert [taker.exitcode for taker in takers] == [0] * 4
    assert found == list(range(20)) and taken.empty()


def leave_and_take(store: Store, lease: Any) -> None:
    lease.__exit__(None, None, None)
    with store.alone("b"):
        os._exit(0 if store.worked_on("a") and store.worked_on("b") else 1)


def test_a_forked_process_gives_back_nothing_of_its_parent(database: str) -> None:
    store = Store(database)
    lease = store.alone("a")
    with lease:
        child = fork.Process(target=leave_and_take, args=(store, lease))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        store.leases.check("a")
        assert store.worked_on("a") is True


# --- the dead and the stopped ----------------------------------------------------------------------------------


def work(place: Path | str, working: Event, go: Event, said: Any) -> None:
    """Hold a run and its task, and save the run when told to go on."""
    store = Store(place, lease=SHORT)
    with store.leases.hold(store.task_key(task()), busy()), store.alone("r-1"):
        store.begin("r-1", task())
        working.set()
        go.wait(60)
        told = []
        for act in (
            lambda: store.leases.check("r-1"),
            lambda: store.leases.check(store.task_key(task())),
            lambda: store.save(committed("r-1")),
        ):
            try:
                act()
                told.append("")
            except StoreError as error:
                told.append(str(error))
        said.put([store.leases.lost("r-1"), *told])


@contextmanager
def worker(place: Path | str) -> Iterator[tuple[Any, Event, Any]]:
    """A process that is at work on the run ``r-1``."""
    working, go, said = fork.Event(), fork.Event(), fork.Queue()
    process = fork.Process(target=work, args=(place, working, go, said))
    process.start()
    try:
        assert working.wait(60)
        yield process, go, said
    finally:
        process.kill()
        process.join(60)


def test_the_work_of_a_killed_process_is_taken_over(place: Path | str) -> None:
    store = Store(place, lease=SHORT)
    with worker(place) as (process, _, _):
        assert store.worked_on("r-1") is True and store.leases.holder(store.task_key(task())) is True
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        until(lambda: store.worked_on("r-1") is False)
        assert store.unfinished(task()) == "r-1"
        with store.leases.hold(store.task_key(task()), busy()), store.alone("r-1"):
            store.save(committed("r-1"))
    assert store.unfinished(task()) is None


def test_a_process_that_was_stopped_too_long_changes_nothing_any_more(database: str) -> None:
    store = Store(database, lease=60)
    with worker(database) as (process, go, said):
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: store.worked_on("r-1") is False)
        with store.leases.hold(store.task_key(task()), busy()), store.alone("r-1"):
            os.kill(process.pid, signal.SIGCONT)
            go.set()
            lost, *told = said.get(timeout=60)
            assert lost is True
            assert all("another one may have taken over" in each for each in told), told
            assert store.find("r-1") is None, "its record was not written over the other one's"
            process.join(60)
            assert store.worked_on("r-1") is True, "what it gave back was not its own any more"


def test_a_process_that_was_stopped_goes_on_if_nobody_took_its_work_over(database: str) -> None:
    store = Store(database)
    with worker(database) as (process, go, said):
        os.kill(process.pid, signal.SIGSTOP)
        until(lambda: store.worked_on("r-1") is False)
        os.kill(process.pid, signal.SIGCONT)
        go.set()
        assert said.get(timeout=60) == [False, "", "", ""]
        process.join(60)
    assert store.find("r-1") == committed("r-1")


def test_a_database_that_is_out_of_reach_for_longer_than_the_lease(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(database, lease=SHORT)
    with store.alone("r-1"):
        with monkeypatch.context() as cut:

            def gone(*args: Any, **more: Any) -> None:
                raise psycopg.OperationalError("the network is down")

            cut.setattr("revet.store.postgres.connection._Pool.taken", gone)
            assert not store.leases.lost("r-1")
            until(lambda: store.leases.lost("r-1"))
            with pytest.raises(StoreError, match="the network is down"):
                store.leases.check("r-1")
        store.leases.check("r-1")
        assert not store.leases.lost("r-1"), "nobody had taken it over"


def test_leases_that_nobody_will_ask_for_are_swept(database: str) -> None:
    store = Store(database)
    store.prepare()
    with psycopg.connect(database) as db:
        for days in (0, 2):
            values = (f"dead {days}", f"host 1 {days}", days)
            db.execute("INSERT INTO revet.leases VALUES (%s, %s, now() - make_interval(days => %s))", values)

    def kept() -> set[str]:
        with psycopg.connect(database) as db:
            return {key for (key,) in db.execute("SELECT key FROM revet.leases")}

    with store.alone("r-1"):
        until(lambda: kept() == {"dead 0", "r-1"})
