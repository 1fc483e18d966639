"""Turns: how soon a task is solved, what each turn adds, and whether a tool that failed is got over.

Turns are counted from 1 in the order of `Trial.turns`. A case is solved at the first turn whose draft is right by the
judge; a turn without a verdict is not. Cases without a verdict on any turn are left out; those that broke off count
with the turns that they had.
"""

from __future__ import annotations

from collections.abc import Sequence

from revet.evals.estimate import Estimate, estimate
from revet.evals.metrics.sums import mean, share, slope_weights
from revet.evals.trial import Trial

__all__ = ["feedback_gain", "gain_per_turn", "mrr", "recall_by_turn", "recall_over_turns", "recovery_rate"]

UNJUDGED = "no turn has a verdict"


def mrr(trials: Sequence[Trial]) -> Estimate:
    """The mean over the cases of 1 / the first turn that is right, and of 0 where none is. In 0..1.

    Source: mean reciprocal rank of Han et al. 2025, "ConvCodeWorld" (ICLR).
    """

    def rank(trial: Trial) -> float | None:
        if not _judged(trial):
            return None
        solved = _solved(trial)
        return 0.0 if solved is None else 1 / solved

    return mean("mrr", trials, rank, empty=UNJUDGED)


def recall_over_turns(trials: Sequence[Trial], turns: int | None = None) -> Estimate:
    """Cases that any of the first `turns` turns solves (None: any turn) / cases with a verdict. In 0..1.

    Whether the loop ended with that draft does not matter: it is what choosing perfectly would get. Source: recall of
    Han et al. 2025, "ConvCodeWorld".
    """
    return _recall("recall_over_turns", trials, turns)


def recall_by_turn(trials: Sequence[Trial], turns: int | None = None) -> list[Estimate]:
    """`recall_over_turns` at 1, 2, …, `turns` turns (None: as many as any case has), named ``recall_by_turn/TURN``.

    It is MINT's SR_k, the success rate with at most k turns.
    """
    return [_recall(f"recall_by_turn/{k}", trials, k) for k in range(1, _turns(trials, turns) + 1)]


def gain_per_turn(trials: Sequence[Trial], turns: int | None = None) -> Estimate:
    """The slope of the line of least squares through `recall_by_turn`: success rate that each turn more adds.

    In 0..1; no value of fewer than two turns. Source: Wang et al. 2024, "MINT" (ICLR): delta_tools, over k = 1..5,
    where a turn is a use of a tool.
    """
    weights = slope_weights(_turns(trials, turns))

    def slope(trial: Trial) -> float | None:
        if not weights or not _judged(trial):
            return None
        solved = _solved(trial)
        return 0.0 if solved is None else sum(weights[solved - 1 :])

    return mean("gain_per_turn", trials, slope, empty="there are not two turns with verdicts")


def feedback_gain(given: Sequence[Trial], withheld: Sequence[Trial], turns: int | None = None) -> Estimate:
    """What feedback in words adds: the success rate within `turns` turns with it, less that without. In -1..1.

    Over the tasks that have cases with and without, resampled together. Source: Wang et al. 2024, "MINT":
    delta_feedback, of k = 5 turns.
    """
    sums: dict[str, list[list[float]]] = {}
    for side, trials in enumerate((given, withheld)):
        for trial in trials:
            if _judged(trial):
                both = sums.setdefault(trial.task, [[0, 0], [0, 0]])
                both[side][0] += _within(trial, turns)
                both[side][1] += 1
    tasks = [both for _, both in sorted(sums.items()) if both[0][1] and both[1][1]]

    def gain(drawn: Sequence[list[list[float]]]) -> float | None:
        with_it, without = ([sum(both[side][at] for both in drawn) for at in (0, 1)] for side in (0, 1))
        return with_it[0] / with_it[1] - without[0] / without[1] if with_it[1] and without[1] else None

    return estimate("feedback_gain", tasks, gain, empty="no task has cases both with feedback and without")


def recovery_rate(trials: Sequence[Trial]) -> Estimate:
    """Cases in which a tool failed and that ended right / cases in which a tool failed. In 0..1.

    A tool failed if it broke or refused in any turn (`Turn.failed_tool`). Abstentions and cases that broke off did not
    recover; cases that ended with something on which there is no verdict are left out. Source: Huang et al. 2025,
    "CriticTool"; Wang et al. 2025, "Hell or High Water".
    """

    def count(trial: Trial) -> tuple[int, int] | None:
        if not any(turn.failed_tool for turn in trial.turns):
            return None
        if trial.error is None and trial.committed and trial.correct is None:
            return None
        return int(trial.error is None and trial.correct is True), 1

    return share("recovery_rate", trials, count, empty="no tool failed in a case with a known end")


def _recall(name: str, trials: Sequence[Trial], turns: int | None) -> Estimate:
    return share(
        name, trials, lambda trial: (int(_within(trial, turns)), 1) if _judged(trial) else None, empty=UNJUDGED
    )


def _within(trial: Trial, turns: int | None) -> bool:
    solved = _solved(trial)
    return solved is not None and (turns is None or solved <= turns)


def _judged(trial: Trial) -> bool:
    return any(turn.correct is not None for turn in trial.turns)


def _solved(trial: Trial) -> int | None:
    return next((n for n, turn in enumerate(trial.turns, 1) if turn.correct), None)


def _turns(trials: Sequence[Trial], turns: int | None) -> int:
    return turns if turns is not None else max((len(trial.turns) for trial in trials if _judged(trial)), default=0)
