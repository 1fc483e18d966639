"""Spending: what a solved task costs. All cases are paid for, only those that ended right are solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revet.evals.estimate import Estimate
from revet.evals.metrics.sums import summed
from revet.evals.trial import Trial

__all__ = ["cost_per_solved", "seconds_per_solved", "tokens_per_solved"]


def tokens_per_solved(trials: Sequence[Trial]) -> Estimate:
    """Tokens of all cases, asked and answered / cases that ended right. No value where none did.

    What was spent in cases that failed, abstained or broke off is in the sum. `n` is the number of cases.
    """
    return _per_solved("tokens_per_solved", trials, lambda trial: trial.tokens)


def cost_per_solved(trials: Sequence[Trial]) -> Estimate:
    """US dollars for all cases / cases that ended right; see `tokens_per_solved`."""
    return _per_solved("cost_per_solved", trials, lambda trial: trial.cost)


def seconds_per_solved(trials: Sequence[Trial]) -> Estimate:
    """Seconds of all cases, as if one by one / cases that ended right; see `tokens_per_solved`."""
    return _per_solved("seconds_per_solved", trials, lambda trial: trial.seconds)


def _per_solved(name: str, trials: Sequence[Trial], spent: Callable[[Trial], float]) -> Estimate:
    def count(trial: Trial) -> tuple[float, ...]:
        return spent(trial), trial.error is None and trial.correct is True, 1

    return summed(
        name,
        trials,
        count,
        lambda sums: sums[0] / sums[1] if sums[1] else None,
        items=2,
        better="lower",
        empty="no case ended right",
    )
