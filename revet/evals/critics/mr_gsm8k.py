"""The first wrong step of wrong solutions, located (MR-GSM8K: Zeng et al. 2024; labels by people).

A case is a solution of a word problem: of an original one, of one whose numbers are asked back (`reversed`), or a
program (`POT`); solutions of one question, word for word, are one task. `Calculate` is shown the question and the
steps; ``model=`` asks `StepCritic` instead. All solutions are wrong, so false alarms cannot be measured.
`first_step_found` counts abstentions as not found; `localisation_accuracy` is of the solutions in which a step was
named.

Of the critiques by six models that come with the set, only those are there that named the right step, so what they
say of how often a model does is nothing. ``logged/MODEL/reason`` is how often people found its reason right, given
that its step was: no figure to hold ours against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.critics.asked import choices_of, draft_view, examiner
from revet.evals.critics.rows import RowSuite, by_group
from revet.evals.estimate import Estimate
from revet.evals.metrics.sums import mean, share
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn

if TYPE_CHECKING:
    from revet.agents import Critic
    from revet.models import LanguageModel

__all__ = ["open_suite"]

SET, NAME = "mr_gsm8k", "graded_critiques"


class Solution(NamedTuple):
    """One solution: its steps, the first wrong one from 0, and which models' reasons people found right."""

    question: str
    steps: tuple[str, ...]
    first: int
    kind: str
    logged: dict[str, bool]


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    choices = choices_of("mr_gsm8k", options)
    rows = _solutions(source)
    tasks: dict[str, str] = {}
    for case, row in rows.items():
        tasks.setdefault(row.question, case)
    ask, library = examiner(choices, _critic)

    async def judge(case: str, row: Solution) -> Trial:
        word = await ask(draft_view(row.question, steps=row.steps))
        located = None if word.step is None else word.step == row.first
        told: dict[str, JsonValue] = {"steps": len(row.steps), "said": word.step, "logged": {**row.logged}}
        return Trial(
            case=case,
            task=tasks[row.question],
            group=row.kind,
            turns=(Turn(round=1, correct=False, accepted=word.accepted, score=word.score, located=located),),
            tokens=word.tokens,
            cost=word.cost,
            seconds=word.seconds,
            data=told,
        )

    return RowSuite(rows, judge, _figures, library)


def _critic(model: LanguageModel) -> Critic:
    from revet.agents.chat import StepCritic

    return StepCritic(model)


def _solutions(source: Source) -> dict[str, Solution]:
    """The solutions by task, each with what is known of the critiques of it."""
    found: dict[str, Solution] = {}
    for number, row in enumerate(source.rows(SET, NAME), 1):
        where = f"{source.path(SET, NAME)}: row {number}"
        task, read = field(row, "task_id", str, where), _solution(row, where)
        known = found.setdefault(task, read)
        if known[:4] != read[:4]:
            raise InputError(f"{where}: {task} stands above with another solution or label")
        known.logged.update(read.logged)
    return found


def _solution(row: Row, where: str) -> Solution:
    steps = field(row, "steps", list, where)
    if not steps or not all(isinstance(step, str) for step in steps):
        raise InputError(f"{where}: steps must be texts, at least one")
    first = field(row, "first_error_step", int, where)
    if not 1 <= first <= len(steps):
        raise InputError(f"{where}: first_error_step must be 1 to {len(steps)}, but is {first}")
    kind, critic = field(row, "question_type", str, where), field(row, "critic_model", str, where)
    reason = field(row, "error_reason_correctness", str, where)
    if reason not in ("correct", "incorrect"):
        raise InputError(f"{where}: error_reason_correctness must be correct or incorrect, but is {reason!r:.40}")
    question = field(row, "question", str, where)
    return Solution(question, tuple(steps), first - 1, kind, {critic: reason == "correct"})


def _figures(trials: Sequence[Trial]) -> list[Estimate]:
    logged = sorted({model for trial in trials for model in _logged(trial)})
    return [
        _found(trials),
        metrics.localisation_accuracy(trials),
        metrics.critic_recall(trials),
        metrics.critic_coverage(trials),
        _chance(trials),
        *by_group(_found, trials),
        *by_group(metrics.localisation_accuracy, trials),
        *(_reason(trials, model) for model in logged),
    ]


def _found(trials: Sequence[Trial]) -> Estimate:
    """Solutions whose first wrong step was named / all that were examined."""
    return share(
        "first_step_found",
        trials,
        lambda trial: (int(trial.turns[0].located is True), 1) if trial.turns else None,
        empty="no solution was examined",
    )


def _chance(trials: Sequence[Trial]) -> Estimate:
    """How often a step that is named at random is the first wrong one."""
    return mean(
        "chance",
        trials,
        lambda trial: 1 / steps if isinstance(steps := trial.data.get("steps"), int) else None,
        better="neither",
        empty="no solution was examined",
    )


def _reason(trials: Sequence[Trial], model: str) -> Estimate:
    def count(trial: Trial) -> tuple[int, int] | None:
        said = _logged(trial).get(model)
        return None if said is None else (int(said is True), 1)

    return share(f"logged/{model}/reason", trials, count)


def _logged(trial: Trial) -> Mapping[str, JsonValue]:
    told = trial.data.get("logged")
    return told if isinstance(told, dict) else {}
