"""Self-correction: what the rounds made of right and of wrong drafts.

Of a case, `first` is the judge's verdict on its first draft. Its end is right or wrong (what was committed or
answered), nothing (it abstained, or asked), or not known. Cases that broke off (`Trial.error`) have no end: they count
as not right in `accuracy`, and are left out of what is about ends and rounds. Of what is about drafts (`first_accuracy`
and the revisions) they count with the drafts that they had.

A revision is a draft after another one. Of a method that draws samples side by side, each sample counts as a revision
of the one before it: there, what is about revisions says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from revet.evals.estimate import Better, Estimate
from revet.evals.metrics.sums import mean, ratio, share, slope_weights
from revet.evals.trial import Trial

__all__ = [
    "accuracy",
    "accuracy_by_round",
    "confidence_score",
    "correction_success_rate",
    "critique_score",
    "critique_value",
    "first_accuracy",
    "flows",
    "improvement_slope",
    "over_correction_risk_rate",
    "revision_rate",
    "right_to_wrong",
    "wrong_to_right",
]

End = Literal["right", "wrong", "nothing"]


def accuracy(trials: Sequence[Trial]) -> Estimate:
    """Cases that ended right / all cases. In 0..1.

    Abstentions, questions and cases that broke off count as not right. Left out: cases that ended with something on
    which there is no verdict.
    """

    def count(trial: Trial) -> tuple[int, int] | None:
        return None if _unknown(trial) else (int(trial.error is None and trial.correct is True), 1)

    return share("accuracy", trials, count)


def first_accuracy(trials: Sequence[Trial]) -> Estimate:
    """Cases whose first draft is right / cases whose first draft has a verdict. In 0..1; accuracy without the loop."""
    return share(
        "first_accuracy",
        trials,
        lambda trial: None if trial.first is None else (int(trial.first), 1),
        empty="no first draft has a verdict",
    )


def accuracy_by_round(trials: Sequence[Trial]) -> list[Estimate]:
    """For each round, the cases whose latest draft up to it is right / all cases with a verdict on any draft. In 0..1.

    A case that stopped keeps its last draft, one that has not begun counts as not right, and a draft without a verdict
    leaves the one before it standing. So the denominator is the same in every round. One estimate for each round, from
    the first to the last that any case has, named ``accuracy_by_round/ROUND``; none of no rounds.
    """
    rounds = _rounds(trials)

    def at(number: int) -> Estimate:
        return share(
            f"accuracy_by_round/{number}",
            trials,
            lambda trial: (int(_held(trial, number)), 1) if _judged(trial) else None,
        )

    return [at(number) for number in rounds]


def improvement_slope(trials: Sequence[Trial]) -> Estimate:
    """The slope of the line of least squares through the accuracy by round: change of accuracy for each round.

    In -1..1; no value where there is but one round. The rounds and the denominator are those of `accuracy_by_round`.
    Source: improvement slope of Yuan et al. 2025, "Tracing LLM Reasoning Processes with Strategic Games" (of the win
    rate over rounds of a game; here of accuracy over rounds of the loop).
    """
    rounds = _rounds(trials)
    weights = slope_weights(len(rounds))

    def slope(trial: Trial) -> float | None:
        if not weights or not _judged(trial):
            return None
        return sum(weight for weight, number in zip(weights, rounds, strict=True) if _held(trial, number))

    return mean("improvement_slope", trials, slope, empty="there are not two rounds with verdicts")


def wrong_to_right(trials: Sequence[Trial]) -> Estimate:
    """Cases whose first draft is wrong and that ended right / cases with a verdict on the first draft and an end."""
    return _flow(trials, first=False, end="right", name="wrong_to_right", better="higher")


def right_to_wrong(trials: Sequence[Trial]) -> Estimate:
    """Cases whose first draft is right and that ended wrong / cases with a verdict on the first draft and an end."""
    return _flow(trials, first=True, end="wrong", name="right_to_wrong", better="lower")


def flows(trials: Sequence[Trial]) -> list[Estimate]:
    """The six ways from the first draft (right, wrong) to the end (right, wrong, nothing), as shares that add up to 1.

    Named ``FIRST_to_END``. The denominator is that of `wrong_to_right`.
    """
    ways: list[tuple[bool, End, Better]] = [
        (True, "right", "higher"),
        (True, "wrong", "lower"),
        (True, "nothing", "lower"),
        (False, "right", "higher"),
        (False, "wrong", "lower"),
        (False, "nothing", "neither"),
    ]
    return [
        _flow(trials, first=first, end=end, name=f"{'right' if first else 'wrong'}_to_{end}", better=better)
        for first, end, better in ways
    ]


def confidence_score(trials: Sequence[Trial]) -> Estimate:
    """P(ends right | first draft right). In 0..1.

    Source: confidence level of Yang et al. 2025, "Confidence v.s. Critique: A Decomposition of Self-Correction
    Capability for LLMs" (ACL). As there, accuracy = first_accuracy * confidence_score + (1 - first_accuracy) *
    critique_score, over the cases with a verdict on the first draft and an end. An abstention is not right.
    """
    return _kept("confidence_score", trials, first=True, empty="no first draft is right")


def critique_score(trials: Sequence[Trial]) -> Estimate:
    """P(ends right | first draft wrong). In 0..1. Source and denominator: see `confidence_score`."""
    return _kept("critique_score", trials, first=False, empty="no first draft is wrong")


def correction_success_rate(trials: Sequence[Trial]) -> Estimate:
    """Revisions of a wrong draft into a right one / all revisions with a verdict on both drafts. In 0..1.

    Source: Yuan et al. 2025 (strategic games): how many of the revisions improve the outcome. A revision of a right
    draft cannot, and stays in the denominator.
    """
    return share(
        "correction_success_rate",
        trials,
        lambda trial: _counted(trial, lambda before, after: not before and after),
        empty="there is no revision with a verdict on both drafts",
    )


def revision_rate(trials: Sequence[Trial]) -> Estimate:
    """Drafts that were followed by another one / all drafts. In 0..1.

    The over-correction risk rate of Yuan et al. 2025 is read as this frequency of revisions: in a game, nobody can say
    of a plan before it is played whether it was right. Where there are verdicts, `over_correction_risk_rate` is
    sharper.
    """
    return share(
        "revision_rate",
        trials,
        lambda trial: (max(0, len(trial.turns) - 1), len(trial.turns)),
        better="neither",
        empty="there are no drafts",
    )


def over_correction_risk_rate(trials: Sequence[Trial]) -> Estimate:
    """Right drafts that were revised all the same / right drafts. In 0..1: how often the loop runs the risk to break.

    Source: Yuan et al. 2025 (strategic games) name the rate after how often a model revises; as verdicts on each draft
    are there, only revisions that nothing called for are counted. What became of them is `right_to_wrong`.
    """

    def count(trial: Trial) -> tuple[int, int]:
        right = [n for n, turn in enumerate(trial.turns) if turn.correct]
        return sum(n < len(trial.turns) - 1 for n in right), len(right)

    return share("over_correction_risk_rate", trials, count, better="lower", empty="no draft is right")


def critique_value(trials: Sequence[Trial]) -> Estimate:
    """The closed-loop value of critiques: (wrong made right - right made wrong) / revisions with a verdict on both.

    In -1..1: the accuracy of drafts after a critique, less that of the drafts that were criticised. Source: Tang et
    al. 2025, "RealCritic", who judge a critique by the correction that it leads to.
    """

    def gain(trial: Trial) -> tuple[float, float] | None:
        pairs = list(_revisions(trial))
        return (sum(after - before for before, after in pairs), len(pairs)) if pairs else None

    return ratio("critique_value", trials, gain, empty="there is no revision with a verdict on both drafts")


def _end(trial: Trial) -> End | None:
    """What the case ended with; None if it broke off, or nobody can tell."""
    if trial.error is not None or _unknown(trial):
        return None
    if trial.correct is None:
        return "nothing"
    return "right" if trial.correct else "wrong"


def _unknown(trial: Trial) -> bool:
    """True if it ended with a draft on which there is no verdict."""
    return trial.error is None and trial.committed and trial.correct is None


def _flow(trials: Sequence[Trial], *, first: bool, end: End, name: str, better: Better) -> Estimate:
    def count(trial: Trial) -> tuple[int, int] | None:
        ended = _end(trial)
        if trial.first is None or ended is None:
            return None
        return int(trial.first is first and ended == end), 1

    return share(name, trials, count, better=better, empty="no case has a verdict on its first draft and an end")


def _kept(name: str, trials: Sequence[Trial], *, first: bool, empty: str) -> Estimate:
    def count(trial: Trial) -> tuple[int, int] | None:
        ended = _end(trial)
        return None if trial.first is not first or ended is None else (int(ended == "right"), 1)

    return share(name, trials, count, empty=empty)


def _revisions(trial: Trial) -> Iterator[tuple[bool, bool]]:
    """The verdicts before and after each revision that has both."""
    for before, after in zip(trial.turns, trial.turns[1:], strict=False):
        if before.correct is not None and after.correct is not None:
            yield before.correct, after.correct


def _counted(trial: Trial, wanted: Callable[[bool, bool], bool]) -> tuple[int, int]:
    pairs = list(_revisions(trial))
    return sum(wanted(before, after) for before, after in pairs), len(pairs)


def _judged(trial: Trial) -> bool:
    return trial.error is None and any(turn.correct is not None for turn in trial.turns)


def _rounds(trials: Sequence[Trial]) -> range:
    """Every round from the first to the last of the cases with verdicts."""
    numbers = [turn.round for trial in trials if _judged(trial) for turn in trial.turns]
    return range(min(numbers), max(numbers) + 1) if numbers else range(0)


def _held(trial: Trial, number: int) -> bool:
    """Whether the latest draft with a verdict up to that round is right."""
    verdicts = [turn.correct for turn in trial.turns if turn.round <= number and turn.correct is not None]
    return bool(verdicts) and bool(verdicts[-1])
