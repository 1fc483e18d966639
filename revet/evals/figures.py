"""Figures with their uncertainty: what a measurement found, over how many cases, and how sure that is."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import Field

from revet.schema import Model

__all__ = ["Figure", "bootstrap", "wilson"]

T = TypeVar("T")


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
    values = sorted(
        value for value in (statistic(draw.choices(cases, k=len(cases))) for _ in range(resamples)) if value is not None
    )
    if not values:
        return None, None
    return values[int(0.025 * len(values))], values[min(len(values) - 1, int(0.975 * len(values)))]
