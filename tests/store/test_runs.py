"""The store: what is kept and found again, shared by processes, and refused when it cannot be read."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import RunNotFound, StoreError
from revet.schema import Run, RunOutcome, digest
from revet.store import Store
from revet.store.migrations import VERSION
from tests.report.samples import WHEN, abstained, asked, committed, task


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / ".revet")


def test_nothing_is_touched_before_the_first_write(store: Store) -> None:
    assert store.rows() == ()
    assert store.find("x") is None
    assert not store.begun("x")
    assert store.latest(task()) is None
    assert store.unfinished(task()) is None
    with pytest.raises(RunNotFound, match="holds no runs"):
        store.get("x")
    assert not store.folder.parent.exists()


def test_a_run_comes_back_as_it_was(store: Store) -> None:
    for run in (committed(), abstained(), asked()):
        store.save(run)
        assert store.get(run.id) == run
        assert store.find(run.id) == run


def test_the_folder_hides_itself_from_git(store: Store) -> None:
    store.prepare()
    subprocess.run(["git", "init", "-q", str(store.folder.parent)], check=True)
    status = subprocess.run(
        ["git", "-C", str(store.folder.parent), "status", "--porcelain"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert status.stdout == ""
    assert store.checkpoints == store.folder / "checkpoints.db"


def test_only_our_own_folder_is_hidden_from_git(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    Store(project).prepare()
    assert not (project / ".gitignore").exists(), "it was there before: everything in it would vanish from git"
    (project / ".revet").mkdir()
    for ours in (project / ".revet", tmp_path / "new" / "runs"):
        Store(ours).prepare()
        assert (ours / ".gitignore").read_text() == "*\n"
    (tmp_path / "new" / "runs" / ".gitignore").unlink()
    Store(tmp_path / "new" / "runs").prepare()
    assert not (tmp_path / "new" / "runs" / ".gitignore").exists(), "it is not forced on anybody"


def test_an_id_may_be_shortened_while_it_is_clear(store: Store) -> None:
    store.save(committed("late-fee-abc123"))
    store.save(committed("late-fee-abd456"))
    store.save(committed("late"))
    assert store.get("late-fee-abc").id == "late-fee-abc123"
    assert store.get("late").id == "late", "a full id stands above its continuations"
    with pytest.raises(RunNotFound, match=r"could be any of 2 runs[\s\S]*late-fee-abd456"):
        store.get("late-fee")
    with pytest.raises(RunNotFound, match=r"no run 'late-fee-abx'[\s\S]*nearest: late-fee-ab"):
        store.get("late-fee-abx")
    with pytest.raises(RunNotFound):
        store.get("")
    assert store.find("late-fee-abc") is None, "only `get` takes beginnings"


def test_unfinished_runs_are_known_until_they_end(store: Store) -> None:
    store.begin("r-1", task())
    store.begin("r-1", task())
    assert store.unfinished(task()) == "r-1"
    assert store.begun("r-1") and store.find("r-1") is None
    with pytest.raises(RunNotFound, match=r"has not ended[\s\S]*--resume"):
        store.get("r-1")
    assert [row.outcome for row in store.rows()] == [None]
    store.save(committed("r-1"))
    assert store.unfinished(task()) is None
    assert store.latest(task()) == committed("r-1")


def ran(outcome: RunOutcome, run_id: str, *, month: int) -> Run:
    """A run of the task that began in this month of next year."""
    at = WHEN.replace(year=2099, month=month)
    return committed(run_id).model_copy(update={"outcome": outcome, "started_at": at, "receipt": None})


@pytest.mark.parametrize("later", [RunOutcome.abstained, RunOutcome.rejected])
def test_what_broke_off_is_gone_on_with_though_another_run_came_to_nothing(store: Store, later: RunOutcome) -> None:
    store.begin("r-1", task())
    store.save(ran(later, "r-2", month=1))
    assert store.unfinished(task()) == "r-1"


@pytest.mark.parametrize("later", [RunOutcome.committed, RunOutcome.answered, RunOutcome.asked])
def test_what_broke_off_is_passed_over_once_another_run_did_it(store: Store, later: RunOutcome) -> None:
    store.begin("r-1", task())
    store.save(ran(later, "r-2", month=1))
    assert store.unfinished(task()) is None
    store.save(ran(RunOutcome.failed, "r-3", month=2))
    assert store.unfinished(task()) == "r-3", "a run that failed is one that broke off"


def test_a_run_without_a_record_can_be_marked_undone(store: Store) -> None:
    store.begin("r-1", task())
    store.mark_undone("r-1")
    assert store.row("r-").undone and store.row("r-1").outcome is None
    assert store.unfinished(task()) is None, "what was taken back is not gone on with"


@settings(deadline=None, max_examples=60)
@given(histories=st.lists(st.lists(st.sampled_from([None, "undone", *RunOutcome]), max_size=4), max_size=4))
def test_what_is_done_is_told_of_many_tasks_as_of_each(histories: list[list[RunOutcome | str | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, tasks = Store(folder), [task(str(number)) for number in range(len(histories))]
        for each, history in zip(tasks, histories, strict=True):
            for number, outcome in enumerate(history):
                run_id = f"{each.id}-{number}"
                store.begin(run_id, each)
                if isinstance(outcome, RunOutcome):
                    store.save(ran(outcome, run_id, month=1).model_copy(update={"task": each}))
                elif outcome is not None:
                    run = committed(run_id)
                    assert run.receipt is not None
                    taken_back = run.receipt.model_copy(update={"undone_at": WHEN})
                    store.save(run.model_copy(update={"task": each, "receipt": taken_back}))
        known = [None if store.unfinished(each) else store.latest(each) for each in tasks]
        wanted = [run if run and run.ok and not (run.receipt and run.receipt.undone_at) else None for run in known]
        assert list(store.done([*tasks, task("never")])) == [*wanted, None]


def test_a_record_that_cannot_be_read_is_of_no_task_that_is_done(store: Store) -> None:
    store.save(committed())
    with closing(sqlite3.connect(store.folder / "runs.db")) as db, db:
        db.execute("UPDATE runs SET body = '{}'")
    assert store.done([task()]) == (None,)


def test_only_exactly_the_same_task_is_the_same(store: Store) -> None:
    store.save(committed())
    store.begin("other", task("other"))
    assert store.latest(task()) is not None
    assert store.latest(task(goal="Something else.")) is None
    assert store.latest(task(workspace="/elsewhere")) is None
    assert store.unfinished(task(goal="Something else.")) is None


def test_the_newest_counts(store: Store) -> None:
    later = abstained("b").model_copy(update={"started_at": WHEN.replace(year=2027)})
    store.save(later)
    store.save(committed("a"))
    latest = store.latest(task())
    assert latest is not None and latest.id == "a", "the clock of whoever did b may be wrong"
    assert [row.id for row in store.rows()] == ["b", "a"]
    assert [row.id for row in store.rows(limit=1)] == ["b"]


def test_rows_say_what_was_undone(store: Store) -> None:
    run = committed()
    store.save(run)
    assert run.receipt is not None
    store.save(run.model_copy(update={"receipt": run.receipt.model_copy(update={"undone_at": WHEN})}))
    (row,) = store.rows()
    assert (row.outcome, row.undone, row.seconds) == (RunOutcome.committed, True, 4.2)


def test_a_newer_form_is_refused(store: Store) -> None:
    store.save(committed())
    with sqlite3.connect(store.folder / "runs.db") as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    for use in (lambda: store.rows(), lambda: store.save(committed()), lambda: store.prepare()):
        with pytest.raises(StoreError, match=r"newer revet[\s\S]*upgrade"):
            use()


def test_what_is_no_database_is_refused_and_kept(store: Store) -> None:
    store.folder.mkdir(parents=True)
    file = store.folder / "runs.db"
    file.write_bytes(b"this is not a database, but somebody may want it")
    for use in (lambda: store.rows(), lambda: store.prepare()):
        with pytest.raises(StoreError, match=r"is no store of runs[\s\S]*move"):
            use()
    assert file.read_bytes().startswith(b"this is not")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot be used[\s\S]*--out"):
        Store(tmp_path / "file" / ".revet").prepare()


def test_a_record_that_cannot_be_read_is_told(store: Store) -> None:
    store.save(committed())
    with sqlite3.connect(store.folder / "runs.db") as db:
        db.execute("UPDATE runs SET body = '{}'")
    db.close()
    with pytest.raises(StoreError, match="another version of revet"):
        store.get(committed().id)


def test_odd_ids_and_texts_survive(store: Store) -> None:
    run = committed("a'b--;DROP TABLE runs", task(goal="naïve 🐛 \u2028 line"))
    store.save(run)
    assert store.get(run.id) == run


def write_many(folder: str, name: str, count: int) -> None:
    store = Store(folder)
    for number in range(count):
        store.begin(f"{name}-{number}", task())
        store.save(committed(f"{name}-{number}"))


def test_several_processes_write_at_once(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(str(store.folder), name, 15)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert {row.id for row in store.rows(100)} == {f"{name}-{i}" for name in "abc" for i in range(15)}


def open_both(folder: str, ready: Barrier) -> None:
    ready.wait(60)
    Store(folder).prepare()
    with closing(sqlite3.connect(Store(folder).checkpoints, timeout=30)) as db:
        db.executescript("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (1);")


def test_several_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(10):
        ready = context.Barrier(4)
        folder = tmp_path / str(number)
        openers = [context.Process(target=open_both, args=(str(folder), ready)) for _ in range(4)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join(60)
        assert [opener.exitcode for opener in openers] == [0] * 4
        with closing(sqlite3.connect(Store(folder).checkpoints)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_checkpoints_can_be_opened_while_another_writes_the_first_of_them(store: Store) -> None:
    store.prepare()
    with closing(sqlite3.connect(store.checkpoints, isolation_level=None)) as one:
        one.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(store.checkpoints, timeout=0)) as other:
            assert other.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)


def test_checkpoints_that_are_no_database_are_named(store: Store) -> None:
    store.prepare()
    for suffix in ("", "-wal", "-shm"):
        store.checkpoints.with_name(store.checkpoints.name + suffix).unlink(missing_ok=True)
    store.checkpoints.write_bytes(b"this is not a database, but somebody may want it")
    with pytest.raises(StoreError, match=r"checkpoints\.db is no store"):
        store.prepare()


def test_tasks_are_told_apart_by_a_digest_of_all_they_say() -> None:
    assert digest(task().model_dump(mode="json")) == digest(task().model_dump(mode="json"))
    assert digest(task().model_dump(mode="json")) != digest(task(edit=("a",)).model_dump(mode="json"))
