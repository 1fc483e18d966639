"""Rewards come from the evidence of the task's own checks: nothing else that was seen, the hidden tests least."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.rewards import nearness, passed_part, said_by
from revet.schema import Attempt, Check, Critique, Draft, Evidence, Outcome, Verdict

CHECK = Check(command="pytest -q")


def seen(
    outcome: Outcome, tests: list[dict[str, Any]] | None = None, check: str | None = CHECK.id, **more: Any
) -> Evidence:
    tests = tests or []
    counts: dict[str, int] = {}
    for test in tests:
        counts[test["outcome"]] = counts.get(test["outcome"], 0) + 1
    data = {"kind": "pytest", "tests": tests, "counts": counts}
    return Evidence(tool="tests", request="pytest -q", outcome=outcome, check=check, required=True, data=data, **more)


def attempt(*evidence: Evidence, **more: Any) -> Attempt:
    return Attempt(round=0, draft=Draft(author="t", answer="a"), evidence=evidence, **more)


def case(outcome: str, **more: Any) -> dict[str, Any]:
    return {"id": f"t::{outcome}", "outcome": outcome, **more}


def test_the_part_of_the_tests_that_pass() -> None:
    half = seen(Outcome.failed, [case("passed"), case("failed")])
    assert passed_part(attempt(half), [CHECK]) == 0.5
    assert passed_part(attempt(seen(Outcome.passed)), [CHECK]) == 1.0
    assert passed_part(attempt(), [CHECK]) == 0.0
    assert passed_part(attempt(), []) == 1.0


def test_what_is_no_draft_or_breaks_a_rule_is_worth_nothing() -> None:
    broken = Attempt(round=0, draft=Draft(author="t", problem="no JSON"))
    assert passed_part(broken, []) == 0.0
    cheated = seen(Outcome.failed, check=None)
    assert passed_part(attempt(cheated, seen(Outcome.passed)), [CHECK]) == 0.0


def test_evidence_of_other_tests_moves_no_reward() -> None:
    """Whoever ran hidden tests and left their outcome in the evidence would change nothing."""
    shown = seen(Outcome.failed, [case("passed"), case("failed", expected="1", actual="3")])
    for outcome in (Outcome.passed, Outcome.failed):
        hidden = seen(outcome, [case("failed", expected="7", actual="7")], check="hidden").model_copy(
            update={"required": False, "request": "python hidden.py"}
        )
        with_hidden, without = attempt(shown, hidden), attempt(shown)
        assert passed_part(with_hidden, [CHECK]) == passed_part(without, [CHECK])
        assert nearness(with_hidden, [CHECK]) == nearness(without, [CHECK])


def test_evidence_of_another_state_is_no_evidence() -> None:
    assert passed_part(attempt(seen(Outcome.passed, changes="elsewhere")), [CHECK]) == 0.0


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_nearness_is_bounded(expected: str, actual: str) -> None:
    near = nearness(attempt(seen(Outcome.failed, [case("failed", expected=expected, actual=actual)])), [CHECK])
    assert 0.0 <= near <= 1.0


@settings(deadline=None)
@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(allow_nan=True, allow_infinity=True))
def test_nearness_of_numbers_is_bounded(expected: float, actual: float) -> None:
    failed = case("failed", expected=repr(expected), actual=repr(actual))
    assert 0.0 <= nearness(attempt(seen(Outcome.failed, [failed])), [CHECK]) <= 1.0


def test_a_nearer_number_is_nearer_and_an_error_is_nowhere_near() -> None:
    def near(actual: str | None) -> float:
        failed = case("failed", expected="10", actual=actual)
        return nearness(attempt(seen(Outcome.failed, [failed])), [CHECK])

    assert near("9") > near("2") > near("-50") > near(None) == 0.0


def test_what_a_critic_could_not_tell_is_not_heard() -> None:
    told = Critique(critic="value", verdict=Verdict.abstain, score=0.7)
    mute = Critique(critic="value", verdict=Verdict.abstain, confidence=0.0)
    assert said_by("value", attempt(critiques=(told,))) == told
    assert said_by("value", attempt(critiques=(mute,))) is None
    assert said_by("other", attempt(critiques=(told,))) is None
