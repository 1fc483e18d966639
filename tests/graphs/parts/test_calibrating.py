"""Isotonic calibration: it never falls, it fits, and a file that is none is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.errors import InputError
from revet.graphs.parts.calibrating import AGREEMENT, isotonic, read_calibration

PAIRS = st.lists(st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.booleans()), min_size=1, max_size=40)


@settings(deadline=None)
@given(PAIRS)
def test_a_calibration_never_falls_and_is_a_probability(pairs: list[tuple[float, bool]]) -> None:
    fitted = isotonic(pairs)
    values = [fitted(n / 16) for n in range(-4, 24)]
    assert values == sorted(values)
    assert all(0 <= value <= 1 for value in values)
    assert list(fitted.scores) == sorted(set(fitted.scores))


@settings(deadline=None)
@given(PAIRS)
def test_it_fits_at_least_as_well_as_a_constant(pairs: list[tuple[float, bool]]) -> None:
    fitted = isotonic(pairs)
    lowest, highest = min(pairs)[0], max(pairs)[0]
    seen = [*pairs, (lowest, True), (highest, False)]  # what is added so that nothing is certain
    mean = sum(right for _, right in seen) / len(seen)
    own = sum((fitted(score) - right) ** 2 for score, right in seen)
    assert own <= sum((mean - right) ** 2 for _, right in seen) + 1e-9
    assert sum(fitted(score) for score, _ in seen) == pytest.approx(sum(right for _, right in seen))


def test_violators_are_pooled() -> None:
    pairs = [(0.1, False)] * 8 + [(0.5, True)] * 3 + [(0.6, False)] * 3 + [(0.9, True)] * 8
    fitted = isotonic(pairs)
    assert fitted(0.55) == fitted(0.65) == 0.5  # the two in the middle are one step
    assert fitted(0.1) == 1 / 9 and fitted(0.95) == 8 / 9
    assert fitted(0.0) == fitted(0.1)


def test_nothing_is_certain_because_it_was_never_seen_to_fail() -> None:
    fitted = isotonic([(0.2, False)] * 5 + [(0.9, True)] * 5)
    assert 0 < fitted(0.2) < 0.2 and 0.8 < fitted(0.9) < 1


def test_a_calibration_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="needs pairs"):
        isotonic([])


def test_the_default_table_is_a_calibration() -> None:
    assert list(AGREEMENT.probabilities) == sorted(AGREEMENT.probabilities)
    assert len(AGREEMENT.scores) == len(AGREEMENT.probabilities)
    assert AGREEMENT(3 / 5) < 0.9 <= AGREEMENT(4 / 5)  # two that differ of three are not enough, three alike are


def test_a_calibration_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    rows = [{"score": n / 20, "right": n > 10} for n in range(20)]
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert read_calibration(file)(0.9) > 0.8 > read_calibration(file)(0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "x:1: no JSON"),
        ('{"score": "high", "right": true}', "x:1: score must be a number"),
        ('{"score": true, "right": true}', "x:1: score must be a number"),
        ('{"score": NaN, "right": true}', "x:1: score must be a number"),
        ('{"score": 1, "right": 1}', "x:1: right must be true or false"),
        ("[1]", "x:1: score must be a number"),
        ('{"score": 1, "right": true}', "holds 1 pairs"),
    ],
)
def test_a_file_that_is_no_calibration_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(InputError, match=said):
        read_calibration(tmp_path / "x")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path / "none")
