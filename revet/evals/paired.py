"""Paired comparison: the same cases under two conditions, and how likely the difference is by chance.

A positive difference means that the second condition has more. Cases of one task are not independent: intervals and
permutations treat them as one. Every test is two-sided.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, product
from operator import mul
from typing import NamedTuple

from pydantic import Field

from revet.evals.estimate import ALIKE, ONE_TASK
from revet.evals.figures import bootstrap_sums
from revet.evals.trial import Trial
from revet.schema import Model

__all__ = ["Difference", "Pair", "compared", "difference", "mcnemar", "pairs_of", "permutation", "right"]

EXACT = 14
"""So many clusters that differ are permuted in all 2^n ways; of more, a sample of the ways is drawn."""
DRAWN = 9999
NOTHING = "there are no pairs"


class Pair(NamedTuple):
    """One case: its value under the first condition and under the second. Pairs of one `cluster` belong together."""

    cluster: str
    first: float
    second: float


class Difference(Model):
    """The mean over `n` pairs of second - first, with its 95 % interval, and the probability `p` of one that large if
    the conditions were alike. `test` says how `p` was found. Without pairs all are None, and `note` says so.
    """

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = Field(default=None, ge=0, le=1)
    n: int = Field(ge=0)
    test: str = ""
    note: str = ""


def right(trial: Trial) -> float | None:
    """What `pairs_of` compares by default: 1 if the case ended right, 0 if not, None if nobody can tell.

    An abstention and a case that broke off are not right.
    """
    unknown = trial.error is None and trial.committed and trial.correct is None
    return None if unknown else float(trial.error is None and trial.correct is True)


def pairs_of(
    first: Iterable[Trial], second: Iterable[Trial], value: Callable[[Trial], float | None] = right
) -> list[Pair]:
    """The cases (by `Trial.case`) that both have and that have a value in both, in the order of the first."""
    others: Mapping[str, Trial] = {trial.case: trial for trial in second}
    found = []
    for trial in {trial.case: trial for trial in first}.values():
        if trial.case in others:
            one, other = value(trial), value(others[trial.case])
            if one is not None and other is not None:
                found.append(Pair(trial.task, float(one), float(other)))
    return found


def compared(name: str, pairs: Sequence[Pair], *, seed: int = 0) -> Difference:
    """The difference with the test that fits: McNemar's for verdicts on one case a task, else a permutation test."""
    verdicts = all(value in (0.0, 1.0) for pair in pairs for value in pair[1:])
    alone = len({pair.cluster for pair in pairs}) == len(pairs)
    if verdicts and alone:
        return mcnemar(name, pairs, seed=seed)
    return permutation(name, pairs, seed=seed)


def difference(name: str, pairs: Sequence[Pair], *, resamples: int = 1000, seed: int = 0) -> Difference:
    """The mean difference with its percentile interval, clusters drawn with replacement (Efron 1979). No test.

    Of one cluster there is no interval, nor of clusters that are all alike: that resampling shows no spread is no
    certainty.
    """
    if not pairs:
        return Difference(name=name, value=None, n=0, note=NOTHING)
    sums = [(total, count) for total, count in _clusters(pairs).values()]
    value = _mean((sum(total for total, _ in sums), sum(count for _, count in sums)))
    if len(sums) == 1:
        return Difference(name=name, value=value, n=len(pairs), note=ONE_TASK)
    low, high = bootstrap_sums(sums, _mean, resamples=resamples, seed=seed)
    if low == high:
        return Difference(name=name, value=value, n=len(pairs), note=ALIKE)
    return Difference(name=name, value=value, low=low, high=high, n=len(pairs), test="paired bootstrap")


def mcnemar(name: str, pairs: Sequence[Pair], *, seed: int = 0) -> Difference:
    """McNemar's test, exact: of the pairs that differ, how many go one way, against a fair coin (binomial).

    Values must be 0 or 1, else `ValueError`. It takes the pairs as independent: where tasks have several cases, use
    `permutation`. Source: McNemar 1947; the exact form: Mosteller 1952. Without pairs that differ, p is 1.
    """
    if any(value not in (0.0, 1.0) for pair in pairs for value in pair[1:]):
        raise ValueError("McNemar's test compares verdicts: every value must be 0 or 1")
    found = difference(name, pairs, seed=seed)
    if found.value is None:
        return found
    gained = sum(pair.second > pair.first for pair in pairs)
    lost = sum(pair.second < pair.first for pair in pairs)
    note = f"{gained} gained, {lost} lost" + (f"; {found.note}" if found.note else "")
    return found.model_copy(update={"p": _binomial(gained, lost), "test": "McNemar, exact", "note": note})


def permutation(name: str, pairs: Sequence[Pair], *, drawn: int = DRAWN, seed: int = 0) -> Difference:
    """A permutation test: the conditions of each cluster are swapped, or not, with equal chance (Fisher 1935).

    In all ways where at most 14 clusters differ; else in `drawn` ways, with p = (k + 1) / (drawn + 1), where k of them
    differ at least as much, which never claims too little (Phipson & Smyth 2010). Clusters that do not differ change
    nothing.
    """
    found = difference(name, pairs, seed=seed)
    if found.value is None:
        return found
    totals = [total for _, (total, _) in sorted(_clusters(pairs).items()) if total]
    if len(totals) <= EXACT:
        p, test = _all_ways(totals), "permutation, exact"
    else:
        p, test = _some_ways(totals, drawn, seed), f"permutation, {drawn} drawn"
    return found.model_copy(update={"p": p, "test": test})


def _clusters(pairs: Sequence[Pair]) -> dict[str, tuple[float, int]]:
    """The sum of the differences of each cluster, and how many there are, by cluster in order."""
    told: dict[str, tuple[float, int]] = {}
    for pair in sorted(pairs):
        total, count = told.get(pair.cluster, (0.0, 0))
        told[pair.cluster] = (total + pair.second - pair.first, count + 1)
    return told


def _mean(sums: tuple[float, ...]) -> float:
    return sums[0] / sums[1]


def _binomial(gained: int, lost: int) -> float:
    """Twice the lesser tail of a fair coin thrown as often as pairs differ, at most 1."""
    thrown = gained + lost
    tail = sum(math.comb(thrown, k) for k in range(min(gained, lost) + 1))
    return min(1.0, float(2 * tail / 2**thrown))


def _at_least(total: float, seen: float) -> bool:
    """Whether a total is as far from 0 as the one that was seen; equal ones count, whatever rounding makes of them."""
    return abs(total) >= abs(seen) - 1e-9 * max(1.0, abs(seen))


_SIGNS = [tuple(1 if byte >> place & 1 else -1 for place in range(8)) for byte in range(256)]
"""The signs that the bits of a byte stand for: to look up eight at once is what makes thousands of tasks bearable."""


def _all_ways(totals: Sequence[float]) -> float:
    seen = sum(totals)
    ways = list(product((1, -1), repeat=len(totals)))
    hits = sum(_at_least(sum(sign * total for sign, total in zip(signs, totals, strict=True)), seen) for signs in ways)
    return hits / len(ways)


def _some_ways(totals: Sequence[float], drawn: int, seed: int) -> float:
    seen, chance = sum(totals), random.Random(seed)
    hits = 0
    size = len(totals) // 8 + 1
    for _ in range(drawn):
        bits = chance.getrandbits(len(totals)).to_bytes(size, "little")
        signs = chain.from_iterable(map(_SIGNS.__getitem__, bits))
        hits += _at_least(sum(map(mul, totals, signs)), seen)
    return (hits + 1) / (drawn + 1)
