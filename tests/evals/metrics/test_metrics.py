"""Every metric against values that were computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from revet.evals import metrics
from revet.evals.estimate import Estimate, estimate
from revet.evals.trial import Trial, Turn
from tests.evals.metrics.support import case, turns

FOUR = [
    case("wr", "a"),  # corrected
    case("rw", "b"),  # broken
    case("r", "c"),
    case("ww", "d", ends=False),  # abstained
]


@pytest.mark.parametrize(
    ("metric", "trials", "value", "n"),
    [
        (metrics.accuracy, FOUR, 2 / 4, 4),
        (metrics.accuracy, [*FOUR, case("", "e", error="no sandbox")], 2 / 5, 5),
        (metrics.accuracy, [*FOUR, case("r", "e", error="late")], 2 / 5, 5),
        (metrics.accuracy, [*FOUR, case("?", "e")], 2 / 4, 4),
        (metrics.first_accuracy, FOUR, 2 / 4, 4),
        (metrics.first_accuracy, [*FOUR, case("?r", "e")], 2 / 4, 4),
        (metrics.first_accuracy, [*FOUR, case("rw", "e", error="late")], 3 / 5, 5),
        (metrics.wrong_to_right, FOUR, 1 / 4, 4),
        (metrics.right_to_wrong, FOUR, 1 / 4, 4),
        (metrics.right_to_wrong, [*FOUR, case("rw", "e", error="late")], 1 / 4, 4),
        (metrics.confidence_score, FOUR, 1 / 2, 2),
        (metrics.critique_score, FOUR, 1 / 2, 2),
        # Revisions: w>r, r>w, w>w: one of three is a success, and wins and losses even out.
        (metrics.correction_success_rate, FOUR, 1 / 3, 3),
        (metrics.correction_success_rate, [*FOUR, case("wr", "e", error="late")], 2 / 4, 4),
        (metrics.critique_value, FOUR, 0.0, 3),
        (metrics.critique_value, [case("wr", "a"), case("wrr", "b")], 2 / 3, 3),
        # Right drafts: the last of the first case, the first of the second (revised), the only of the third.
        (metrics.over_correction_risk_rate, FOUR, 1 / 3, 3),
        (metrics.revision_rate, FOUR, 3 / 7, 7),
        # Accuracy 1/2 in round 1 and 2/4 in round 2.
        (metrics.improvement_slope, FOUR, 0.0, 4),
        (metrics.improvement_slope, [case("wwr", "a"), case("w", "b")], 0.25, 2),
        (metrics.over_budget_ratio, [case("r", "a", over_budget=True), case("r", "b")], 1 / 2, 2),
        (metrics.coverage, FOUR, 3 / 4, 4),
        (metrics.abstention, FOUR, 1 / 4, 4),
        (metrics.broken_off, [*FOUR, case("r", "e", error="late")], 1 / 5, 5),
        (metrics.correct_commits, FOUR, 2 / 4, 4),
        (metrics.false_commits, FOUR, 1 / 3, 3),
        (metrics.false_commits_of_cases, FOUR, 1 / 4, 4),
        (metrics.selective_risk, FOUR, 1 / 3, 3),
        # First right at 2, 1, 1, never.
        (metrics.mrr, FOUR, (1 / 2 + 1 + 1 + 0) / 4, 4),
        (metrics.recall_over_turns, FOUR, 3 / 4, 4),
        # SR_1 = 2/4, SR_2 = 3/4.
        (metrics.gain_per_turn, FOUR, 1 / 4, 4),
        # SR = 1/3, 1/3, 2/3: the slope through three points is (last - first) / 2.
        (metrics.gain_per_turn, [case("r", "a"), case("wwr", "b"), case("w", "c")], 1 / 6, 3),
    ],
)
def test_by_hand(metric: Callable[[Sequence[Trial]], Estimate], trials: Sequence[Trial], value: float, n: int) -> None:
    found = metric(trials)
    assert found.value == pytest.approx(value) and found.n == n
    assert found.name == metric.__name__
    assert "no interval" in found.note or (found.low is not None and found.high is not None and found.low <= found.high)


CRITIC = [
    case("ww", "a", accepted="wr"),  # found, missed
    case("rr", "b", accepted="rw"),  # let through, blocked
    case("w", "c"),  # no word
    case("?", "d", accepted="w"),  # nobody knows
    case("w", "e", accepted="w", error="late"),  # found, whatever came of the case
]


@pytest.mark.parametrize(
    ("metric", "value", "n"),
    [
        (metrics.critic_precision, 2 / 3, 3),
        (metrics.critic_recall, 2 / 4, 4),
        (metrics.critic_f1, 2 * 2 / (3 + 4), 6),
        (metrics.critic_accuracy, 3 / 5, 5),
        (metrics.critic_coverage, 5 / 6, 6),
        (metrics.detection_rate, 2 / 3, 3),
        (metrics.false_block_rate, 1 / 2, 2),
        (metrics.miss_rate, 1 / 4, 4),
    ],
)
def test_critics_by_hand(metric: Callable[[Sequence[Trial]], Estimate], value: float, n: int) -> None:
    found = metric(CRITIC)
    assert found.value == pytest.approx(value) and found.n == n and found.name == metric.__name__


def test_suggestions_and_places() -> None:
    trials = [
        case("ww", "a", turns=(Turn(round=1, located=True, suggested=False), Turn(round=2, located=False))),
        case("w", "b", turns=(Turn(round=1, located=True), Turn(round=2))),
    ]
    assert (metrics.localisation_accuracy(trials).value, metrics.localisation_accuracy(trials).n) == (2 / 3, 3)
    assert (metrics.suggestion_accuracy(trials).value, metrics.suggestion_accuracy(trials).n) == (0.0, 1)


def test_what_a_failed_tool_was_recovered_from() -> None:
    def failed(end: str, task: str, **other: Any) -> Trial:
        return case(end, task, turns=turns(end, failed_tool=True), **other)

    trials = [
        failed("wr", "a"),
        failed("w", "b"),
        failed("w", "c", ends=False),
        failed("r", "d", error="late"),
        failed("?", "e"),
        case("r", "f"),
    ]
    assert (metrics.recovery_rate(trials).value, metrics.recovery_rate(trials).n) == (1 / 4, 4)


def test_accuracy_by_round_keeps_what_stopped_and_counts_what_has_not_begun() -> None:
    late = Trial(case="x", task="x", turns=(Turn(round=3, correct=True),), chosen=0, correct=True)
    found = metrics.accuracy_by_round([case("w?r", "a"), case("r", "b"), late])
    assert [each.name for each in found] == [f"accuracy_by_round/{n}" for n in (1, 2, 3)]
    assert [each.value for each in found] == pytest.approx([1 / 3, 1 / 3, 1.0])
    assert {each.n for each in found} == {3}


def test_flows_add_up_to_one() -> None:
    found = {each.name: each.value for each in metrics.flows(FOUR)}
    assert found == {
        "right_to_right": 1 / 4,
        "right_to_wrong": 1 / 4,
        "right_to_nothing": 0.0,
        "wrong_to_right": 1 / 4,
        "wrong_to_wrong": 0.0,
        "wrong_to_nothing": 1 / 4,
    }


def test_recall_by_turn_and_what_feedback_adds() -> None:
    assert [each.value for each in metrics.recall_by_turn(FOUR)] == [2 / 4, 3 / 4]
    assert metrics.recall_over_turns(FOUR, 1).value == 2 / 4
    given = [case("wr", "a"), case("r", "b"), case("r", "only here")]
    withheld = [case("ww", "a"), case("r", "b")]
    found = metrics.feedback_gain(given, withheld, 2)
    assert (found.value, found.n) == (1 - 1 / 2, 2)
    assert metrics.feedback_gain(given, []).value is None


def test_spending_counts_all_cases_and_only_solved_ones() -> None:
    trials = [
        case("r", "a", tokens=100, cost=0.5, seconds=2.0),
        case("w", "b", tokens=200, cost=0.25, seconds=1.0),
        case("r", "c", tokens=10, error="late"),
    ]
    assert (metrics.tokens_per_solved(trials).value, metrics.tokens_per_solved(trials).n) == (310, 3)
    assert metrics.cost_per_solved(trials).value == 0.75 and metrics.seconds_per_solved(trials).value == 3.0
    none = metrics.cost_per_solved(trials[1:])
    assert none.value is None and none.note == "no case ended right" and none.n == 2


def test_the_curve_of_risk_over_coverage() -> None:
    def sure(confidence: float, right: bool, task: str) -> Trial:
        return Trial(case=task, task=task, turns=(Turn(round=1, correct=right, confidence=confidence),))

    trials = [sure(0.9, True, "a"), sure(0.8, False, "b"), sure(0.5, True, "c"), sure(0.5, False, "d")]
    found = metrics.risk_coverage([*trials, case("r", "e")])
    assert found.points == ((0.25, 0.0), (0.5, 0.5), (1.0, 0.5)) and found.left_out == 1
    assert found.area.value == pytest.approx(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.5) and found.area.n == 4
    perfect = metrics.risk_coverage([sure(0.9, True, "a"), sure(0.1, False, "b")])
    assert perfect.area.value == 0.25
    nothing = metrics.risk_coverage([case("r", "e")])
    assert nothing.points == () and nothing.area.value is None and "confidence" in nothing.area.note


def test_no_interval_is_claimed_of_one_task_and_none_of_no_spread() -> None:
    one = metrics.accuracy([case("r", "a"), case("w", "a")])
    assert (one.value, one.low, one.high) == (0.5, None, None) and "one task" in one.note
    alike = metrics.accuracy([case("r", name) for name in "abcdefghij"])
    assert alike.value == 1.0 and alike.low == pytest.approx(0.722, abs=0.001) and alike.high == 1.0
    assert "Wilson" in alike.note
    same = metrics.tokens_per_solved([case("r", name, tokens=7) for name in "abc"])
    assert (same.value, same.low) == (7.0, None) and "alike" in same.note


def test_what_others_estimate_claims_no_interval_of_no_spread_either() -> None:
    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    def told(values: Sequence[float], *, together: bool = False) -> Estimate:
        return estimate("x", values, mean, cluster=(lambda value: "one") if together else None)

    for found in (told([0.5]), told([0.2, 0.8], together=True), told([1.0, 1.0, 1.0])):
        assert found.value is not None and (found.low, found.high) == (None, None) and "no interval" in found.note
    spread = told([0.0, 1.0])
    assert (spread.low, spread.high, spread.note) == (0.0, 1.0, "")


def test_cases_of_one_task_are_drawn_together() -> None:
    """Ten copies of two tasks say no more than the two."""
    copies = [case("r", "a")] * 10 + [case("w", "b")] * 10
    found = metrics.accuracy(copies)
    assert (found.low, found.high) == (0.0, 1.0)
