"""Functions as actions: what is declared and checked, when they are called, what becomes of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from revet.actions import action, calls, commit, find_receipt, recover, undo
from revet.actions.calls import Function, Functions
from revet.actions.calls import functions as registry
from revet.errors import CommitError, DraftError, InputError, UnsupportedAction
from revet.schema import CallTool, Changes, Receipt, WriteFile
from tests.actions.action_worlds import Desk, build, draft_of, killed_at, look


@dataclass
class Office:
    """What the functions did to the world, in order."""

    done: list[str] = field(default_factory=list)
    fail: dict[str, Exception] = field(default_factory=dict)

    def act(self, what: str) -> None:
        if what in self.fail:
            raise self.fail[what]
        self.done.append(what)


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(registry, "_declared", {})
    place = Office()

    def about(args: dict[str, Any]) -> str:
        return f"books {args['cents']} cents"

    def unbook(args: dict[str, Any], result: Any) -> None:
        place.act(f"unbook {result['number']}")

    @action(effects=["write"], dry_run=about, undo=unbook)
    def book(cents: int, day: date = date(2026, 1, 1)) -> dict[str, Any]:
        place.act(f"book {cents} {day:%d.%m.}")
        return {"number": cents + 1000}

    @action(effects=["send"])
    def mail(to: str) -> None:
        place.act(f"mail {to}")

    @action(effects=["send"], key=True)
    async def pay(cents: int, *, key: str) -> str:
        await asyncio.sleep(0)
        if f"pay {cents}" not in place.done or f"pay {cents}" in place.fail:
            place.act(f"pay {cents}")
        return key

    @action(effects=["read"])
    def look_up(name: str) -> str:
        place.act(f"look up {name}")
        return name

    yield place


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "stage").mkdir()
    return Desk(build(tmp_path / "ws"), tmp_path / "stage")


def call(name: str, **arguments: Any) -> CallTool:
    return CallTool(name=name, arguments=arguments)


def done(desk: Desk, *actions: Any, name: str = "t") -> Receipt:
    draft = draft_of(*actions)
    changes = desk.put(draft)
    return commit(desk.workspace, desk.layer, changes, transaction=name, draft=draft)


NOTE = WriteFile(path="note", content="x")


# --- staging -----------------------------------------------------------------------------------------------


def test_staging_shows_the_plan_and_calls_nothing(desk: Desk, office: Office) -> None:
    changes = desk.put(draft_of(call("book", cents=5), call("mail", to="x@y")))
    assert changes and [c.model_dump(exclude={"arguments"}) for c in changes.calls] == [
        {"name": "book", "effects": ("write",), "reversible": True, "result": "books 5 cents"},
        {"name": "mail", "effects": ("send",), "reversible": False, "result": None},
    ]
    assert office.done == []
    assert desk.put(draft_of(call("book", cents=6))).fingerprint != changes.fingerprint


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (call("book"), "cents: Field required"),
        (call("book", cents="many"), "cents: Input should be a valid integer"),
        (call("book", cents=1, day="never"), "day: Input should be a valid date"),
        (call("book", cents=1, more=2), "more: Extra inputs"),
        (call("pay", cents=1, key="mine"), "key: Extra inputs"),
    ],
)
def test_arguments_are_checked_when_staged(desk: Desk, office: Office, given: CallTool, said: str) -> None:
    with pytest.raises(DraftError, match=said):
        desk.put(draft_of(given))


def test_unknown_functions_name_the_known_ones(desk: Desk, office: Office) -> None:
    with pytest.raises(UnsupportedAction, match=r"'mial'.*nearest is mail; there are: book, look_up, mail, pay"):
        desk.put(draft_of(call("mial", to="x")))
    desk.functions = Functions()
    with pytest.raises(UnsupportedAction, match="there are: none"):
        desk.put(draft_of(call("mail", to="x")))


def test_a_dry_run_that_fails_speaks_against_the_draft(desk: Desk, office: Office) -> None:
    def refuses(args: dict[str, Any]) -> str:
        raise ValueError("the account is closed")

    @action(effects=["write"], dry_run=refuses)
    def withdraw() -> None: ...

    @action(effects=["write"], dry_run=lambda args: {"rows": [1] * 9000})
    def many() -> None: ...

    with pytest.raises(DraftError, match="the account is closed"):
        desk.put(draft_of(call("withdraw")))
    result = desk.put(draft_of(call("many"))).calls[0].result
    assert result is not None and len(result) == 4000 and result.startswith('{"rows": [1, 1')


# --- declaring ---------------------------------------------------------------------------------------------


def test_declarations_that_cannot_be(office: Office) -> None:
    with pytest.raises(InputError, match="declares no effects"):
        action(effects=[])(lambda: None)
    with pytest.raises(InputError, match="'explode' is not a valid"):
        action(effects=["explode"])(lambda: None)
    with pytest.raises(InputError, match="no parameter 'key'"):
        action(effects=["send"], key=True)(lambda: None)
    with pytest.raises(InputError, match="by position only"):
        action(effects=["send"])(lambda *args: None)
    with pytest.raises(InputError, match="does not declare"):
        Functions([print])
    first, second = calls.find("mail"), action(effects=["send"], name="mail")(lambda: None)
    with pytest.raises(InputError, match="two actions mail"):
        Functions([first, second])


def test_a_declared_function_stays_what_it_was(office: Office) -> None:
    @action(effects=["write"], cost=0.5)
    def twice(number: int) -> int:
        """Doubles."""
        return number * 2

    assert twice(2) == 4
    [known] = Functions([twice])
    assert isinstance(known, Function) and known.cost == 0.5 and known.description == "Doubles."
    assert known.schema["properties"]["number"]["type"] == "integer"


# --- committing and undoing --------------------------------------------------------------------------------


def test_reversible_first_irreversible_last(desk: Desk, office: Office) -> None:
    receipt = done(desk, call("mail", to="a"), call("book", cents=1), NOTE, call("mail", to="b"), call("book", cents=2))
    assert office.done == ["book 1 01.01.", "book 2 01.01.", "mail a", "mail b"]
    assert [(e.what, e.reversible, e.done) for e in receipt.effects] == [
        ("book(cents=1)", True, True),
        ("book(cents=2)", True, True),
        ('mail(to="a")', False, True),
        ('mail(to="b")', False, True),
    ]
    assert [e.what for e in receipt.irreversible] == ['mail(to="a")', 'mail(to="b")'] and receipt.undoable


def test_undo_in_reverse_and_only_in_part_if_asked(desk: Desk, office: Office) -> None:
    before = look(desk.workspace)
    done(desk, call("book", cents=1), call("mail", to="a"), call("book", cents=2), NOTE)
    office.done.clear()
    with pytest.raises(CommitError, match=r"not all of t can be taken back: mail.*nothing was undone") as refused:
        undo(desk.workspace, "t")
    assert "book(cents=1)" in str(refused.value) and office.done == [] and look(desk.workspace) != before
    receipt = undo(desk.workspace, "t", partial=True)
    assert office.done == ["unbook 1002", "unbook 1001"] and look(desk.workspace) == before
    assert [e.undone for e in receipt.effects] == [True, True, False] and not receipt.undoable
    assert [e.what for e in receipt.irreversible] == ['mail(to="a")']
    assert find_receipt(desk.workspace, "t") == receipt and recover(desk.workspace) == []


def test_nothing_that_could_be_taken_back(desk: Desk, office: Office) -> None:
    receipt = done(desk, call("mail", to="a"))
    assert not receipt.undoable
    for partial in (False, True):
        with pytest.raises(CommitError, match="nothing of t can be taken back: mail"):
            undo(desk.workspace, "t", partial=partial)
    assert recover(desk.workspace) == []


def test_what_only_looks_needs_no_undo(desk: Desk, office: Office) -> None:
    before = look(desk.workspace)
    assert done(desk, CallTool(name="look_up", arguments={"name": "a"}), NOTE).undoable
    undo(desk.workspace, "t")
    assert look(desk.workspace) == before and office.done == ["look up a"]


def test_a_failure_takes_back_what_was_done(desk: Desk, office: Office) -> None:
    before = look(desk.workspace)
    office.fail["mail a"] = ValueError("no such address")
    with pytest.raises(CommitError, match="mail failed: ValueError: no such address"):
        done(desk, NOTE, call("mail", to="a"), call("book", cents=1), call("book", cents=2))
    assert office.done == ["book 1 01.01.", "book 2 01.01.", "unbook 1002", "unbook 1001"]
    assert look(desk.workspace) == before and not (desk.workspace / ".revet").exists()
    office.fail.clear()
    done(desk, call("book", cents=1))  # under the same id: it is another attempt
    assert office.done[-1] == "book 1 01.01."


def test_a_failure_after_what_cannot_be_taken_back(desk: Desk, office: Office) -> None:
    before = look(desk.workspace)
    office.fail["mail b"] = ValueError("no such address")
    with pytest.raises(CommitError, match=r'rolled back; could not be taken back: mail\(to="a"\)'):
        done(desk, NOTE, call("book", cents=1), call("mail", to="a"), call("mail", to="b"))
    assert office.done == ["book 1 01.01.", "mail a", "unbook 1001"] and look(desk.workspace) == before
    receipt = find_receipt(desk.workspace, "t")
    assert receipt is not None and "no such address" in receipt.failed and not receipt.undoable
    assert [(e.done, e.undone) for e in receipt.effects] == [(True, True), (True, False), (False, False)]
    with pytest.raises(CommitError, match="there is a transaction t already"):
        done(desk, NOTE, call("mail", to="a"))
    assert recover(desk.workspace) == []


@pytest.mark.parametrize("lost", [TimeoutError("slow"), ConnectionResetError("cut")])
def test_no_answer_ends_the_commit_and_nothing_is_called_again(desk: Desk, office: Office, lost: Exception) -> None:
    office.fail["mail a"] = lost
    receipt = done(desk, NOTE, call("book", cents=1), call("mail", to="a"), call("mail", to="b"))
    assert [(e.done, e.uncertain) for e in receipt.effects] == [(True, False), (False, True), (False, False)]
    assert "no answer" in receipt.effects[1].why and "not made" in receipt.effects[2].why
    assert [e.what for e in receipt.irreversible] == [e.what for e in receipt.uncertain] == ['mail(to="a")']
    office.fail.clear()
    assert recover(desk.workspace) == [] and office.done == ["book 1 01.01."]
    undo(desk.workspace, "t", partial=True)
    assert office.done == ["book 1 01.01.", "unbook 1001"]


def test_an_idempotent_call_is_tried_again(desk: Desk, office: Office) -> None:
    office.fail["pay 5"] = TimeoutError()
    receipt = done(desk, call("pay", cents=5))
    assert receipt.uncertain and office.done == []
    office.fail.clear()
    done(desk, call("pay", cents=5), name="u")
    assert office.done == ["pay 5"]


def test_an_undo_that_fails_can_be_done_again(desk: Desk, office: Office) -> None:
    before = look(desk.workspace)
    done(desk, NOTE, call("book", cents=1), call("book", cents=2))
    office.fail["unbook 1001"] = OSError("the bank is closed")
    with pytest.raises(CommitError, match=r"bank is closed.*taken back already, and it stays so: book\(cents=2\)"):
        undo(desk.workspace, "t")
    receipt = find_receipt(desk.workspace, "t")
    assert receipt is not None and receipt.undoable and [e.undone for e in receipt.effects] == [False, True]
    assert (desk.workspace / "note").exists()
    office.fail.clear()
    assert undo(desk.workspace, "t").undone_at is not None
    assert office.done[2:] == ["unbook 1002", "unbook 1001"] and look(desk.workspace) == before


def test_results_are_kept_for_the_undo(desk: Desk, office: Office) -> None:
    done(desk, call("book", cents=1))
    [kept] = (desk.workspace / ".revet").rglob("effects/*/done")
    assert kept.read_text() == '{"number": 1001}'
    undo(desk.workspace, "t")
    assert not list((desk.workspace / ".revet").rglob("effects"))


def test_recovery_without_the_function_says_so(desk: Desk, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert killed_at("prepared.json durable", lambda: done(desk, NOTE, call("book", cents=1)))
    with monkeypatch.context() as patch:
        patch.setattr(registry, "_declared", {})
        with pytest.raises(CommitError, match=r"(?s)no function 'book'.*register its handler or function"):
            recover(desk.workspace)
    assert recover(desk.workspace) == ["commit t: finished (1 files, 1 effects)"]
    monkeypatch.setattr(registry, "_declared", {})
    with pytest.raises(CommitError, match="cannot be taken back: there is no function 'book'"):
        undo(desk.workspace, "t")
    assert recover(desk.workspace) == []


def test_functions_in_use_come_before_those_declared(desk: Desk, office: Office) -> None:
    said: list[str] = []
    mine = Functions([action(effects=["write"], name="book")(lambda cents: said.append(f"mine {cents}"))])
    action(effects=["write"], name="book")(lambda cents: said.append(f"last {cents}"))
    with calls.use(mine):
        done(desk, call("book", cents=1))
    assert said == ["mine 1"]


# --- asynchronous functions --------------------------------------------------------------------------------


async def test_asynchronous_functions_run_in_the_loop_they_belong_to(tmp_path: Path, office: Office) -> None:
    seen: list[tuple[object, str]] = []

    @action(effects=["write"])
    async def where() -> None:
        await asyncio.sleep(0.01)
        seen.append((asyncio.get_running_loop(), threading.current_thread().name))

    (tmp_path / "stage").mkdir()
    desk = Desk(build(tmp_path / "ws"), tmp_path / "stage")
    draft = draft_of(call("where"))
    changes: Changes = await desk.stage(draft)
    loop = asyncio.get_running_loop()

    def act(name: str) -> None:
        with calls.home(loop):
            commit(desk.workspace, desk.layer, changes, transaction=name, draft=draft)

    await asyncio.to_thread(act, "one")
    act("two")  # in the loop's own thread: it must not wait for itself
    assert seen[0] == (loop, threading.current_thread().name)
    assert seen[1][0] is not loop and seen[1][1] == "revet-call"


def test_what_is_awaited_is_bounded(desk: Desk, office: Office) -> None:
    @action(effects=["write"], seconds=0.05)
    async def hangs() -> None:
        await asyncio.sleep(60)

    assert done(desk, call("hangs")).uncertain
