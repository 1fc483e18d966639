"""The life of what a commit does beyond files: order, marks, receipts, and journals of before."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.actions import EffectUncertain, commit, find_receipt, journal, receipts, recover, undo
from revet.actions.journal import Home, Phase, Plan
from revet.actions.parts import in_order, told
from revet.actions.registry import _handlers
from revet.errors import CommitError, UndoConflict, WorldMoved
from revet.schema import (
    CallTool,
    Changes,
    EffectReceipt,
    ExecuteSQL,
    FolderChange,
    Receipt,
    TableChange,
    WriteFile,
)
from tests.actions.action_worlds import Desk, Plain, build, draft_of, killed_at, look


class Book(Plain):
    """Keeps, in a file of the world, which keys are in, and says what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.raises: dict[str, Exception] = {}

    def _say(self, what: str, action: CallTool) -> None:
        self.said.append(f"{what} {action.name}")
        if f"{what} {action.name}" in self.raises:
            raise self.raises[f"{what} {action.name}"]

    def _keys(self, change: Callable[[set[str]], None]) -> None:
        keys = set(json.loads(self.path.read_text())) if self.path.exists() else set()
        change(keys)
        self.path.write_text(json.dumps(sorted(keys)))

    def reversible(self, action: CallTool) -> bool:
        return not action.name.startswith("last")

    def prepare(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self._say("prepare", action)
        (folder / "before").write_text(action.name)

    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self._say("commit", action)
        assert (folder / "before").read_text() == action.name
        self._keys(lambda keys: keys.add(key))

    def undo(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self._say("undo", action)
        self._keys(lambda keys: keys.discard(key))

    def settle(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self._say("settle", action)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    handler = Book(tmp_path / "book")
    monkeypatch.setitem(_handlers, "call_tool", handler)
    return handler


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "stage").mkdir()
    return Desk(build(tmp_path / "ws"), tmp_path / "stage")


def done(desk: Desk, *names: str, name: str = "t") -> Receipt:
    actions = [WriteFile(path="note", content="x"), *(CallTool(name=each) for each in names)]
    draft = draft_of(*actions)
    changes = desk.put(draft)
    return commit(desk.workspace, desk.layer, changes, transaction=name, draft=draft)


def test_the_whole_life(desk: Desk, book: Book) -> None:
    done(desk, "last", "a", "b")
    order = ["a", "b", "last"]
    assert book.said == [f"{what} {each}" for what in ("prepare", "commit", "settle") for each in order]
    book.said.clear()
    assert recover(desk.workspace) == [] and book.said == [], "what is settled is left alone"
    undo(desk.workspace, "t", partial=True)
    assert book.said == ["undo b", "undo a", "settle a", "settle b", "settle last"]
    assert len(json.loads(book.path.read_text())) == 1


def test_a_world_that_moved_is_found_before_anything_is_done(desk: Desk, book: Book) -> None:
    before = look(desk.workspace)
    book.raises["prepare b"] = WorldMoved("the rows changed", paths=["stock"])
    with pytest.raises(WorldMoved, match="the rows changed"):
        done(desk, "a", "b")
    assert book.said == ["prepare a", "prepare b"]
    assert look(desk.workspace) == before and not (desk.workspace / ".revet").exists()


def test_a_world_that_moves_in_between_is_told_as_that(desk: Desk, book: Book) -> None:
    before = look(desk.workspace)
    book.raises["commit b"] = WorldMoved("the rows changed")
    with pytest.raises(WorldMoved, match="the rows changed"):
        done(desk, "a", "b")
    assert look(desk.workspace) == before and json.loads(book.path.read_text()) == []
    assert "settle a" in book.said and not (desk.workspace / ".revet").exists()


def test_what_cannot_be_settled_is_tried_once_more(desk: Desk, book: Book) -> None:
    book.raises["settle a"] = OSError("the database is away")
    assert done(desk, "a").undoable
    for _ in range(3):
        assert recover(desk.workspace) == []
    assert book.said.count("settle a") == 2


def test_a_roll_back_that_fails_is_gone_on_with(desk: Desk, book: Book) -> None:
    before = look(desk.workspace)
    book.raises |= {"commit b": ValueError("no"), "undo a": OSError("locked")}
    with pytest.raises(CommitError, match=r"failed \(b\(\) failed: ValueError: no\) and cannot be rolled back yet"):
        done(desk, "a", "b")
    with pytest.raises(CommitError, match="cannot be rolled back yet"):
        recover(desk.workspace)
    book.raises.clear()
    assert recover(desk.workspace) == ["commit t: rolled back"]
    assert look(desk.workspace) == before and json.loads(book.path.read_text()) == []


def test_others_work_in_the_way_of_a_compensation_stays_and_is_named(desk: Desk, book: Book) -> None:
    book.raises |= {"commit b": ValueError("no"), "undo a": UndoConflict("row 3 was edited")}
    with pytest.raises(CommitError, match=r"could not be taken back: a\(\)"):
        done(desk, "a", "b")
    receipt = find_receipt(desk.workspace, "t")
    assert receipt is not None and receipt.irreversible[0].why == "row 3 was edited"
    assert receipts(desk.workspace) == [receipt] and recover(desk.workspace) == []


def test_a_conflict_stops_an_undo_unless_part_of_it_will_do(desk: Desk, book: Book) -> None:
    before = look(desk.workspace)
    done(desk, "a", "b")
    book.raises["undo a"] = UndoConflict("row 3 was edited", paths=["stock"])
    with pytest.raises(UndoConflict, match=r"row 3 was edited.*taken back already.*b\(\)"):
        undo(desk.workspace, "t")
    assert look(desk.workspace) != before
    receipt = undo(desk.workspace, "t", partial=True)
    assert look(desk.workspace) == before and [e.undone for e in receipt.effects] == [False, True]
    assert [(e.what, e.why) for e in receipt.irreversible] == [("a()", "row 3 was edited")]


def test_recovery_names_what_nobody_can_know(desk: Desk, book: Book) -> None:
    assert killed_at("commit effect 0", lambda: done(desk, "a", "last", "later"))
    book.raises["commit last"] = EffectUncertain("it was begun")
    said = "nobody can know whether this happened, so it was not tried again: last()"
    assert recover(desk.workspace) == [f"commit t: finished (1 files, 3 effects); {said}"]
    receipt = find_receipt(desk.workspace, "t")
    assert receipt is not None
    assert [(e.what, e.done, e.uncertain) for e in receipt.effects] == [
        ("a()", True, False),
        ("later()", True, False),
        ("last()", False, True),
    ]


def test_an_edit_after_the_files_were_in_place_is_no_reason_to_roll_back(desk: Desk, book: Book) -> None:
    assert killed_at("marked files", lambda: done(desk, "a"))
    (desk.workspace / "note").write_text("edited since")
    assert recover(desk.workspace) == ["commit t: finished (1 files, 1 effects)"]
    assert (desk.workspace / "note").read_text() == "edited since"
    assert "commit a" in book.said


def test_a_symlink_among_the_marks_is_refused(desk: Desk, book: Book, tmp_path: Path) -> None:
    done(desk, "a")
    marks = desk.workspace / ".revet/journal/t/commit/marks"
    marks.rename(tmp_path / "elsewhere")
    marks.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommitError, match="symlink"):
        recover(desk.workspace)


# --- what was written before --------------------------------------------------------------------------------


def test_receipts_of_before_are_read() -> None:
    old = {"id": "t", "workspace": "/w", "fingerprint": "f", "files": [], "committed_at": "2026-01-01T00:00:00Z"}
    receipt = Receipt.model_validate(old)
    assert receipt.effects == () and receipt.irreversible == () and not receipt.undoable and receipt.failed == ""


def _as_before(desk: Desk) -> None:
    """Make the journal what it was before effects had marks, folders and places."""
    phase = desk.workspace / ".revet/journal/t/commit"
    for top in ("marks", "effects"):
        for path in sorted((phase / top).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (phase / top).rmdir()
    for name in ("prepared.json", "committed.json"):
        if (phase / name).exists():
            record = json.loads((phase / name).read_text())["record"]
            for field in ("places", "reversible", "changes", "attempt", "partial", "folders", "effects", "failed"):
                record.pop(field, None)
            (phase / name).write_text(json.dumps({"sha256": journal._checksum(record), "record": record}))


class Trusting(Book):
    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self._say("commit", action)
        self._keys(lambda keys: keys.add(key))


def test_a_journal_of_before_is_recovered_and_undone(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Trusting(tmp_path / "book")
    monkeypatch.setitem(_handlers, "call_tool", book)
    before = look(desk.workspace)
    assert killed_at("prepared.json durable", lambda: done(desk, "a"))
    _as_before(desk)
    assert recover(desk.workspace) == ["commit t: finished (1 files, 1 effects)"]
    assert json.loads(book.path.read_text()) == ["t:0"]
    _as_before(desk)
    assert [r.id for r in receipts(desk.workspace)] == ["t"]
    undo(desk.workspace, "t")
    assert look(desk.workspace) == before and json.loads(book.path.read_text()) == []


# --- round trips and orders ---------------------------------------------------------------------------------

WORDS = st.text(min_size=1, max_size=8)
TEXTS = st.text(max_size=20)
CALLS = st.builds(CallTool, name=WORDS, arguments=st.dictionaries(WORDS, st.one_of(st.integers(-9, 9), TEXTS)))
SQL = st.builds(ExecuteSQL, sql=WORDS, database=st.sampled_from([None, "sqlite:///a.db", "sqlite:///b.db"]))
TABLES = st.builds(
    TableChange,
    database=st.sampled_from(["sqlite:////w/a.db", "sqlite:////w/b.db"]),
    table=WORDS,
    deleted=st.integers(0, 9),
    reversible=st.booleans(),
)
EFFECTS = st.builds(
    EffectReceipt,
    kind=WORDS,
    what=TEXTS,
    reversible=st.booleans(),
    done=st.booleans(),
    undone=st.booleans(),
    uncertain=st.booleans(),
    why=TEXTS,
)
TIMES = st.datetimes(timezones=st.just(UTC))


@given(st.lists(EFFECTS, max_size=4), st.lists(WORDS, max_size=3), TIMES, st.one_of(st.none(), TIMES))
@settings(deadline=None)
def test_receipts_survive_the_journal(
    effects: list[EffectReceipt], folders: list[str], at: datetime, undone: datetime | None
) -> None:
    receipt = Receipt(
        id="t",
        workspace="/w",
        fingerprint="f",
        files=(),
        folders=tuple(FolderChange(path=each, made=True) for each in folders),
        effects=tuple(effects),
        committed_at=at,
        undone_at=undone,
    )
    assert Receipt.model_validate_json(receipt.model_dump_json()) == receipt
    assert not (receipt.undoable and undone)
    assert all(each.done or each.uncertain for each in receipt.irreversible)


@given(st.lists(st.one_of(CALLS, SQL), max_size=6), st.lists(TABLES, max_size=3))
@settings(deadline=None)
def test_plans_keep_order_and_places(actions: list[Any], tables: list[TableChange]) -> None:
    changes = Changes(tables=tuple(tables))
    handlers = dict(_handlers)
    _handlers.update({"call_tool": Book(Path("/nowhere")), "execute_sql": Plain()})
    try:
        ordered = in_order(list(enumerate(actions)), changes)
    finally:
        _handlers.clear()
        _handlers.update(handlers)
    assert sorted(place for place, _, _ in ordered) == list(range(len(actions)))
    assert all(actions[place] == action for place, action, _ in ordered)
    ranks = [(not reversible, place) for place, _, reversible in ordered]
    assert ranks == sorted(ranks)
    assert all(len(told(action)) <= 160 and "\n" not in told(action) for action in actions)
    plan = Plan(
        workspace=Home(path="/w", device=1, inode=2),
        transaction="t",
        kind="commit",
        fingerprint=changes.fingerprint,
        files=(),
        actions=tuple(action for _, action, _ in ordered),
        places=tuple(place for place, _, _ in ordered),
        reversible=tuple(reversible for _, _, reversible in ordered),
        changes=changes,
        created_at=datetime.now(UTC),
    )
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    assert plan.reversed().reversed() == plan


@given(st.text(max_size=200))
@settings(deadline=None)
def test_marks_keep_what_they_say(why: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        phase = Phase(Path(home))
        phase.mark("0.stays", why)
        assert phase.marked("0.stays") and not phase.marked("0.done")
        assert phase.mark_of("0.stays") == why.encode("utf-8", "replace").decode()
