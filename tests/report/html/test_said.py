"""What a page says is true of what it stands beside: equal contents are equal, and what is left out is said."""

from __future__ import annotations

import os
import time
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup

from revet.actions.diffs import Side
from revet.actions.diffs import render as diff_of
from revet.report.html import attempt_html, changes_html, critique_html, evidence_html, receipt_html, run_page
from revet.report.html.diff import parse_diff
from revet.report.html.parts import decided
from revet.report.html.shelf import Shelf
from revet.report.html.words import moment
from revet.report.text import usage_line
from revet.schema import (
    Attempt,
    CallPlan,
    Changes,
    CommandRun,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    FileChange,
    FileState,
    Finding,
    Note,
    Outcome,
    TableChange,
    Verdict,
)
from tests.report.samples import WHEN, abstained, asked, change, committed

AGAIN = "the same as"


def _seen(told: str = "it fails", *, state: str | None = None, request: str = "make check") -> Evidence:
    return Evidence(tool="shell", request=request, outcome=Outcome.failed, observation=told, changes=state)


def _critique(*cited: str) -> Critique:
    finding = Finding(claim="it is wrong " * 30, evidence=cited)
    return Critique(critic="evidence", verdict=Verdict.revise, findings=(finding,))


def test_the_same_evidence_of_another_draft_can_be_cited() -> None:
    shelf = Shelf()
    first, second = _seen(state="1"), _seen(state="2")
    anchors = [str(evidence_html(each, shelf)) for each in (first, second)]
    assert AGAIN not in anchors[0] and AGAIN in anchors[1]
    assert 'href="#e1"' in critique_html(_critique(second.id), (second,), shelf)


def test_a_finding_that_rests_on_other_evidence_is_another() -> None:
    shelf = Shelf()
    pieces = [_seen("one\n" * 9), _seen("two\n" * 9), _seen("one\n" * 9, state="3")]
    for each in pieces:
        evidence_html(each, shelf)
    told = [str(critique_html(_critique(each.id), (each,), shelf)) for each in pieces]
    assert [AGAIN in each for each in told] == [False, False, True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"commands": (CommandRun(command="make", stdout="a"),)},
            {"commands": (CommandRun(command="make", stdout="b"),)},
        ),
        ({"calls": (CallPlan(name="mail", result="to Ann"),)}, {"calls": (CallPlan(name="mail", result="to Bo"),)}),
        (
            {"tables": (TableChange(database="d", table="t", why="x"),)},
            {"tables": (TableChange(database="d", table="t"),)},
        ),
    ],
)
def test_changes_are_the_same_only_if_all_that_is_shown_is(one: dict[str, object], other: dict[str, object]) -> None:
    shelf = Shelf()
    told = [str(changes_html(Changes.model_validate(each), (), shelf)) for each in (one, other, one)]
    assert [AGAIN in each for each in told] == [False, False, True]


def test_what_is_left_out_is_said_with_the_command_that_shows_it() -> None:
    many = tuple(_seen(request=f"tool {number}") for number in range(70))
    notes = tuple(Note(id=f"n{number}", kind="correction", text=f"note {number}") for number in range(103))
    critiques = tuple(Critique(critic=f"critic {number}", verdict=Verdict.revise) for number in range(64))
    state = FileState(sha256="0" * 64, size=0, mode=0o644)
    changes = Changes(
        files=tuple(FileChange(path=f"f{number}", before=None, after=state) for number in range(205)),
        calls=tuple(CallPlan(name=f"call {number}") for number in range(106)),
    )
    attempt = Attempt(round=0, draft=Draft(author="a", answer="x"), changes=changes, evidence=many, critiques=critiques)
    run = abstained().model_copy(update={"baseline": many[:67], "notes": notes, "attempts": (attempt,), "best": None})
    text = " ".join(BeautifulSoup(run_page(run, folder="'my runs'"), "html.parser").get_text().split())
    for more in ("7 more pieces", "3 more notes", "4 more critiques", "5 more files", "6 more calls"):
        assert f"and {more}; revet show late-fee-def456 --out 'my runs' --json has all" in text, more


