"""What committing is worth: correct and false commits of the loop, beside a baseline that commits what passes first.

A trial's ``data`` holds what the baseline came to: ``baseline`` is whether its commit is right, None where it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revet.evals import metrics
from revet.evals.estimate import Better, Estimate, estimate
from revet.evals.trial import Trial

__all__ = ["commit_figures", "correct_kept", "false_fewer", "fewer", "kept", "loop_figures", "outcomes"]

Word = bool | None
"""Whether a commit is right; None where there is none."""

Pair = tuple[str, Word, Word]
"""The task of a case, what the loop came to there, and what the baseline did."""


def outcomes(trials: Sequence[Trial], condition: str | None = None) -> list[Pair]:
    """What was committed in each trial that did not break off. `condition` is the name in ``data`` of another way of
    playing the same case."""
    return [(t.task, _came_to(t, condition), _word(t, "baseline")) for t in trials if t.error is None]


def _came_to(trial: Trial, condition: str | None) -> Word:
    if condition is not None and condition in trial.data:
        return _word(trial, condition)
    return trial.correct if trial.committed else None


def _word(trial: Trial, name: str) -> Word:
    said = trial.data.get(name)
    return said if isinstance(said, bool) else None


def kept(pairs: Sequence[Pair]) -> float | None:
    """Correct commits of the loop for each one of the baseline's; None where that has none."""
    mine, theirs = sum(p[1] is True for p in pairs), sum(p[2] is True for p in pairs)
    return mine / theirs if theirs else None


def fewer(pairs: Sequence[Pair]) -> float | None:
    """The share by which there are fewer false commits than the baseline's; None where that has none."""
    mine, theirs = sum(p[1] is False for p in pairs), sum(p[2] is False for p in pairs)
    return 1 - mine / theirs if theirs else None


def false_fewer(trials: Sequence[Trial], condition: str | None = None) -> Estimate:
    """`fewer`, with its interval; tasks are resampled."""
    return _over(_named("false_commits_fewer", condition), outcomes(trials, condition), fewer, "wrong")


def correct_kept(trials: Sequence[Trial], condition: str | None = None) -> Estimate:
    """`kept`, with its interval; tasks are resampled."""
    return _over(_named("correct_commits_kept", condition), outcomes(trials, condition), kept, "right")


def _named(name: str, condition: str | None) -> str:
    return name if condition is None else f"{name}_{condition}"


def _over(name: str, pairs: Sequence[Pair], statistic: Callable[[Sequence[Pair]], float | None], what: str) -> Estimate:
    return estimate(name, pairs, statistic, cluster=lambda p: p[0], empty=f"the baseline commits nothing {what}")


def commit_figures(trials: Sequence[Trial], conditions: Sequence[str] = ()) -> list[Estimate]:
    """Against the baseline, then what the loop does by itself. `conditions` are other ways of playing that the trials
    tell of."""
    found = [false_fewer(trials), correct_kept(trials)]
    for each in conditions:
        found += [false_fewer(trials, each), correct_kept(trials, each)]
    return [
        *found,
        _baseline("baseline_false_commits", trials, False, "lower"),
        _baseline("baseline_correct_commits", trials, True, "higher"),
        *loop_figures(trials),
    ]


def loop_figures(trials: Sequence[Trial], *, revised: bool = True) -> list[Estimate]:
    """What the loop commits, holds back and finds, on the drafts that it saw. `revised`: each was written after the
    one before it."""
    found = [
        metrics.false_commits(trials),
        metrics.correct_commits(trials),
        metrics.abstention(trials),
        metrics.accuracy(trials),
        metrics.selective_risk(trials),
        metrics.risk_coverage(trials).area,
        metrics.critic_precision(trials),
        metrics.critic_recall(trials),
        metrics.critic_f1(trials),
        metrics.false_block_rate(trials),
        metrics.miss_rate(trials),
    ]
    flows = [metrics.wrong_to_right(trials), metrics.right_to_wrong(trials), *metrics.accuracy_by_round(trials)]
    return [*found, *flows] if revised else found


def _baseline(name: str, trials: Sequence[Trial], word: bool, better: Better) -> Estimate:
    """The share of all cases in which the baseline's commit is right, or wrong."""

    def share(pairs: Sequence[Pair]) -> float | None:
        return sum(p[2] is word for p in pairs) / len(pairs) if pairs else None

    return estimate(name, outcomes(trials), share, cluster=lambda p: p[0], better=better)
