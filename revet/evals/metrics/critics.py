"""Critics: whether what they say of drafts is so.

What counts are drafts (turns) with a judge's verdict (`Turn.correct`). `Turn.accepted` is what the critic, or the
evidence of the loop, made of the draft; None is an abstention, which is never an alarm. Drafts of cases that broke off
later count: they were examined. The class that is looked for is *wrong*: an alarm is ``accepted is False``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revet.evals.estimate import Better, Estimate
from revet.evals.metrics.sums import share, summed
from revet.evals.trial import Trial, Turn

__all__ = [
    "critic_accuracy",
    "critic_coverage",
    "critic_f1",
    "critic_precision",
    "critic_recall",
    "detection_rate",
    "false_block_rate",
    "localisation_accuracy",
    "miss_rate",
    "suggestion_accuracy",
]


def critic_precision(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts among those that raised an alarm / drafts that raised an alarm. In 0..1."""
    return _turns(
        "critic_precision", trials, of=lambda turn: turn.accepted is False, hit=_wrong, empty="there was no alarm"
    )


def critic_recall(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts that raised an alarm / wrong drafts. In 0..1. An abstention finds nothing."""
    return _turns(
        "critic_recall", trials, of=_wrong, hit=lambda turn: turn.accepted is False, empty="no draft is wrong"
    )


def critic_f1(trials: Sequence[Trial]) -> Estimate:
    """The harmonic mean of precision and recall: 2 * found / (alarms + wrong drafts). In 0..1.

    `n` is all drafts with a verdict. Source: F1 of van Rijsbergen 1979; 0 where nothing was found though there was
    something to find, no value where there are neither alarms nor wrong drafts.
    """

    def count(trial: Trial) -> tuple[float, ...]:
        judged = [turn for turn in trial.turns if turn.correct is not None]
        alarms = [turn for turn in judged if turn.accepted is False]
        return sum(map(_wrong, alarms)), len(alarms) + sum(map(_wrong, judged)), len(judged)

    return summed(
        "critic_f1",
        trials,
        count,
        lambda sums: 2 * sums[0] / sums[1] if sums[1] else None,
        items=2,
        empty="there are neither alarms nor wrong drafts",
    )


def critic_accuracy(trials: Sequence[Trial]) -> Estimate:
    """Drafts of which the critic says what is so / drafts with a verdict of which it says anything. In 0..1.

    To be read with `critic_coverage`, and with the share of right drafts, which a critic gets that accepts all.
    """
    return _turns(
        "critic_accuracy",
        trials,
        of=lambda turn: turn.accepted is not None,
        hit=lambda turn: turn.accepted is turn.correct,
        empty="the critic said nothing of any draft with a verdict",
    )


def critic_coverage(trials: Sequence[Trial]) -> Estimate:
    """Drafts of which the critic says anything / drafts with a verdict. In 0..1; the rest are its abstentions."""
    return _turns(
        "critic_coverage",
        trials,
        of=lambda turn: True,
        hit=lambda turn: turn.accepted is not None,
        empty="no draft has a verdict",
    )


def detection_rate(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts that raised an alarm / wrong drafts of which the critic says anything. In 0..1.

    The recall where the critic can judge at all; how often that is, is `critic_coverage`.
    """
    return _turns(
        "detection_rate",
        trials,
        of=lambda turn: turn.correct is False and turn.accepted is not None,
        hit=lambda turn: turn.accepted is False,
        empty="the critic said nothing of any wrong draft",
    )


def false_block_rate(trials: Sequence[Trial]) -> Estimate:
    """Right drafts that raised an alarm / right drafts. In 0..1: the false positive rate."""
    return _turns(
        "false_block_rate",
        trials,
        of=lambda turn: turn.correct is True,
        hit=lambda turn: turn.accepted is False,
        better="lower",
        empty="no draft is right",
    )


def miss_rate(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts that were accepted / wrong drafts. In 0..1.

    Wrong drafts of which the critic said nothing are neither missed nor found: `critic_recall` + `miss_rate` <= 1.
    """
    return _turns(
        "miss_rate",
        trials,
        of=_wrong,
        hit=lambda turn: turn.accepted is True,
        better="lower",
        empty="no draft is wrong",
    )


def suggestion_accuracy(trials: Sequence[Trial]) -> Estimate:
    """Suggestions that are right / suggestions that can be judged (`Turn.suggested` is not None). In 0..1.

    Source: suggestion accuracy of Wanyan et al. 2025, "Look Before You Leap" (GUI-Critic-R1).
    """
    return share(
        "suggestion_accuracy",
        trials,
        lambda trial: _of([turn.suggested for turn in trial.turns]),
        empty="no suggestion can be judged",
    )


def localisation_accuracy(trials: Sequence[Trial]) -> Estimate:
    """Critiques that point at the place that is wrong / those that point at a place and can be judged. In 0..1.

    Of wrong drafts, usually the first wrong step. Source: mistake location of Tyen et al. 2024, "LLMs cannot find
    reasoning errors, but can correct them given the error location"; first error step of Zeng et al. 2024, "MR-GSM8K".
    """
    return share(
        "localisation_accuracy",
        trials,
        lambda trial: _of([turn.located for turn in trial.turns]),
        empty="no critique points at a place that can be judged",
    )


def _wrong(turn: Turn) -> bool:
    return turn.correct is False


def _of(told: Sequence[bool | None]) -> tuple[int, int]:
    said = [each for each in told if each is not None]
    return sum(said), len(said)


def _turns(
    name: str,
    trials: Sequence[Trial],
    *,
    of: Callable[[Turn], bool],
    hit: Callable[[Turn], bool],
    empty: str,
    better: Better = "higher",
) -> Estimate:
    def count(trial: Trial) -> tuple[int, int]:
        chosen = [turn for turn in trial.turns if turn.correct is not None and of(turn)]
        return sum(map(hit, chosen)), len(chosen)

    return share(name, trials, count, better=better, empty=empty)
