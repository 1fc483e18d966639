"""BLEU and cosine: known values, and what always holds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.graphs.parts.similarity import bleu, closeness, cosine, terms_in

TEXTS = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", ",", "and", "dog"]), max_size=12).map(" ".join)


def test_terms_are_words_and_signs_without_case() -> None:
    assert terms_in("The cat's 2 mats!") == ["the", "cat", "'", "s", "2", "mats", "!"]


def test_the_cosine_of_term_frequencies() -> None:
    assert cosine("a a b", "a b b") == pytest.approx(4 / 5)
    assert cosine("a", "b") == 0.0 and cosine("", "") == 1.0 and cosine("a", "") == 0.0
    assert cosine("the cat sat", "sat the cat") == 1.0


def test_clipped_precision_and_brevity_as_published() -> None:
    # "the" is clipped to its two occurrences in the reference: Papineni et al., section 2.1, example 2
    reference, candidate = "the cat is on the mat", "the the the the the the the"
    shared = [2 / 7, *(math.log(7) / (2**n * 5) / (7 - n) for n in (1, 2, 3))]
    assert bleu(reference, candidate) == pytest.approx(math.exp(sum(map(math.log, shared)) / 4))
    assert bleu("a b c d e f", "a b c d e") == pytest.approx(math.exp(1 - 6 / 5))
    assert bleu("a b c d e", "a b c d e f") == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    assert bleu("a b", "c d") == 0.0 and bleu("", "a") == 0.0


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_what_always_holds(one: str, other: str) -> None:
    for measure in (bleu, cosine, closeness):
        assert 0.0 <= measure(one, other) <= 1.0
        assert measure(one, one) == 1.0
    assert cosine(one, other) == pytest.approx(cosine(other, one))
    assert closeness(one, other) == (bleu(one, other) + cosine(one, other)) / 2
    if not set(one.split()) & set(other.split()) and (one or other):
        assert cosine(one, other) == 0.0 and bleu(one, other) == 0.0
    assert cosine(one, other) == pytest.approx(cosine(" ".join(reversed(one.split())), other))


@settings(deadline=None)
@given(TEXTS.filter(lambda text: len(text.split()) > 4))
def test_a_text_that_loses_words_is_less_alike(text: str) -> None:
    assert bleu(text, " ".join(text.split()[:-2])) < 1.0
