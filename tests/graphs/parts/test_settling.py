"""The incomplete beta function against known values, and the two measures of how settled a vote is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.settling import incomplete_beta, majority_confidence, ppr_confidence, two_first

# Closed forms: I_x(a, 1) = x^a; I_x(1, b) = 1 - (1-x)^b; I_x(1/2, 1/2) = (2/pi) asin(sqrt(x)); whole numbers by the
# binomial sum.
KNOWN = [
    (1, 1, 0.3, 0.3),
    (3, 1, 0.5, 0.125),
    (1, 4, 0.25, 1 - 0.75**4),
    (0.5, 0.5, 0.2, 2 / math.pi * math.asin(math.sqrt(0.2))),
    (2, 3, 0.4, 0.5248),
    (10, 10, 0.5, 0.5),
    (5, 2, 0.9, 0.885735),
]


@pytest.mark.parametrize(("a", "b", "x", "value"), KNOWN)
def test_known_values_to_nine_digits(a: float, b: float, x: float, value: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(value, abs=1e-9)


def binomial(a: int, b: int, x: float) -> float:
    """I_x(a, b) for whole numbers: the chance of `a` or more of a + b − 1."""
    n = a + b - 1
    return math.fsum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.001, 0.999))
def test_it_is_the_binomial_tail_for_whole_numbers(a: int, b: int, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(binomial(a, b, x), abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.05, 500), st.floats(0.05, 500), st.floats(0.001, 0.999))
def test_it_is_symmetric_and_a_probability(a: float, b: float, x: float) -> None:
    value = incomplete_beta(a, b, x)
    assert -1e-12 <= value <= 1 + 1e-12
    assert value == pytest.approx(1 - incomplete_beta(b, a, 1 - x), abs=1e-8)


@pytest.mark.parametrize(("a", "b", "x"), [(0, 1, 0.5), (1, -1, 0.5), (1, 1, 1.5), (1, 1, math.nan)])
def test_where_it_is_not_defined(a: float, b: float, x: float) -> None:
    with pytest.raises(ValueError, match="defined for"):
        incomplete_beta(a, b, x)


@pytest.mark.parametrize("votes", range(12))
def test_a_unanimous_vote(votes: int) -> None:
    assert majority_confidence([votes]) == pytest.approx(1 - 2.0 ** -(votes + 1), abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(4, 0), (6, 1), (8, 2), (9, 3)])
def test_the_fewest_votes_that_settle_it_at_095(first: int, second: int) -> None:
    assert majority_confidence([first, second]) >= 0.95 > majority_confidence([first - 1, second])


VOTES = st.lists(st.integers(0, 40), max_size=6)


@settings(deadline=None)
@given(VOTES)
def test_both_are_confidences_and_a_tie_settles_nothing(votes: list[int]) -> None:
    first, second = two_first(votes)
    assert 0.5 - 1e-9 <= majority_confidence(votes) <= 1
    assert 0 <= ppr_confidence(votes) <= 1
    if first == second:
        assert majority_confidence(votes) == pytest.approx(0.5) and ppr_confidence(votes) == 0


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(0, 40))
def test_a_vote_more_for_the_leader_settles_more(first: int, second: int) -> None:
    first, second = max(first, second), min(first, second)
    assert majority_confidence([first + 1, second]) > majority_confidence([first, second]) - 1e-12
    assert ppr_confidence([first + 1, second]) >= ppr_confidence([first, second]) - 1e-12


def test_ppr_is_the_more_careful() -> None:
    # One answer, n votes: the posterior density at one half is (n + 1) / 2^n.
    assert ppr_confidence([5]) == pytest.approx(1 - 6 / 32)
    assert all(ppr_confidence([n]) < majority_confidence([n]) for n in range(1, 30))
