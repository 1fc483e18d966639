"""What is said about runs: exact sentences, and nothing that a tool wrote can act on the terminal."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.report.text import (
    checks_line,
    clean,
    duration,
    evidence_line,
    failing_before_after,
    one_line,
    plural,
    suspects,
    tally,
    tried,
    why,
)
from revet.schema import Decision, DecisionKind, Evidence, Outcome, RunOutcome
from tests.report.samples import DIFF, abstained, answered, asked, committed, seen_tests, suspicion


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b31mc1", "c1"),
        ("a\rb\x00c\x7fd\x85", "abcd"),
        ("a\r\nb", "a\nb"),
        ("x\u202ey\u2066z", "xyz"),
        ("bad \ud800 surrogate", "bad  surrogate"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("\x1b]unended", ""),
    ],
)
def test_clean(raw: str, seen: str) -> None:
    assert clean(raw) == seen


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(), max_size=80))
def test_clean_leaves_nothing_that_acts(text: str) -> None:
    seen = clean("\x1b[" + text + "\x1b" + text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in seen)
    assert "\x1b" not in seen and "\x9b" not in seen
    seen.encode("utf-8")


def test_numbers_and_times() -> None:
    assert plural(1, "test") == "1 test"
    assert plural(1204, "candidate") == "1,204 candidates"
    assert [duration(s) for s in (0.04, 9.94, 31.4, 59.6, 125)] == [
        "0.0 s",
        "9.9 s",
        "31 s",
        "1 min 0 s",
        "2 min 5 s",
    ]
    assert one_line("a\n b\tc", 200) == "a b c"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


def test_evidence_in_words() -> None:
    assert evidence_line(seen_tests(1, 9)) == "1 of 9 tests fails: test_a"
    assert evidence_line(seen_tests(5, 9)) == "5 of 9 tests fail: test_a, test_b, test_c, …"
    assert evidence_line(seen_tests(0, 9)) == "all 9 tests pass"
    assert evidence_line(seen_tests(0, 1)) == "the one test passes"
    assert checks_line([seen_tests(0, 9), Evidence(tool="coverage", request="c", outcome=Outcome.passed)]) == (
        "all 9 tests pass"
    )
    command = Evidence(
        tool="tests",
        request="make lint",
        outcome=Outcome.failed,
        observation="failed: exit status 2\nmore",
        check="c-1",
    )
    assert evidence_line(command) == "`make lint` failed: exit status 2"
    assert tally(command) is None
    assert evidence_line(command.model_copy(update={"outcome": Outcome.passed})) == "`make lint` passes"
    forged = seen_tests(0, 9).model_copy(
        update={
            "outcome": Outcome.failed,
            "data": {**seen_tests(0, 9).data, "integrity": ["conftest.py was rewritten"]},
        }
    )
    assert evidence_line(forged) == "not trusted: conftest.py was rewritten"
    other = Evidence(tool="coverage", request="x", outcome=Outcome.passed, observation="5 lines")
    assert evidence_line(other) == "coverage: 5 lines"


def test_names_of_tests_are_short_and_harmless() -> None:
    evidence = seen_tests(1, 1)
    test = {"id": "tests/test_a.py::TestX::test_y[a::b\x1b[31m]", "outcome": "failed"}
    data = {**evidence.data, "tests": [test]}
    assert evidence_line(evidence.model_copy(update={"data": data})) == "1 of 1 test fails: test_y[a::b]"


def test_the_most_suspicious_lines_come_first() -> None:
    assert suspects([suspicion()]) == ("late.py:2", "late.py:7")
    assert suspects([suspicion()], limit=1) == ("late.py:2",)


def test_why_it_ended() -> None:
    assert why(committed()) == "late.py:2: d < 3 → d <= 3"
    assert why(abstained()) == "the best draft leaves 1 of 9 tests failing; 1,204 candidates tried, none passes"
    assert why(answered()) == "Nothing to repair: every required check passes as it is."
    assert why(asked()) == "waits for your answer: late.py:2: d < 3 → d <= 3"
    assert tried(abstained().attempts) == 1204


def test_why_without_a_search() -> None:
    run = committed()
    assert run.best is not None
    plain_draft = run.best.draft.model_copy(update={"data": {}, "notes": ""})
    best = run.best.model_copy(update={"draft": plain_draft})
    assert why(run.model_copy(update={"best": best, "attempts": (best,)})) == "changes late.py"


def test_why_of_a_dry_run_a_refusal_and_an_error() -> None:
    proof, dry = "`pytest -q` passed", "approval is 'never': a dry run commits nothing"
    decision = Decision(kind=DecisionKind.abstain, reasons=(proof, dry))
    run = asked().model_copy(update={"outcome": RunOutcome.abstained, "decision": decision})
    assert why(run) == dry
    assert why(asked().model_copy(update={"outcome": RunOutcome.rejected})) == "not approved; nothing was changed"
    failed = asked().model_copy(update={"outcome": RunOutcome.failed, "error": "disk\nfull"})
    assert why(failed) == "disk; full"


def test_why_where_no_draft_was_made() -> None:
    given_up = abstained().attempts[1]
    run = abstained().model_copy(update={"best": None, "attempts": (given_up,)})
    assert why(run) == "3 of 9 tests still fail; 1,144 candidates tried, none passes"


def test_why_of_several_changes() -> None:
    run = committed()
    assert run.best is not None and run.best.changes is not None
    twice = run.best.changes.model_copy(update={"diff": DIFF + "@@ -9 +9 @@\n-a\n+b\n"})
    best = run.best.model_copy(update={"changes": twice})
    assert why(run.model_copy(update={"best": best})) == "late.py:2: d < 3 → d <= 3 (and 1 more change)"


def test_why_names_spent_budgets() -> None:
    spent = "budget spent: 30 of 30 seconds"
    decision = Decision(kind=DecisionKind.abstain, reasons=("`pytest -q` failed: x", spent))
    run = abstained().model_copy(update={"decision": decision})
    assert why(run) == f"the best draft leaves 1 of 9 tests failing; 1,204 candidates tried, none passes; {spent}"


def test_failing_tests_before_and_after() -> None:
    assert failing_before_after(committed()) == "3 → 0 of 9"
    assert failing_before_after(abstained()) == "3 of 9"
    assert failing_before_after(answered()) == "0 of 9"
    assert failing_before_after(committed().model_copy(update={"baseline": ()})) == "–"
