"""An estimate: a value with its 95 % confidence interval, or the plain statement that there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Literal, TypeVar

from pydantic import Field

from revet.evals.figures import bootstrap, bootstrap_sums
from revet.schema import Model

__all__ = ["ALIKE", "ONE_TASK", "Better", "Estimate", "estimate", "estimate_of_sums"]

T = TypeVar("T")
Better = Literal["higher", "lower", "neither"]
ONE_TASK = "of one task: no interval"
ALIKE = "all tasks are alike: no interval"


class Estimate(Model):
    """One value. `n` is the number of cases that bear on it; of none the value is None, and `note` says so."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)
    better: Better = "higher"
    note: str = ""


def estimate(
    name: str,
    cases: Sequence[T],
    statistic: Callable[[Sequence[T]], float | None],
    *,
    cluster: Callable[[T], Hashable] | None = None,
    better: Better = "higher",
    empty: str = "no case bears on it",
    resamples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """The statistic of the cases, with its bootstrap interval. Cases of one `cluster` (a task) are drawn together.

    Where resampling always gives the same, of one task or of tasks that are all alike, that is no certainty: there is
    no interval, and `note` says so.
    """
    value = statistic(cases) if cases else None
    if value is None:
        return Estimate(name=name, value=None, n=len(cases), better=better, note=empty)
    found = Estimate(name=name, value=value, n=len(cases), better=better)
    if cluster is None:
        return _between(found, len(cases), lambda: bootstrap(cases, statistic, resamples=resamples, seed=seed))
    groups = _groups(cases, cluster)

    def over(drawn: Sequence[list[T]]) -> float | None:
        return statistic([case for group in drawn for case in group])

    return _between(found, len(groups), lambda: bootstrap(groups, over, resamples=resamples, seed=seed))


def estimate_of_sums(
    name: str,
    counts: Sequence[tuple[float, ...]],
    value: Callable[[tuple[float, ...]], float | None],
    *,
    items: int,
    better: Better = "higher",
    empty: str = "no case bears on it",
) -> Estimate:
    """`estimate` of a value of the sums of the counts, a tuple for each task, which is quick. `n` is the sum of those
    at the place `items`."""
    sums = tuple(map(sum, zip(*counts, strict=True)))
    told = value(sums) if counts else None
    n = round(sums[items]) if counts else 0
    if told is None:
        return Estimate(name=name, value=None, n=n, better=better, note=empty)
    found = Estimate(name=name, value=told, n=n, better=better)
    return _between(found, len(counts), lambda: bootstrap_sums(counts, value))


def _between(found: Estimate, tasks: int, resampled: Callable[[], tuple[float | None, float | None]]) -> Estimate:
    """With its interval, or why there is none."""
    if tasks == 1:
        return found.model_copy(update={"note": ONE_TASK})
    low, high = resampled()
    return found.model_copy(update={"note": ALIKE} if low == high else {"low": low, "high": high})


def _groups(cases: Sequence[T], cluster: Callable[[T], Hashable]) -> list[list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for case in cases:
        groups.setdefault(cluster(case), []).append(case)
    return list(groups.values())
