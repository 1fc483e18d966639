"""A store of an older form: brought to this one when it is first used, by whoever comes first, wholly or not at all."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import pytest

from revet.errors import StoreError
from revet.schema import Run, Setup
from revet.store import Chosen, Store, migrations
from tests.report.samples import abstained, committed, task

FORM_1 = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    task_digest TEXT NOT NULL,
    workspace TEXT,
    begun_at TEXT NOT NULL,
    outcome TEXT,
    rounds INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    undone INTEGER NOT NULL DEFAULT 0,
    body TEXT
);
CREATE INDEX runs_by_task ON runs (task, task_digest, begun_at);
CREATE INDEX runs_by_time ON runs (begun_at);
PRAGMA user_version = 1;
"""
"""The database as versions before the second form wrote it."""

RUNS = (committed(), abstained())


def write_old(folder: Path, runs: tuple[Run, ...] = RUNS, *, wal: bool = True) -> Store:
    """A store of form 1 with these runs, and one that was begun and has not ended."""
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "runs.db")) as db:
        if wal:
            db.execute("PRAGMA journal_mode = WAL")
        db.executescript(FORM_1)
        for run in runs:
            body = run.model_dump_json(exclude={"setup"})
            values = (
                run.id,
                run.task.id,
                "d",
                run.task.workspace,
                run.started_at.isoformat(),
                run.outcome,
                0,
                1.5,
                body,
            )
            db.execute(
                "INSERT INTO runs (id, task, task_digest, workspace, begun_at, outcome, rounds, seconds, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        begun = ("begun", "late-fee", "d", "2026-01-01T00:00:00Z")
        db.execute("INSERT INTO runs (id, task, task_digest, begun_at) VALUES (?, ?, ?, ?)", begun)
        db.commit()
    return Store(folder)


def form(store: Store) -> int:
    with closing(sqlite3.connect(store.folder / "runs.db")) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


USES: list[Callable[[Store], Any]] = [
    lambda store: store.rows(),
    lambda store: store.get("late-fee-abc123"),
    lambda store: store.begin("new", task()),
    lambda store: store.save(committed("new")),
    lambda store: store.prepare(),
]


@pytest.mark.parametrize("use", USES)
def test_the_first_use_brings_it_to_this_form(tmp_path: Path, use: Callable[[Store], Any]) -> None:
    store = write_old(tmp_path / ".revet")
    use(store)
    assert form(store) == migrations.VERSION
    for run in RUNS:
        assert store.get(run.id) == run, "what was there is there"
        assert store.setup(run.id) is None
    row = store.row("late-fee-abc123")
    assert (row.goal, row.recipe, row.seconds) == (RUNS[0].task.goal, None, 1.5)
    assert store.row("begun").outcome is None
    assert {row.id for row in store.rows(chosen=Chosen(text=RUNS[0].task.goal.lower()))} >= {run.id for run in RUNS}
    setup = Setup(recipe="core", roles={"proposer": "me"})
    store.save(RUNS[0].model_copy(update={"setup": setup}))
    assert store.setup(RUNS[0].id) == setup and store.named("recipe") == ("core",)


def test_a_record_that_is_damaged_stops_nothing(tmp_path: Path) -> None:
    store = write_old(tmp_path / ".revet")
    with closing(sqlite3.connect(store.folder / "runs.db")) as db, db:
        db.execute("UPDATE runs SET body = '{]' WHERE id = 'late-fee-abc123'")
    assert len(store.rows()) == 3 and store.row("late-fee-abc123").goal == ""
    with pytest.raises(StoreError, match="cannot be read"):
        store.get("late-fee-abc123")


def test_a_migration_that_fails_leaves_the_old_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = write_old(tmp_path / ".revet")
    monkeypatch.setattr(migrations, "INDEX", "CREATE INDEX nonsense ON runs (no_such_column)")
    with pytest.raises(StoreError, match="no_such_column"):
        store.rows()
    assert form(store) == 1
    with closing(sqlite3.connect(store.folder / "runs.db")) as db:
        columns = {name for _, name, *_ in db.execute("PRAGMA table_info(runs)")}
        assert not {"goal", "recipe", "setup"} & columns
    monkeypatch.undo()
    assert len(store.rows()) == 3 and form(store) == migrations.VERSION


def migrate_and_hang(folder: str, inside: Event) -> None:
    whole = migrations._from_1

    def hanging(db: sqlite3.Connection) -> None:
        whole(db)
        inside.set()
        signal.pause()

    migrations._from_1 = hanging
    Store(folder).rows()


def test_a_process_that_is_killed_in_a_migration_leaves_the_old_form(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    store, inside = write_old(tmp_path / ".revet"), context.Event()
    other = context.Process(target=migrate_and_hang, args=(str(store.folder), inside))
    other.start()
    assert inside.wait(60) and other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join(60)
    assert form(store) == 1
    assert len(store.rows()) == 3 and form(store) == migrations.VERSION
    assert [store.get(run.id) for run in RUNS] == list(RUNS)


def use_at_once(folder: str, ready: Barrier, number: int) -> None:
    ready.wait(60)
    store = Store(folder)
    assert len(store.rows()) >= 3
    store.save(committed(f"new-{number}"))


def test_several_processes_use_it_first(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(5):
        store = write_old(tmp_path / str(attempt))
        ready = context.Barrier(4)
        users = [context.Process(target=use_at_once, args=(str(store.folder), ready, n)) for n in range(4)]
        for user in users:
            user.start()
        for user in users:
            user.join(60)
        assert [user.exitcode for user in users] == [0] * 4
        assert len(store.rows()) == 7 and form(store) == migrations.VERSION


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can read; pytest's own can only be entered by whoever runs it."""
    folder = Path(tempfile.mkdtemp(prefix="revet-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def read_as_stranger(folder: str, results: Any) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        store = Store(folder)
        results.put([len(store.rows()), store.get("late-fee-abc123").id, store.row("late-fee-abc123").recipe])
    except StoreError as error:
        results.put(str(error))


@pytest.mark.parametrize("wal", [False, True])
def test_what_may_only_be_read_is_read_as_it_is(open_folder: Path, wal: bool) -> None:
    store = write_old(open_folder / "runs", wal=wal)
    for place in (store.folder / "runs.db", store.folder):
        place.chmod(0o555 if place.is_dir() else 0o444)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    reader = context.Process(target=read_as_stranger, args=(str(store.folder), results))
    reader.start()
    seen = results.get(timeout=60)
    reader.join(60)
    store.folder.chmod(0o755)
    assert seen == [3, "late-fee-abc123", None]
    assert form(store) == 1
