"""Staged, committed once, undone: on SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from revet.errors import CommitError, DraftError, UndoConflict, WorldMoved
from tests.actions.sql.sql_worlds import Case, dump, make

STATEMENTS = [
    "DELETE FROM maker WHERE id = 1",
    "UPDATE car SET price = price * 2, photo = x'0102'",
    "REPLACE INTO maker VALUES (2, 'Lancia')",
    "INSERT INTO ticket (text) VALUES ('a'), (NULL), ('ü')",
    "DELETE FROM log WHERE rowid = 1",
    "UPDATE pair SET b = b + 10; DELETE FROM pair WHERE b = 12",
    "CREATE TABLE new (a); INSERT INTO new VALUES (1)",
    "DROP TABLE car",
    "ALTER TABLE log ADD COLUMN at DEFAULT 3; UPDATE log SET at = 4",
    "DROP TRIGGER gone",
    "BEGIN; INSERT INTO maker VALUES (7, 'Tatra'); UPDATE maker SET id = 8 WHERE id = 7; COMMIT",
]


@pytest.mark.parametrize("sql", STATEMENTS)
def test_commit_does_it_once_and_undo_restores_it(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), sql, tmp_path / "kept")
    before = dump(path)
    case.stage()
    case.do("prepare")
    assert dump(path) == before
    case.do("commit", "commit", "settle", "settle")
    after = dump(path)
    assert after != before and "revet_commits" not in str(after)
    assert case.handler.reversible(case.action)
    case.do("undo", "undo", "settle", "undo")
    assert dump(path) == before


def test_a_full_text_index_is_undone_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    script = "CREATE VIRTUAL TABLE doc USING fts5(text); INSERT INTO doc VALUES ('one two'), ('two three')"
    case = Case(
        make(path, script), "DELETE FROM doc WHERE doc MATCH 'one'; INSERT INTO doc VALUES ('four')", tmp_path / "kept"
    )
    before = _found(path, "two"), _found(path, "four")
    case.commit()
    assert (_found(path, "two"), _found(path, "four")) == (1, 1)
    case.undo()
    assert (_found(path, "two"), _found(path, "four")) == before == (2, 0)


def _found(path: Path, word: str) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM doc WHERE doc MATCH ?", (word,)).fetchone()[0])
    finally:
        connection.close()


def test_what_is_undone_before_it_was_committed_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "DELETE FROM log", tmp_path / "kept")
    before = dump(path)
    case.do("undo")
    case.stage()
    case.do("prepare", "undo", "settle")
    assert dump(path) == before


def test_undo_after_a_commit_that_was_not_settled(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "DELETE FROM log", tmp_path / "kept")
    before = dump(path)
    case.stage()
    case.do("prepare", "commit", "undo", "undo", "settle")
    assert dump(path) == before


@pytest.mark.parametrize("when", ["stage", "prepare"])
def test_a_world_that_moved_is_left_as_it_is(tmp_path: Path, when: str) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "UPDATE car SET price = 1", tmp_path / "kept")
    case.stage()
    if when == "prepare":
        case.do("prepare")
    _write(path, "UPDATE car SET price = 77 WHERE id = 1")
    moved = dump(path)
    with pytest.raises(WorldMoved, match="car"):
        case.do("prepare" if when == "stage" else "commit")
    assert dump(path) == moved


def test_what_does_not_matter_to_it_may_change(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "UPDATE car SET price = 1 WHERE id = 1", tmp_path / "kept")
    case.stage()
    _write(path, "UPDATE car SET price = 77 WHERE id = 2; DELETE FROM log")
    case.do("prepare", "commit", "settle")
    case.undo()
    assert "77.0" in str(dump(path))


def test_what_differs_each_time_is_not_committed(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "INSERT INTO log VALUES (random())", tmp_path / "kept")
    before = dump(path)
    case.stage()
    with pytest.raises(WorldMoved, match=r"random\(\)"):
        case.do("prepare")
    assert dump(path) == before


@pytest.mark.parametrize(
    ("sql", "then", "names"),
    [
        ("UPDATE car SET price = 1", "UPDATE car SET price = 2 WHERE id = 2", "car"),
        ("INSERT INTO maker VALUES (9, 'Tatra')", "DELETE FROM maker WHERE id = 9", "maker"),
        ("DELETE FROM log", "INSERT INTO log VALUES ('new')", "log"),
        ("DELETE FROM maker WHERE id = 3", "INSERT INTO maker VALUES (4, 'Lada')", "maker"),
        ("DROP TABLE log", "UPDATE maker SET name = 'x' WHERE id = 1", "shop.db"),
    ],
)
def test_what_others_wrote_since_is_not_overwritten(tmp_path: Path, sql: str, then: str, names: str) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), sql, tmp_path / "kept")
    case.commit()
    _write(path, "CREATE TABLE IF NOT EXISTS log (what TEXT); " * (sql == "DROP TABLE log" and False) + then)
    after = dump(path)
    if then == "INSERT INTO log VALUES ('new')":
        with pytest.raises(UndoConflict):
            case.undo()
        return
    with pytest.raises(UndoConflict, match=names):
        case.undo()
    assert [line for line in dump(path) if "revet_commits" not in line] == after


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("INSERT INTO maker VALUES (1, 'x')", "line 1"),
        ("VACUUM", "cannot be tried"),
        ("DELETE FROM nowhere", "nowhere"),
    ],
)
def test_drafts_that_cannot_be_staged(tmp_path: Path, sql: str, says: str) -> None:
    with pytest.raises(DraftError, match=says):
        Case(make(tmp_path / "shop.db"), sql, tmp_path / "kept").stage()


def test_a_missing_database_is_the_drafts_fault(tmp_path: Path) -> None:
    with pytest.raises(DraftError, match="no database"):
        Case(f"sqlite:///{tmp_path}/none.db", "SELECT 1", tmp_path / "kept").stage()


def test_a_locked_database_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    case = Case(make(path), "DELETE FROM log", tmp_path / "kept")
    case.stage()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CommitError, match="locked"):
        case.do("prepare")
    other.execute("ROLLBACK")
    other.close()
    case.do("prepare", "commit")


def _write(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
