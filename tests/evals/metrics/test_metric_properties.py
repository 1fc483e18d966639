"""What holds for every metric and all trials: ranges, invariance, and words in place of values that there are not."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.evals import metrics
from revet.evals.estimate import Estimate, estimate
from revet.evals.figures import bootstrap_sums
from revet.evals.trial import Trial
from tests.evals.metrics.support import case, cases

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
Metric = Callable[[Sequence[Trial]], Estimate]

SLOPES = {"improvement_slope", "critique_value", "gain_per_turn"}
SPENDING = {"tokens_per_solved", "cost_per_solved", "seconds_per_solved"}
MANY = {"accuracy_by_round", "flows", "recall_by_turn", "risk_coverage", "feedback_gain", "RiskCoverage"}
ONE = sorted(set(metrics.__all__) - MANY)


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Few resamples: what must hold, holds for any number of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("revet.evals.estimate.bootstrap_sums", partial(bootstrap_sums, resamples=40))
        for module in ("selective", "turns"):
            patch.setattr(f"revet.evals.metrics.{module}.estimate", partial(estimate, resamples=40))
        yield


def every(trials: Sequence[Trial]) -> list[Estimate]:
    """All that can be measured of the trials."""
    found: list[Estimate] = [getattr(metrics, name)(trials) for name in ONE]
    found += metrics.accuracy_by_round(trials) + metrics.flows(trials) + metrics.recall_by_turn(trials)
    return [*found, metrics.risk_coverage(trials).area, metrics.feedback_gain(trials, trials)]


@settings(deadline=None, max_examples=25)
@given(cases)
def test_values_are_in_range_and_never_not_a_number(trials: list[Trial]) -> None:
    for found in every(trials):
        least = -1.0 if found.name in SLOPES | {"feedback_gain"} else 0.0
        most = math.inf if found.name in SPENDING else 1.0
        if found.value is None:
            assert found.note and found.low is None and found.high is None, found
            continue
        for value in (found.value, found.low, found.high):
            assert value is None or least - 1e-9 <= value <= most + 1e-9, found
        assert (found.low is None) == (found.high is None), found
        assert found.low is None or found.high is None or found.low <= found.high, found
        assert found.low is not None or "no interval" in found.note, found
        assert found.n > 0, found


@settings(deadline=None, max_examples=20)
@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_cases_does_not_matter(trials: list[Trial], random: object) -> None:
    shuffled = list(trials)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for one, other in zip(every(trials), every(shuffled), strict=True):
        assert one.value == pytest.approx(other.value) and one.n == other.n
        assert one.low == pytest.approx(other.low) and one.high == pytest.approx(other.high), one.name


@settings(deadline=None, max_examples=20)
@given(cases)
def test_to_have_everything_twice_changes_no_value(trials: list[Trial]) -> None:
    for one, other in zip(every(trials), every([*trials, *trials]), strict=True):
        assert one.value == pytest.approx(other.value), one.name
        assert one.low == pytest.approx(other.low) and one.high == pytest.approx(other.high), one.name


@settings(deadline=None, max_examples=30)
@given(cases)
def test_what_must_add_up_does(trials: list[Trial]) -> None:
    whole = [metrics.coverage(trials), metrics.abstention(trials), metrics.broken_off(trials)]
    assert not trials or sum(each.value or 0.0 for each in whole) == pytest.approx(1.0)
    flows = metrics.flows(trials)
    assert flows[0].value is None or sum(each.value or 0.0 for each in flows) == pytest.approx(1.0)
    if flows[0].value is not None:
        first = sum(each.value or 0.0 for each in flows[:3])
        kept, made = metrics.confidence_score(trials).value, metrics.critique_score(trials).value
        accuracy = (flows[0].value or 0.0) + (flows[3].value or 0.0)
        assert accuracy == pytest.approx(first * (kept or 0.0) + (1 - first) * (made or 0.0))
    recall, miss = metrics.critic_recall(trials).value, metrics.miss_rate(trials).value
    assert recall is None or miss is None or recall + miss <= 1 + 1e-9
    by_turn = [each.value for each in metrics.recall_by_turn(trials) if each.value is not None]
    assert by_turn == sorted(by_turn)
    assert not by_turn or by_turn[-1] == metrics.recall_over_turns(trials).value


@settings(deadline=None, max_examples=30)
@given(cases)
def test_the_curve_ends_at_the_risk_of_all(trials: list[Trial]) -> None:
    curve = metrics.risk_coverage(trials)
    coverages = [coverage for coverage, _ in curve.points]
    assert coverages == sorted(set(coverages)) and all(0 < each <= 1 for each in coverages)
    assert (curve.area.value is None) == (not curve.points)
    if curve.points:
        assert coverages[-1] == 1.0 and curve.left_out + curve.area.n == len(trials)


@pytest.mark.parametrize("trials", [[], [case("")], [case("??")], [case("", error="broke")]])
def test_of_nothing_there_is_no_value_but_a_word(trials: list[Trial]) -> None:
    for found in every(trials):
        assert found.value is None or found.name in {
            "accuracy",
            "abstention",
            "broken_off",
            "correct_commits",
            "coverage",
            "critic_coverage",
            "false_commits_of_cases",
            "over_budget_ratio",
            "revision_rate",
        }, found
        assert found.note


def test_every_metric_says_what_it_is() -> None:
    """What is divided by what, and the range; the page on metrics has them all."""
    for name in metrics.__all__:
        told = inspect.getdoc(getattr(metrics, name)) or ""
        assert len(told) > 50, name
        assert name == "RiskCoverage" or f"`{name}`" in PAGE, name
    assert metrics.__all__ == sorted(metrics.__all__)
