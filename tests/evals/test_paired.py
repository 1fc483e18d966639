"""Paired comparison against values from tables, and what must hold for all pairs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.evals.paired import Pair, compared, difference, mcnemar, pairs_of, permutation, right
from tests.evals.metrics.support import case


def verdicts(gained: int, lost: int, same: int = 0) -> list[Pair]:
    values = [(0.0, 1.0)] * gained + [(1.0, 0.0)] * lost + [(1.0, 1.0)] * same
    return [Pair(f"t{n}", one, other) for n, (one, other) in enumerate(values)]


@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        # Two-sided probabilities of a fair coin, from binomial tables.
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 0, 0.0625),
        (6, 0, 0.03125),
        (8, 2, 0.109375),
        (9, 1, 0.021484375),
        (10, 2, 0.03857421875),
        (3, 3, 1.0),
        (15, 5, 0.04138946533203125),
    ],
)
def test_mcnemar_is_the_binomial_of_the_pairs_that_differ(gained: int, lost: int, p: float) -> None:
    found = mcnemar("x", verdicts(gained, lost, same=7))
    assert found.p == pytest.approx(p) and found.n == gained + lost + 7
    assert found.value == pytest.approx((gained - lost) / found.n)
    assert found.note.startswith(f"{gained} gained, {lost} lost") and found.test == "McNemar, exact"


def test_mcnemar_takes_verdicts_only() -> None:
    with pytest.raises(ValueError, match="0 or 1"):
        mcnemar("x", [Pair("a", 0.5, 1.0)])


def test_permutation_by_hand() -> None:
    """Differences 1, 2, 3: of eight ways to sign them, two are as far from 0."""
    pairs = [Pair("a", 0, 1), Pair("b", 0, 2), Pair("c", 0, 3)]
    found = permutation("x", pairs)
    assert (found.p, found.value, found.test) == (2 / 8, 2.0, "permutation, exact")
    # 3, 3, -1: sums as far from 0 as 5 are those of +++ (7), ++- (5) and their opposites.
    assert permutation("x", [Pair("a", 0, 3), Pair("b", 0, 3), Pair("c", 1, 0)]).p == 4 / 8


def test_cases_of_one_task_are_swapped_together() -> None:
    """Ten cases of one task that all gain are one observation."""
    many = [Pair("a", 0, 1)] * 10
    assert permutation("x", many).p == 1.0 and difference("x", many).low is None
    assert compared("x", many).test == "permutation, exact" and "one task" in compared("x", many).note
    assert compared("x", verdicts(3, 1)).test == "McNemar, exact"
    assert compared("x", [Pair("a", 0.5, 1.0), Pair("b", 0, 0)]).test == "permutation, exact"


def test_many_clusters_are_sampled_and_p_is_never_nothing() -> None:
    found = permutation("x", verdicts(40, 0), drawn=199)
    assert found.p == 1 / 200 and found.test == "permutation, 199 drawn"
    exact, drawn = mcnemar("x", verdicts(15, 5)).p, permutation("x", verdicts(15, 5)).p
    assert exact is not None and drawn == pytest.approx(exact, abs=0.01)


def test_tasks_that_all_differ_alike_are_no_certainty() -> None:
    """Resampling four gains shows no spread: an interval of one point would claim what nobody knows."""
    for found in (mcnemar("x", verdicts(4, 0)), permutation("x", verdicts(0, 3)), difference("x", verdicts(0, 0, 5))):
        assert found.value is not None and (found.low, found.high) == (None, None)
        assert "all tasks are alike: no interval" in found.note
    spread = difference("x", verdicts(4, 1))
    assert spread.low is not None and spread.high is not None and spread.low < 0.6 < spread.high


def test_no_pairs_no_value() -> None:
    for found in (difference("x", []), mcnemar("x", []), permutation("x", []), compared("x", [])):
        assert (found.value, found.p, found.n, found.note) == (None, None, 0, "there are no pairs")


def test_pairs_are_the_cases_that_both_have_with_a_value() -> None:
    first = [case("r", "a"), case("w", "b"), case("?", "c"), case("w", "d", ends=False), case("r", "e", error="late")]
    second = [case("w", "a", case="a/r"), case("r", "b", case="b/w"), case("r", "c", case="c/?"), case("r", "z")]
    assert pairs_of(first, second) == [Pair("a", 1.0, 0.0), Pair("b", 0.0, 1.0)]
    assert [right(trial) for trial in first] == [1.0, 0.0, None, 0.0, 0.0]
    assert pairs_of(first, first, lambda trial: len(trial.turns))[0] == Pair("a", 1.0, 1.0)


pairs = st.lists(
    st.builds(Pair, st.sampled_from("abcdef"), st.integers(-3, 3).map(float), st.integers(-3, 3).map(float)),
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_the_other_way_round_it_is_the_opposite(given_pairs: list[Pair]) -> None:
    turned = [Pair(pair.cluster, pair.second, pair.first) for pair in given_pairs]
    one, other = permutation("x", given_pairs), permutation("x", turned)
    assert one.p == other.p and one.n == other.n
    assert one.value is None or (other.value is not None and one.value == pytest.approx(-other.value))


@settings(deadline=None, max_examples=40)
@given(pairs, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(given_pairs: list[Pair], random: object) -> None:
    shuffled = list(given_pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert permutation("x", given_pairs) == permutation("x", shuffled)


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_probabilities_and_intervals_are_in_range(given_pairs: list[Pair]) -> None:
    found = permutation("x", given_pairs)
    assert found.p is None or 0 < found.p <= 1
    assert (found.low is None) == (found.high is None)
    assert found.low is None or (found.high is not None and -6 <= found.low <= found.high <= 6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 7), st.integers(0, 7))
def test_of_verdicts_the_permutation_test_is_mcnemar_s(gained: int, lost: int) -> None:
    """Signs of ones and minus ones are a fair coin."""
    given_pairs = verdicts(gained, lost)
    if given_pairs:
        assert permutation("x", given_pairs).p == pytest.approx(mcnemar("x", given_pairs).p)
