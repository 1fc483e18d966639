"""An estimate: a value with its 95 % confidence interval, or the plain statement that there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import Field

from revet.evals.figures import bootstrap
from revet.schema import Model

__all__ = ["ALIKE", "ONE_TASK", "Better", "Estimate", "estimate"]

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
    groups: Mapping[Hashable, list[T]] = _groups(cases, cluster)

    def over(drawn: Sequence[list[T]]) -> float | None:
        return statistic([case for group in drawn for case in group])

    found = Estimate(name=name, value=value, n=len(cases), better=better, note=ONE_TASK)
    if len(groups) == 1:
        return found
    low, high = bootstrap(list(groups.values()), over, resamples=resamples, seed=seed)
    if low == high:
        return found.model_copy(update={"note": ALIKE})
    return found.model_copy(update={"low": low, "high": high, "note": ""})


def _groups(cases: Sequence[T], cluster: Callable[[T], Hashable] | None) -> dict[Hashable, list[T]]:
    groups: dict[Hashable, list[T]] = {}
    for number, case in enumerate(cases):
        groups.setdefault(number if cluster is None else cluster(case), []).append(case)
    return groups
