"""The store by URL: PostgreSQL answers as SQLite does, whatever is kept; and it is made by whoever comes first."""

from __future__ import annotations

import copy
import itertools
import multiprocessing
import os
import pickle
import tempfile
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revet.errors import InputError, RunNotFound, StoreError
from revet.schema import Run, RunOutcome, Setup, Task
from revet.store import Chosen, Store
from revet.store.place import shown_url
from revet.store.postgres import MIGRATIONS, Postgres, escaped, migrations, unescaped
from tests.report.samples import abstained, asked, committed, task
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

DAY = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(database: str) -> Store:
    return Store(database)


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as db:
        return [name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'revet'")]


def test_nothing_is_touched_before_the_first_write(store: Store, database: str, tmp_path: Path) -> None:
    assert store.rows() == () and store.count() == 0 and store.named("task") == ()
    assert store.find("x") is None and not store.begun("x") and store.worked_on("x") is False
    assert store.latest(task()) is None and store.unfinished(task()) is None
    with pytest.raises(RunNotFound, match=r"revet@/t_\w+\S* holds no runs[\s\S]*--store"):
        store.get("x")
    assert tables(database) == []


def test_a_run_comes_back_as_it_was_and_nothing_is_in_a_folder(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    store.prepare()
    with store.held(), store.alone("late-fee-abc123"):
        for run in (committed(), abstained(), asked()):
            store.save(run)
            assert store.get(run.id) == run == store.find(run.id)
    assert store.get("late-fee-ab") == committed(), "an id may be shortened"
    assert store.ended(["nobody", committed().id, asked().id]) == (committed().id,)
    assert list(tmp_path.iterdir()) == []
    assert store.folder == Path(".revet") and store.home == store.url


def test_a_store_is_a_folder_or_a_url_of_postgresql() -> None:
    for place in ("mysql://me:secret@host/db", "sqlite:///x.db", "redis://:secret@host"):
        with pytest.raises(InputError, match=r"no store of the kind \w+://[\s\S]*postgresql://") as refused:
            Store(place)
        assert "secret" not in str(refused.value)
    assert Store("a/b:c").url is None and Store().folder == Path(".revet") == Store().home
    store = Store("postgres://me:secret@host/db", lease=5, folder="runs")
    for again in (store, copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert (again.url, again.shown) == ("postgres://me:secret@host/db", "postgres://me@host/db")
        assert again.folder == Path("runs") and again.home == again.url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5432/db", "postgresql://me@host:5432/db"),
        ("postgresql://me@host/db?sslmode=require", "postgresql://me@host/db?sslmode=require"),
        ("postgresql://host/db?user=me&password=secret", "postgresql://host/db?user=me"),
        ("postgresql://host/db?password=secret&user=me", "postgresql://host/db?user=me"),
        ("postgresql://host/db?password=secret", "postgresql://host/db"),
        ("postgresql://me:se@cret@host/db", "postgresql://…"),
        ("postgresql://me:sec/ret@host/db", "postgresql://…"),
        ("postgresql://me:sec?ret@host/db", "postgresql://…"),
        ("postgresql://me:se@c?ret@host/db", "postgresql://…"),
        ("postgresql://host:5432/db?password=sec@ret", "postgresql://…"),
        ("postgresql://host/db?passwrod=secret&port=1", "postgresql://host/db?port=1"),
        ("postgresql://:secret@host/db", "postgresql://@host/db"),
        ("postgresql:///db?host=/run/x", "postgresql:///db?host=/run/x"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@given(st.text(st.characters(codec=None)))
@settings(deadline=None)
def test_what_postgresql_refuses_is_escaped_and_comes_back(text: str) -> None:
    kept = escaped(text)
    assert unescaped(kept) == text and "\0" not in kept
    kept.encode()


NAMES = st.sampled_from(["a", "ab", "b%s", "c?", "Ä", "{d}", "nul\0", "\ufffe0000", "\U0010ffe0"])
TEXTS = st.text(max_size=8) | st.sampled_from(["Mend\0 it", "100 % {sure}?", "\ufffe", "0", "\0", "ÄäIıİ", "A_b%"])
TASK_IDS = st.sampled_from(["a", "A", "b"])
TASKS = st.builds(lambda name, goal, place: task(name, place, goal=goal or "x"), TASK_IDS, TEXTS, TEXTS)
TIMES = st.integers(0, 4).map(lambda days: DAY + timedelta(days=days))
SETUPS = st.none() | st.sampled_from([Setup(), Setup(recipe="r\0"), Setup(recipe="other")])


def _run(name: str, of: Task, outcome: RunOutcome, when: datetime, setup: Setup | None, undone: bool) -> Run:
    run = committed(name, of)
    assert run.receipt is not None
    receipt = run.receipt.model_copy(update={"undone_at": when if undone else None})
    changes: dict[str, Any] = {"outcome": outcome, "started_at": when, "setup": setup, "receipt": receipt}
    return run.model_copy(update=changes | {"answer": f"{name}\0{of.goal}"})


RUNS = st.builds(_run, NAMES, TASKS, st.sampled_from(RunOutcome), TIMES, SETUPS, st.booleans())
CHOSEN = st.builds(
    Chosen,
    st.none() | st.sampled_from([*RunOutcome, "unended", "undone"]),
    st.none() | TASK_IDS,
    st.none() | st.sampled_from(["r\0", "core", "x"]),
    TEXTS,
)
OPERATIONS = st.one_of(
    st.tuples(st.just("begin"), NAMES, TASKS, SETUPS),
    st.tuples(st.just("save"), RUNS),
    st.tuples(st.just("record"), st.lists(RUNS | st.tuples(NAMES, TASKS, SETUPS), max_size=3)),
    st.tuples(st.just("mark_undone"), NAMES),
    st.tuples(st.just("latest"), TASKS),
    st.tuples(st.just("unfinished"), TASKS),
    st.tuples(st.just("done"), st.lists(TASKS, max_size=3)),
    st.tuples(st.just("find"), NAMES),
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("setup"), NAMES),
    st.tuples(st.just("ended"), st.lists(NAMES)),
    st.tuples(st.just("undone")),
    st.tuples(st.just("named"), st.sampled_from(["task", "recipe"])),
    st.tuples(st.just("count"), CHOSEN),
    st.tuples(st.just("list"), st.integers(-1, 3), st.integers(0, 2), CHOSEN),
)


def answer(store: Store, what: str, *given: Any) -> Any:
    """What the store answers, or how it refuses."""
    try:
        if what == "list":
            return store.rows(given[0], offset=given[1], chosen=given[2])
        return getattr(store, what)(*given)
    except StoreError as error:
        return type(error), str(error).partition("\n")[0].replace(store.shown, "the store")


@given(st.lists(OPERATIONS, min_size=2, max_size=12))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_postgresql_answers_as_sqlite_does(database: str, operations: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, psycopg.connect(database) as db:
        if tables(database):
            db.execute("TRUNCATE revet.runs")
            db.commit()
        stores = Store(folder), Store(database)
        for number, operation in enumerate([*operations, ("list", -1, 0, Chosen())]):
            with patch("revet.store.runs.utcnow", lambda number=number: DAY + timedelta(hours=7 * number)):
                one, other = (answer(store, *operation) for store in stores)
            assert one == other, operation


def test_equal_times_are_listed_the_last_begun_first(store: Store) -> None:
    for name in "abc":
        store.save(committed(name))
    store.save(committed("a"))
    assert [row.id for row in store.rows()] == ["c", "b", "a"]


# --- its form --------------------------------------------------------------------------------------------------


def use_at_once(url: str, ready: Barrier, number: int) -> None:
    ready.wait(60)
    Store(url).save(committed(f"new-{number}"))


def test_several_processes_make_it_at_once(database: str) -> None:
    context = multiprocessing.get_context("fork")
    ready = context.Barrier(6)
    users = [context.Process(target=use_at_once, args=(database, ready, n)) for n in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join(60)
    assert [user.exitcode for user in users] == [0] * 6
    assert len(Store(database).rows()) == 6


def test_an_older_form_is_brought_to_this_one_or_stays(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "MIGRATIONS", MIGRATIONS[:2])
        older.setattr("revet.store.postgres.connection.MIGRATIONS", MIGRATIONS[:2])
        Store(database).save(committed())
    Postgres(database).close()
    assert set(tables(database)) == {"form", "runs", "leases"}
    with monkeypatch.context() as broken:
        broken.setattr(migrations, "MIGRATIONS", (*MIGRATIONS[:-1], "CREATE TABLE revet.half (x int); SELECT nonsense"))
        with pytest.raises(StoreError, match="nonsense"):
            Store(database).rows()
        Postgres(database).close()
    assert set(tables(database)) == {"form", "runs", "leases"}, "wholly or not at all"
    assert Store(database).get(committed().id) == committed()
    assert {"replies", "notes"} < set(tables(database)), "reading brings it to this form, too"


def test_a_newer_form_is_refused(store: Store, database: str) -> None:
    store.save(committed())
    Postgres(database).close()
    with psycopg.connect(database) as db:
        db.execute("UPDATE revet.form SET number = number + 1")
    for use in (lambda: store.rows(), lambda: store.save(committed()), lambda: store.prepare()):
        with pytest.raises(StoreError, match=r"newer revet[\s\S]*upgrade"):
            use()


def in_child(store: Store) -> None:
    store.save(committed("child"))
    os._exit(0 if len(store.rows()) == 2 else 1)


def test_a_forked_process_has_connections_of_its_own(store: Store) -> None:
    store.save(committed("parent"))
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(store,))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert {row.id for row in store.rows()} == {"parent", "child"}


def test_threads_share_a_few_connections(store: Store, database: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from revet.store.postgres.connection import MOST

    store.prepare()
    numbers = itertools.count()
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: store.save(committed(f"r-{next(numbers)}")), range(100)))
    assert store.count() == 100
    with psycopg.connect(database) as db:
        ours = b"datname = current_database() AND application_name = 'revet'"
        (count,) = db.execute(b"SELECT count(*) FROM pg_stat_activity WHERE " + ours).fetchone() or (0,)
    assert 1 <= count <= MOST