def test_of_too_much_evidence_what_fails_is_shown() -> None:
    good = tuple(
        Evidence(tool="shell", request=f"good {number}", outcome=Outcome.passed, observation="fine")
        for number in range(100)
    )
    page = str(attempt_html(Attempt(round=0, draft=Draft(author="a", answer="x"), evidence=(*good, _seen()))))
    assert "make check" in page and "good 0<" in page and "good 99<" not in page
    assert "and 41 more pieces" in page


def test_a_table_of_which_only_a_sample_is_kept_says_so() -> None:
    rows = [{"before": None, "after": {"id": number}} for number in range(3)]
    table = TableChange.model_validate({"database": "d", "table": "t", "inserted": 1_200, "rows": rows})
    assert "3 of 1,200 rows" in changes_html(Changes(tables=(table,)))


def test_times_name_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert moment(WHEN) == "2026-03-04 10:36:07 UTC+05:30"
        receipt = committed().receipt
        assert receipt is not None
        assert "UTC+05:30" in receipt_html(receipt)
        waits = asked().model_copy(update={"asked_at": WHEN + timedelta(hours=1)})
        assert "since 2026-03-04 11:36:07 UTC+05:30" in run_page(waits)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_commit_that_is_taken_back_is_no_longer_called_committed() -> None:
    run = committed()
    assert run.receipt is not None
    undone = run.model_copy(update={"receipt": run.receipt.model_copy(update={"undone_at": WHEN})})
    soup = BeautifulSoup(run_page(undone), "html.parser")
    assert soup.title is not None and soup.title.get_text().endswith("taken back")
    assert "committed, and taken back" in soup.select(".badge.mark")[0].get_text()


def test_why_it_ended_stands_before_what_it_was_set_up_with() -> None:
    text = BeautifulSoup(run_page(committed()), "html.parser").get_text()
    assert text.index("How it ended") < text.index("passes the gate") < text.index("workspace")


def test_a_commit_is_not_called_proved() -> None:
    """An unproven draft may be committed: by the rules, or by a person. The reasons say what speaks for it."""
    allowed = Decision(kind=DecisionKind.commit, reasons=("the rules allow every effect",))
    assert "prove" not in decided(allowed)


def test_giving_up_is_no_draft() -> None:
    gives_up = Attempt(round=0, draft=Draft(author="a", notes="nothing passes"))
    run = abstained().model_copy(update={"attempts": (gives_up,), "best": None})
    assert usage_line(run).startswith("0 drafts")


def test_what_a_role_asks_is_bounded() -> None:
    run = asked().model_copy(update={"question": {"seat": "critic", "asks": "word " * 500_000}})
    assert len(run_page(run)) < 100_000


def _side(data: bytes, mode: int = 0o644) -> Side:
    import hashlib

    return Side(FileState(sha256=hashlib.sha256(data).hexdigest(), size=len(data), mode=mode), data)


@pytest.mark.parametrize("path", ["plain", "a b/x", 'a"b b/"x', "we\nird", "tab\tx", "back\\slash", "ünï", "sp ace"])
def test_paths_are_read_as_they_are_written(path: str) -> None:
    pairs = [
        (_side(b"a\n"), _side(b"b\n")),
        (_side(b"\0"), _side(b"\0\1")),
        (_side(b"x"), _side(b"x", 0o755)),
        (Side(None, None), _side(b"")),
    ]
    for before, after in pairs:
        assert [file.path for file in parse_diff(diff_of([(path, before, after)]))] == [path]
    changes = Changes(files=(change(path),), diff=diff_of([(path, *pairs[0])]))
    assert "bytes" not in changes_html(changes)  # listed once more only where the diff does not show it


def test_line_ends_of_windows_are_said_once_and_a_change_of_them_on_each_line() -> None:
    def texts(before: bytes, after: bytes) -> list[str]:
        (file,) = parse_diff(diff_of([("a.txt", _side(before), _side(after))]))
        return [line.text for line in file.lines]

    assert texts(b"a\r\nb\r\n", b"a\r\nc\r\n") == ["Each line ends with CR LF.", "", "a", "b", "c"]
    assert texts(b"a\r\nb", b"c\r\nb")[:4] == ["Each line ends with CR LF.", "", "a", "c"]
    assert texts(b"a\n", b"a\r\n") == ["", "a", "a\r"]
