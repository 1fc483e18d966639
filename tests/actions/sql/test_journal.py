"""SQL in a draft, with files: staged, committed as one transaction and undone through the journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from revet.actions import Protection, Stage, commit, recover, undo
from revet.errors import CommitError, DraftError, WorldMoved
from revet.schema import Action, Changes, Draft, ExecuteSQL, WriteFile
from tests.actions.sql.sql_worlds import dump, make


class Desk:
    """A workspace with a database in it, the task's own."""

    def __init__(self, root: Path) -> None:
        self.workspace, self.folder = root / "ws", root / "layers"
        self.workspace.mkdir()
        self.folder.mkdir()
        self.path = self.workspace / "shop.db"
        make(self.path)
        self.stage = Stage(self.workspace, self.folder, Protection(), database="sqlite:///shop.db")

    def staged(self, *actions: Action) -> tuple[Draft, Changes]:
        draft = Draft(author="test", actions=actions)
        return draft, asyncio.run(self.stage.stage(draft))

    def commit(self, draft: Draft, changes: Changes, name: str = "t-1") -> None:
        commit(self.workspace, self.stage.layer, changes, transaction=name, draft=draft)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_files_and_rows_are_one_commit(desk: Desk) -> None:
    before = dump(desk.path)
    draft, changes = desk.staged(
        WriteFile(path="note.txt", content="done"), ExecuteSQL(sql="DELETE FROM maker WHERE id = 1")
    )
    assert dump(desk.path) == before and not (desk.workspace / "note.txt").exists()
    assert {table.table: table.deleted for table in changes.tables} == {"car": 2, "log": 0, "maker": 1}
    assert all(table.database == f"sqlite:///{desk.path}" for table in changes.tables)
    desk.commit(draft, changes)
    assert (desk.workspace / "note.txt").read_text() == "done" and dump(desk.path) != before
    assert "revet_commits" not in str(dump(desk.path))
    assert recover(desk.workspace) == []
    undo(desk.workspace, "t-1")
    assert dump(desk.path) == before and not (desk.workspace / "note.txt").exists()


def test_if_the_rows_moved_the_files_stay_as_they_were(desk: Desk) -> None:
    draft, changes = desk.staged(
        WriteFile(path="note.txt", content="done"), ExecuteSQL(sql="UPDATE car SET price = price + 1")
    )
    make(desk.path, "UPDATE car SET price = 7 WHERE id = 3")
    moved = dump(desk.path)
    with pytest.raises((WorldMoved, CommitError), match="car"):
        desk.commit(draft, changes)
    assert dump(desk.path) == moved and not (desk.workspace / "note.txt").exists()


def test_reading_changes_nothing_and_may_stand_beside_files(desk: Desk) -> None:
    draft, changes = desk.staged(ExecuteSQL(sql="SELECT * FROM car"), WriteFile(path="note.txt", content="read"))
    assert not changes.tables
    desk.commit(draft, changes)
    assert (desk.workspace / "note.txt").exists()


def test_a_draft_may_not_choose_another_database(desk: Desk, tmp_path: Path) -> None:
    other = make(tmp_path / "other.db")
    with pytest.raises(DraftError, match="is another"):
        desk.staged(ExecuteSQL(sql="DELETE FROM log", database=other))
    with pytest.raises(DraftError, match="into one"):
        desk.staged(ExecuteSQL(sql="DELETE FROM log"), ExecuteSQL(sql="DELETE FROM pair"))


def test_two_databases_in_one_draft(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.stage = Stage(desk.workspace, desk.folder, Protection())
    path = desk.workspace / "sub" / "other.db"
    path.parent.mkdir()
    other = make(path)
    before = dump(desk.path), dump(path)
    draft, changes = desk.staged(
        ExecuteSQL(sql="DELETE FROM log", database="sqlite:///shop.db"),
        ExecuteSQL(sql="UPDATE pair SET b = 9 WHERE a = 'x'", database=other),
    )
    desk.commit(draft, changes)
    after = dump(desk.path), dump(path)
    assert after[0] != before[0] and after[1] != before[1]
    undo(desk.workspace, "t-1")
    assert (dump(desk.path), dump(path)) == before
