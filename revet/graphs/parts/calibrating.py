"""From a score to the probability of being right, by isotonic regression on recorded pairs of both.

Pool adjacent violators (Ayer et al. 1955; for probabilities: Zadrozny and Elkan, KDD 2002): the best fit among all that
never fall as the score rises.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.errors import InputError

__all__ = ["AGREEMENT", "Calibration", "isotonic", "read_calibration"]

FEWEST = 10
"""Pairs below which a calibration says nothing."""


@dataclass(frozen=True)
class Calibration:
    """A step function that never falls: from each of `scores` (ascending) on, the probability in its place."""

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, score: float) -> float:
        """The probability of being right. Below all known scores, that of the lowest."""
        return self.probabilities[max(0, bisect_right(self.scores, score) - 1)]


def isotonic(pairs: Sequence[tuple[float, bool]]) -> Calibration:
    """The calibration that fits the pairs of score and truth best.

    One right answer of the lowest score and one wrong of the highest are added, so that nothing is certain because it
    was never seen to fail.
    """
    if not pairs or not all(math.isfinite(score) for score, _ in pairs):
        raise ValueError("a calibration needs pairs of a finite score and whether the answer was right")
    lowest, highest = min(score for score, _ in pairs), max(score for score, _ in pairs)
    tallies: dict[float, tuple[int, int]] = {}
    for score, right in (*pairs, (lowest, True), (highest, False)):
        good, all_ = tallies.get(score, (0, 0))
        tallies[score] = (good + right, all_ + 1)
    blocks: list[tuple[float, int, int]] = []
    for score in sorted(tallies):
        block = (score, *tallies[score])
        while blocks and blocks[-1][1] * block[2] >= block[1] * blocks[-1][2]:
            before = blocks.pop()
            block = (before[0], before[1] + block[1], before[2] + block[2])
        blocks.append(block)
    return Calibration(tuple(start for start, _, _ in blocks), tuple(good / count for _, good, count in blocks))


def read_calibration(path: Path) -> Calibration:
    """The calibration by a file of JSON lines, ``{"score": 0.8, "right": true}``.

    Raises `InputError` that names file and line for what is none, and for too few pairs to say anything.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"calibration: {path} cannot be read: {error}") from None
    pairs = [_pair(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if len(pairs) < FEWEST:
        hint = f"give at least {FEWEST} answers with their scores"
        raise InputError(f"calibration: {path} holds {len(pairs)} pairs of score and truth", hint=hint)
    return isotonic(pairs)


def _pair(line: str, where: str) -> tuple[float, bool]:
    hint = 'write one object a line: {"score": 0.8, "right": true}'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"calibration: {where}: no JSON: {error}", hint=hint) from None
    score = row.get("score") if isinstance(row, dict) else None
    right = row.get("right") if isinstance(row, dict) else None
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        raise InputError(f"calibration: {where}: score must be a number", hint=hint)
    if not isinstance(right, bool):
        raise InputError(f"calibration: {where}: right must be true or false", hint=hint)
    return float(score), right


AGREEMENT = Calibration(
    scores=(0.286, 0.4, 0.5, 0.571, 0.6, 0.625, 0.7, 0.769, 0.846, 0.909, 0.923),
    probabilities=(0.071, 0.122, 0.455, 0.583, 0.671, 0.69, 0.871, 0.948, 0.978, 0.988, 0.993),
)
"""What the agreement of programs that pass the visible tests is worth: 100 tasks of HumanEval, 20 samples each of
CodeGen-16B (CodeT's), of which 3 to 12 were drawn in 50 random orders; right is what passes the hidden tests."""
