"""Figures with their uncertainty: what a measurement found, over how many cases, and how sure that is."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from pydantic import Field

from revet.schema import Model

__all__ = ["Figure", "bootstrap", "bootstrap_sums", "wilson"]

T = TypeVar("T")

MOST_KEPT = 5_000_000
"""Draws that are kept for the next statistic: some 40 MB."""


class Figure(Model):
    """One measured value with its 95 % confidence interval. `counts` is what it was computed from, and what else was
    measured by the way; `n` is the number of cases that `value` is about. A value that no case bears on is None.
    """

    set: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int = Field(ge=0)
    target: float | None = Field(default=None, description="what the value should reach")
    counts: dict[str, float | int | None] = Field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        """Whether the value is at least the target; None without either."""
        return None if self.target is None or self.value is None else self.value >= self.target


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float | None, float | None]:
    """The score interval of a proportion (Wilson 1927). None, None of no cases."""
    if n == 0:
        return None, None
    share, z2 = successes / n, z * z
    middle, spread = share + z2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # Rounding may put an end of the interval a hair inside the share itself, where that is 0 or 1.
    return max(0.0, min(share, (middle - spread) / (1 + z2 / n))), min(
        1.0, max(share, (middle + spread) / (1 + z2 / n))
    )


def bootstrap(
    cases: Sequence[T], statistic: Callable[[Sequence[T]], float | None], *, resamples: int = 1000, seed: int = 0
) -> tuple[float | None, float | None]:
    """The percentile interval of a statistic over cases that were drawn independently (Efron 1979).

    Cases that belong together (attempts at one task) are to be given as one case. Resamples for which the statistic is
    None are passed over.
    """
    if not cases:
        return None, None
    draw = random.Random(seed)
    return _ends(statistic(draw.choices(cases, k=len(cases))) for _ in range(resamples))


def bootstrap_sums(
    counts: Sequence[tuple[float, ...]],
    value: Callable[[tuple[float, ...]], float | None],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[float | None, float | None]:
    """`bootstrap` of a statistic that is a function of the sums of counts, one tuple a case, all of one length.

    To the last bit what `bootstrap` finds of the same cases with the same seed, in a tenth of the time: what is drawn
    of so many cases is the same for every statistic of them, and is drawn once.
    """
    if not counts:
        return None, None
    columns = tuple(zip(*counts, strict=True))
    if len(counts) == 1:
        return _ends([value(counts[0])])
    picks = _kept_picks if len(counts) * resamples <= MOST_KEPT else _picks
    return _ends(value(tuple(sum(pick(column)) for column in columns)) for pick in picks(len(counts), resamples, seed))


def _picks(cases: int, resamples: int, seed: int) -> Iterator[itemgetter[Any]]:
    """What picks the cases of each resample from a sequence: the cases that `bootstrap` draws."""
    draw, places = random.Random(seed), list(range(cases))
    for _ in range(resamples):
        yield itemgetter(*draw.choices(places, k=cases))


@lru_cache(maxsize=2)
def _kept_picks(cases: int, resamples: int, seed: int) -> Sequence[itemgetter[Any]]:
    return tuple(_picks(cases, resamples, seed))


def _ends(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """The 2.5th and the 97.5th percentile of what is there."""
    found = sorted(value for value in values if value is not None)
    if not found:
        return None, None
    return found[int(0.025 * len(found))], found[min(len(found) - 1, int(0.975 * len(found)))]
