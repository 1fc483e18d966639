"""Selective answering: what is committed, what is left, and how wrong the first is for how much of the second.

A case is covered if it ended with a draft (`Trial.committed`). It is abstained from if it ended with none, or asks a
person. A case that broke off (`Trial.error`) is neither. The three shares of all cases add up to 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import Field

from revet.evals.estimate import Estimate, estimate
from revet.evals.metrics.sums import share
from revet.evals.trial import Trial
from revet.schema import Model

__all__ = [
    "RiskCoverage",
    "abstention",
    "broken_off",
    "correct_commits",
    "coverage",
    "false_commits",
    "false_commits_of_cases",
    "over_budget_ratio",
    "risk_coverage",
    "selective_risk",
]


class RiskCoverage(Model):
    """The curve of risk over coverage: `points` are (coverage, risk) pairs from the surest cases to all of them.

    `area` is the area under it (AURC), `left_out` the number of cases that are not on the curve: they broke off, or
    their draft has no verdict or no confidence.
    """

    points: tuple[tuple[float, float], ...]
    area: Estimate
    left_out: int = Field(default=0, ge=0)


class _Sure(NamedTuple):
    task: str
    confidence: float
    wrong: bool


def coverage(trials: Sequence[Trial]) -> Estimate:
    """Cases that ended with a draft / all cases. In 0..1. Source: El-Yaniv & Wiener 2010, JMLR 11."""
    return share(
        "coverage", trials, lambda trial: (int(_covered(trial)), 1), better="neither", empty="there are no cases"
    )


def abstention(trials: Sequence[Trial]) -> Estimate:
    """Cases that ended with no draft, or with a question to a person / all cases. In 0..1."""
    return share(
        "abstention",
        trials,
        lambda trial: (int(trial.error is None and not trial.committed), 1),
        better="neither",
        empty="there are no cases",
    )


def broken_off(trials: Sequence[Trial]) -> Estimate:
    """Cases that broke off with an error / all cases. In 0..1."""
    return share(
        "broken_off",
        trials,
        lambda trial: (int(trial.error is not None), 1),
        better="lower",
        empty="there are no cases",
    )


def over_budget_ratio(trials: Sequence[Trial]) -> Estimate:
    """Cases that a budget stopped, or that overspent it / all cases. In 0..1.

    Source: over-budget ratio of Yuan et al. 2025 (strategic games). Here a budget is enforced, so it is how often one
    ran out.
    """
    return share(
        "over_budget_ratio",
        trials,
        lambda trial: (int(trial.over_budget), 1),
        better="lower",
        empty="there are no cases",
    )


def correct_commits(trials: Sequence[Trial]) -> Estimate:
    """Cases that ended with a right draft / all cases, but those whose end has no verdict. In 0..1."""
    return share("correct_commits", trials, lambda trial: _ended(trial, right=True), empty="no case has a known end")


def false_commits_of_cases(trials: Sequence[Trial]) -> Estimate:
    """Cases that ended with a wrong draft / all cases, but those whose end has no verdict. In 0..1.

    Unlike `false_commits` this falls with every wrong draft that is not committed, whatever else is not.
    """
    return share(
        "false_commits_of_cases",
        trials,
        lambda trial: _ended(trial, right=False),
        better="lower",
        empty="no case has a known end",
    )


def false_commits(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts that were committed / drafts that were committed and have a verdict. In 0..1."""
    return _risk("false_commits", trials)


def selective_risk(trials: Sequence[Trial]) -> Estimate:
    """The risk among what is covered: E[loss * covered] / P(covered), with loss 1 of a wrong draft. In 0..1.

    Source: El-Yaniv & Wiener 2010. It is the number of `false_commits`, and belongs beside `coverage`.
    """
    return _risk("selective_risk", trials)


def risk_coverage(trials: Sequence[Trial]) -> RiskCoverage:
    """How wrong the surest cases are, for each share of the cases that could be answered by a threshold.

    The draft of a case is the one that it chose, else the last. Its confidence is what was said of it
    (`Turn.confidence`, else `Turn.score`), and it is wrong by its verdict; cases without either are left out. Cases of
    one confidence are covered together, as no threshold parts them. The area is the sum over the thresholds of the
    coverage that is added times the risk there: AURC of Geifman, Uziel & El-Yaniv 2019, "Bias-Reduced Uncertainty
    Estimation" (ICLR). In 0..1, lower is better; of a confidence that says nothing it is about the share of wrong
    drafts. The `n` of the area is the number of cases on the curve.
    """
    found = [sure for trial in trials if (sure := _sure(trial)) is not None]
    tasks = sorted({each.task for each in found})
    place = {task: number for number, task in enumerate(tasks)}
    ranked = [(place[each.task], each.wrong, each.confidence) for each in sorted(found, key=lambda e: -e.confidence)]
    area = estimate(
        "risk_coverage_area",
        range(len(tasks)),
        lambda drawn: _area(_curve(ranked, Counter(drawn))),
        better="lower",
        empty="no draft has both a verdict and a confidence",
    ).model_copy(update={"n": len(found)})
    return RiskCoverage(points=_curve(ranked, Counter(place.values())), area=area, left_out=len(trials) - len(found))


def _covered(trial: Trial) -> bool:
    return trial.error is None and trial.committed


def _ended(trial: Trial, *, right: bool) -> tuple[int, int] | None:
    if _covered(trial) and trial.correct is None:
        return None
    return int(_covered(trial) and trial.correct is right), 1


def _risk(name: str, trials: Sequence[Trial]) -> Estimate:
    return share(
        name,
        trials,
        lambda trial: (int(not trial.correct), 1) if _covered(trial) and trial.correct is not None else None,
        better="lower",
        empty="nothing that was committed has a verdict",
    )


def _sure(trial: Trial) -> _Sure | None:
    if trial.error is not None or not trial.turns:
        return None
    at = trial.chosen if trial.chosen is not None and trial.chosen < len(trial.turns) else len(trial.turns) - 1
    turn = trial.turns[at]
    correct = trial.correct if trial.committed and trial.correct is not None else turn.correct
    confidence = turn.score if turn.confidence is None else turn.confidence
    return None if correct is None or confidence is None else _Sure(trial.task, confidence, not correct)


def _curve(ranked: Sequence[tuple[int, bool, float]], drawn: Mapping[int, int]) -> tuple[tuple[float, float], ...]:
    """The points of cases (task, wrong, confidence), the surest first, where each task was drawn so many times."""
    found: list[tuple[int, int]] = []
    n = wrong = 0
    last = None
    for task, bad, confidence in ranked:
        times = drawn.get(task)
        if times:
            if confidence != last and n:
                found.append((n, wrong))
            n, wrong, last = n + times, wrong + bad * times, confidence
    if n:
        found.append((n, wrong))
    return tuple((covered / n, bad / covered) for covered, bad in found)


def _area(points: Sequence[tuple[float, float]]) -> float | None:
    starts = [0.0, *(coverage for coverage, _ in points)]
    area = sum((reached - start) * risk for start, (reached, risk) in zip(starts, points, strict=False))
    return area if points else None
