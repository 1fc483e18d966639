"""A run of the loop beside a judge's word on its drafts: the trial that its figures are made of."""

from __future__ import annotations

from collections.abc import Sequence

from revet.evals.estimate import Estimate
from revet.evals.replay.playing import Recorded, trial_of
from revet.evals.trial import Trial
from revet.policy import drafts_made
from revet.schema import Attempt, Run

__all__ = ["drafts_in", "loop_figures", "trial_of_run"]


def drafts_in(run: Run) -> list[Attempt]:
    """The attempts that are drafts, each once, in order: what a judge is asked about."""
    return [attempt for attempt in drafts_made(run.attempts) if not attempt.draft.gives_up]


def trial_of_run(
    run: Run, verdicts: Sequence[bool | None], final: bool | None, *, case: str, group: str = "", seconds: float
) -> Trial:
    """The trial. `verdicts` are about `drafts_in`, `final` is about what the run ended with, if with anything."""
    made = drafts_in(run)
    recorded = Recorded(case, run.task, tuple(a.draft for a in made), tuple(verdicts), cluster=case, group=group)
    chosen = _chosen(run, made)
    told = {"chosen": chosen, "correct": None if chosen is None else final, "seconds": seconds, "data": {"run": run.id}}
    return trial_of(recorded, run).model_copy(update=told)


def _chosen(run: Run, made: Sequence[Attempt]) -> int | None:
    if not run.ok or not made:
        return None
    best = run.best or made[-1]
    same = [place for place, attempt in enumerate(made) if attempt.draft.id == best.draft.id]
    return same[-1] if same else len(made) - 1


def loop_figures(trials: Sequence[Trial]) -> list[Estimate]:
    """What is asked of every loop that drafts, and is judged: accuracy first."""
    from revet.evals import metrics

    figures = (
        metrics.accuracy,
        metrics.first_accuracy,
        metrics.wrong_to_right,
        metrics.right_to_wrong,
        metrics.correction_success_rate,
        metrics.over_correction_risk_rate,
        metrics.false_commits,
        metrics.correct_commits,
        metrics.abstention,
        metrics.over_budget_ratio,
        metrics.tokens_per_solved,
        metrics.cost_per_solved,
        metrics.seconds_per_solved,
    )
    return [figure(trials) for figure in figures]
