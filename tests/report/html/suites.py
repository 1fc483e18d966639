"""Evaluations for the tests of suite pages: of replays, of critics, empty, large, and with hostile names."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from revet.evals.estimate import Estimate
from revet.evals.evaluation import Evaluation
from revet.evals.metrics import accuracy, accuracy_by_round, false_commits, flows, risk_coverage
from revet.evals.suite import Beside, Known
from revet.evals.trial import Trial, Turn

__all__ = ["HOSTILE", "KNOWN", "Picture", "critics", "evaluation", "picture", "trials"]

HOSTILE = '<script>alert(1)</script> " onload="alert(2)" \u202e{{ 7*7 }} \x1b[31m'
BEGUN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
KNOWN = Known(
    name="ldb",
    about="the gate on recorded repair runs of real models",
    module="none",
    kind="replay",
    headline="accuracy",
    target=0.6,
    beside=(
        Beside(who="commit at the first visible pass", value=0.62, source="counted on the same rows"),
        Beside(who="GPT-4 as a critic of text", value=0.41, source="a paper, table 3"),
        Beside(who="another figure", value=0.9, source="a paper, table 4", measure="f1"),
    ),
    note="that our critique improves the next draft",
)


class Picture(NamedTuple):
    """What is drawn besides the figures."""

    by_round: Sequence[Estimate] = ()
    risk: Sequence[tuple[float, float]] = ()
    area: Estimate | None = None
    groups: Sequence[Estimate] = ()


def trials(count: int, *, seed: int = 0, names: str = "task") -> list[Trial]:
    """As a replay gives them."""
    draw = random.Random(seed)
    return [_trial(draw, number, names) for number in range(count)]


def _trial(draw: random.Random, number: int, names: str) -> Trial:
    turns: list[Turn] = []
    right = draw.random() < 0.4
    for place in range(draw.randint(1, 5)):
        sure = draw.random()
        turns.append(Turn(round=place, correct=right, accepted=sure > 0.5, confidence=sure))
        if sure > 0.5:
            break
        right = right or draw.random() < 0.3
    chosen = len(turns) - 1 if turns[-1].accepted else None
    return Trial(
        case=f"{names}/{number}",
        task=f"{names}/{number // 2}",
        group=("model one", "model two", "model three")[number % 3],
        turns=tuple(turns),
        chosen=chosen,
        correct=None if chosen is None else turns[-1].correct,
        asked=chosen is None and number % 7 == 0,
        why="every required check passed" if chosen is not None else "pytest -q: 2 of 5 tests fail",
        seconds=draw.expovariate(1),
        tokens=draw.randint(0, 3000),
        error="ZeroDivisionError: by zero" if number % 97 == 96 else None,
        data={"run": f"r-{number}"} if number % 5 == 0 else {},
    )


def critics(count: int) -> list[Trial]:
    """As a suite of critiques gives them: nothing is committed."""
    draw = random.Random(1)
    told = [(draw.random() < 0.5, draw.random() < 0.5) for _ in range(count)]
    turns = [(Turn(round=0, correct=right, accepted=accepted),) for right, accepted in told]
    return [Trial(case=f"c{n}", task=f"c{n}", turns=each) for n, each in enumerate(turns)]


def evaluation(played: Sequence[Trial], **more: Any) -> Evaluation:
    """Of these trials, with some figures."""
    nothing = Estimate(name="mrr", value=None, n=0, note="no case has an answer")
    alike = Estimate(name="cost_per_solved", value=0.0, n=3, note="all tasks are alike: no interval")
    found = [] if "figures" in more else [accuracy(played), false_commits(played), *flows(played), nothing, alike]
    given: dict[str, Any] = {"id": "ldb-x7k2", "suite": "ldb", "split": "test", "version": "0.1.0", "begun_at": BEGUN}
    given |= {"ended_at": BEGUN, "seconds": 83.0, "cases": len(played), "limit": 500, "figures": tuple(found)}
    return Evaluation.model_validate({**given, "options": {"condition": "alone"}, **more})


def picture(played: Sequence[Trial]) -> Picture:
    """All that can be drawn of them."""
    groups = sorted({trial.group for trial in played})
    of_groups = [
        accuracy([trial for trial in played if trial.group == group]).model_copy(update={"name": f"accuracy/{group}"})
        for group in groups
    ]
    curve = risk_coverage(played)
    return Picture(accuracy_by_round(played), curve.points, curve.area, of_groups)
