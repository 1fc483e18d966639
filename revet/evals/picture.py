"""What is drawn of trials besides their figures: accuracy by round, the risk–coverage curve, accuracy by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.trial import Trial
from revet.schema import Model

__all__ = ["Picture", "picture"]

MOST_ROUNDS = 50
MOST_GROUPS = 40


class Picture(Model):
    """`by_round` are empty where no case has a second round; `risk` are points (coverage, risk) in this order, and
    `area` is what lies below them; `groups` are empty where all cases are of one.
    """

    by_round: tuple[Estimate, ...] = ()
    risk: tuple[tuple[float, float], ...] = ()
    area: Estimate | None = None
    groups: tuple[Estimate, ...] = ()


def picture(trials: Sequence[Trial]) -> Picture:
    """Of no trials, everything is empty."""
    curve = metrics.risk_coverage(trials)
    rounds = metrics.accuracy_by_round(trials) if any(len(trial.turns) > 1 for trial in trials) else []
    return Picture(
        by_round=tuple(each for each in rounds if each.value is not None)[:MOST_ROUNDS],
        risk=tuple(curve.points),
        area=curve.area if curve.points else None,
        groups=tuple(_groups(trials)),
    )


def _groups(trials: Sequence[Trial]) -> Iterator[Estimate]:
    """Accuracy by group; of critics alone, which commit nothing, how often they are right."""
    measure = metrics.accuracy if any(trial.committed for trial in trials) else metrics.critic_accuracy
    names = sorted({trial.group for trial in trials})
    for name in names[:MOST_GROUPS] if len(names) > 1 else ():
        found = measure([trial for trial in trials if trial.group == name])
        yield found.model_copy(update={"name": f"{found.name}/{name or 'no group'}"})
