"""How every metric is computed: each case is counted to a few numbers, and the metric is a function of their sums.

So the bootstrap resamples tasks by their sums, which is fast, and the order of the cases never matters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add

from revet.evals.estimate import ALIKE, Better, Estimate, estimate_of_sums
from revet.evals.figures import wilson
from revet.evals.trial import Trial

__all__ = ["Counts", "mean", "ratio", "share", "slope_weights", "summed"]

Counts = tuple[float, ...]
EMPTY = "no case bears on it"


def share(
    name: str,
    trials: Sequence[Trial],
    count: Callable[[Trial], tuple[int, int] | None],
    *,
    better: Better = "higher",
    empty: str = EMPTY,
) -> Estimate:
    """A proportion: `count` tells of a case how many items have the property, of how many; `n` is all of these.

    Where every task is at the same end, 0 or 1, resampling has nothing to show: the interval is Wilson's over tasks.
    """
    found = ratio(name, trials, count, better=better, empty=empty)
    if found.value not in (0.0, 1.0) or found.note != ALIKE:
        return found
    tasks = len({trial.task for trial in trials if (counted := count(trial)) is not None and counted[1]})
    low, high = wilson(round(found.value * tasks), tasks)
    note = f"all tasks are alike: Wilson's interval over {tasks} of them"
    return found.model_copy(update={"low": low, "high": high, "note": note})


def ratio(
    name: str,
    trials: Sequence[Trial],
    count: Callable[[Trial], tuple[float, float] | None],
    *,
    better: Better = "higher",
    empty: str = EMPTY,
) -> Estimate:
    """The sum of the first number over the sum of the second, which is `n`; no value where that is nothing."""
    return summed(
        name, trials, count, lambda sums: sums[0] / sums[1] if sums[1] else None, items=1, better=better, empty=empty
    )


def mean(
    name: str,
    trials: Sequence[Trial],
    count: Callable[[Trial], float | None],
    *,
    better: Better = "higher",
    empty: str = EMPTY,
) -> Estimate:
    """The mean over the cases that have a number."""

    def counted(trial: Trial) -> tuple[float, float] | None:
        value = count(trial)
        return None if value is None else (value, 1)

    return ratio(name, trials, counted, better=better, empty=empty)


def summed(
    name: str,
    trials: Sequence[Trial],
    count: Callable[[Trial], Counts | None],
    value: Callable[[Counts], float | None],
    *,
    items: int,
    better: Better = "higher",
    empty: str = EMPTY,
) -> Estimate:
    """`value` of the sums of the counts. `items` is the place in the counts of how many items bear on it.

    Resampled are tasks (in the order of their names, so that the same cases give the same interval in any order).
    """
    by_task: dict[str, Counts] = {}
    for trial in trials:
        counts = count(trial)
        if counts is not None and any(counts):
            by_task[trial.task] = _plus(by_task[trial.task], counts) if trial.task in by_task else counts
    clusters = [by_task[task] for task in sorted(by_task)]
    return estimate_of_sums(name, clusters, value, items=items, better=better, empty=empty)


def slope_weights(points: int) -> list[float]:
    """Weights with which the values at 0, 1, 2, … add up to the slope of the line of least squares through them.

    Of fewer than two points there is no slope: the list is empty.
    """
    if points < 2:
        return []
    middle = (points - 1) / 2
    spread = sum((at - middle) ** 2 for at in range(points))
    return [(at - middle) / spread for at in range(points)]


def _plus(one: Counts, other: Counts) -> Counts:
    return tuple(map(add, one, other))
