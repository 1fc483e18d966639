"""Figures and their uncertainty, against values computed elsewhere and against what must hold of any."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.evals import Figure, bootstrap, wilson
from revet.evals.figures import bootstrap_sums


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_the_score_interval_is_that_of_the_literature(successes: int, n: int, low: float, high: float) -> None:
    # The last two are examples 1 and 2 of Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    assert wilson(successes, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_no_cases_have_no_interval() -> None:
    assert wilson(0, 0) == (None, None)
    assert bootstrap([], lambda cases: 1.0) == (None, None)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(deadline=None)
def test_the_score_interval_holds_the_share(case: tuple[int, int]) -> None:
    successes, n = case
    low, high = wilson(successes, n)
    assert low is not None and high is not None
    assert 0 <= low <= successes / n <= high <= 1


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 5)), max_size=30), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_sums_are_resampled_as_their_cases_are(counts: list[tuple[float, float]], seed: int) -> None:
    def share(drawn: Sequence[tuple[float, float]]) -> float | None:
        return sum(hits for hits, _ in drawn) / sum(items for _, items in drawn)

    slow = bootstrap(counts, share, resamples=50, seed=seed)
    assert bootstrap_sums(counts, lambda sums: sums[0] / sums[1], resamples=50, seed=seed) == slow


def mean(cases: Sequence[float]) -> float:
    return sum(cases) / len(cases)


def test_the_bootstrap_interval_covers_the_mean_as_often_as_it_says() -> None:
    import random

    draw, covered = random.Random(1), 0
    for seed in range(200):
        low, high = bootstrap([draw.gauss(3, 1) for _ in range(60)], mean, resamples=200, seed=seed)
        assert low is not None and high is not None
        covered += low <= 3 <= high
    assert 180 <= covered <= 199


def test_the_bootstrap_is_the_same_for_the_same_seed_and_passes_over_what_has_no_value() -> None:
    cases = [1.0, 2.0, 4.0, 8.0]
    assert bootstrap(cases, mean, seed=3) == bootstrap(cases, mean, seed=3)
    low, high = bootstrap(cases, lambda drawn: None if 8.0 in drawn else mean(drawn))
    assert low is not None and high is not None and high <= 4
    assert bootstrap(cases, lambda drawn: None) == (None, None)


def test_a_figure_knows_whether_it_reaches_its_target() -> None:
    figure = Figure(set="s", measure="F1", value=0.9, low=0.8, high=0.95, n=10, target=0.9)
    assert figure.reached is True
    assert figure.model_copy(update={"value": 0.89}).reached is False
    assert figure.model_copy(update={"value": None}).reached is None
    assert figure.model_copy(update={"target": None}).reached is None
