"""When a vote is settled: how sure it is that the leading answer would still lead after any number of further votes.

Two measures, both of the leader's votes against the runner-up's (every other answer has less of a claim):

- `majority_confidence`: the Beta posterior of Adaptive-Consistency (Aggarwal et al., EMNLP 2023, arXiv 2305.11860);
- `ppr_confidence`: the prior-posterior-ratio martingale PPR-1v1 (Jain et al., AISTATS 2022, arXiv 2109.05047), which is
  valid however often one looks.

Votes may be weighted: they are then pseudo-counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["incomplete_beta", "majority_confidence", "ppr_confidence", "two_first"]

STEPS, TINY, EXACT = 10_000, 1e-300, 1e-15


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for a, b > 0 and 0 ≤ x ≤ 1 (DLMF 8.17).

    By Lentz's continued fraction, on the side of the mean where it converges fast.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"I_x(a, b) is defined for a, b > 0 and x in [0, 1], not for a={a}, b={b}, x={x}")
    if x in (0.0, 1.0):
        return float(x)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1.0 - x)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) by the modified Lentz algorithm (DLMF 8.17.22)."""
    c, d = 1.0, _away(1.0 - (a + b) * x / (a + 1))
    d = 1.0 / d
    value = d
    for m in range(1, STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _away(1.0 + term * d)
            c = _away(1.0 + term / c)
            value *= d * c
        if abs(d * c - 1.0) < EXACT:
            break
    return value


def _away(value: float) -> float:
    return value if abs(value) > TINY else TINY


def two_first(votes: Sequence[float]) -> tuple[float, float]:
    """The leader's votes and the runner-up's; 0 for whoever there is not."""
    first, second, *_ = (*sorted(votes, reverse=True), 0.0, 0.0)
    return first, second


def majority_confidence(votes: Sequence[float]) -> float:
    """The posterior probability that the leader's share of the two first exceeds one half, from a uniform prior.

    `votes` are those of each different answer. Nobody's votes: one half, for nothing is known. ``n`` votes for one
    answer and none for another: 1 − 2^−(n+1).
    """
    return _leads(*two_first(votes))


@lru_cache(maxsize=65_536)
def _leads(first: float, second: float) -> float:
    return incomplete_beta(second + 1, first + 1, 0.5)


def ppr_confidence(votes: Sequence[float]) -> float:
    """1 − (K − 1)·δ, where δ is the level at which PPR-1v1 would stop: the posterior density of a tie over the prior's.

    K is how many answers there are, two at least. Never below 0. It is the more careful of the two measures, and the
    one whose order among questions is optimal as the number of samples grows.
    """
    first, second = two_first(votes)
    density = math.exp(
        math.lgamma(first + second + 2)
        - math.lgamma(first + 1)
        - math.lgamma(second + 1)
        - (first + second) * math.log(2)
    )
    rivals = max(1, sum(1 for each in votes if each > 0) - 1)
    return max(0.0, 1.0 - rivals * density)
