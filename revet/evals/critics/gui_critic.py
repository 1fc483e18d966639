"""Is the next step on a screen right? One-step decisions of GUI agents, judged in words (GUI-Critic-R1's test files).

By default the action-type baseline judges: the majority label of the operation in other tasks, cross-validated. It
looks at nothing, and any critic is worth what it adds to it. ``model=`` asks `GuiCritic` (without the screenshot, which
the set does not have), ``answers=FILE`` replays what a critic answered: lines of ``{"id", "score", "suggestion"}``.

As in the paper, an answer that cannot be used is wrong (`step_accuracy`); so is a step of which the file has no answer.
`critic_accuracy` is of the steps of which the critic said anything that can be used.

The published figures of GUI-Critic-R1 and GPT-4o (``suites.toml``) are with screenshots and on all rows of the test
files: they stand beside and are no measure of the same thing. Those of suggestions, which a language model judged, are
left out: ours are compared by their words. *Wrong* is a step that is labelled Incorrect.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import JsonValue, ValidationError

from revet.agents.gui import GuiCritic
from revet.errors import InputError
from revet.evals import metrics
from revet.evals.critics.asked import Choices as Models
from revet.evals.critics.asked import library_of
from revet.evals.critics.rows import RowSuite, by_group
from revet.evals.estimate import Estimate
from revet.evals.gate.gui import LABELS, NAME, SET, SETS, Judged, answers_of, judged_by
from revet.evals.gate.gui_steps import majority_labels, operation_of, same_step
from revet.evals.metrics.sums import share
from revet.evals.source import Row, Source, field, user_path
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn
from revet.models import Account

__all__ = ["open_suite"]

TOLD = ("id", "set", "instruction", "history", "decision", "label", "suggestion")
SHOWN = ("id", "set", "instruction", "history", "decision")


class Choices(Models):
    """The options: those of every suite about critics, and a file of answers."""

    answers: str | None = None


class Step(NamedTuple):
    """One decision, as a row, with the label of the baseline."""

    row: Mapping[str, Any]
    baseline: bool


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    choices = _choices(options)
    rows = _steps(source)
    named = library_of(choices)
    critic = None if named is None else GuiCritic(named[0])
    answers = None if choices.answers is None else answers_of(user_path(choices.answers))

    async def told(step: Step, account: Account) -> Judged | None:
        shown = {name: step.row[name] for name in SHOWN}
        if critic is not None:
            return await judged_by(critic, shown, account)
        return Judged(step.baseline) if answers is None else await answers(shown)

    async def judge(case: str, step: Step) -> Trial:
        began, row, account = time.monotonic(), step.row, Account()
        said = await told(step, account)
        judged = Judged(None) if said is None else said
        matched = same_step(judged.suggestion, row["suggestion"]) if judged.suggestion else None
        turn = Turn(round=1, correct=LABELS[row["label"]], accepted=judged.correct, suggested=matched)
        return Trial(
            case=case,
            task=row["instruction"],
            group=row["set"],
            turns=(turn,),
            tokens=account.usage.tokens,
            cost=account.usage.cost,
            seconds=time.monotonic() - began,
            data={"label": LABELS[row["label"]], "baseline": step.baseline},
        )

    return RowSuite(rows, judge, _figures, None if named is None else named[1])


def _choices(options: Mapping[str, JsonValue]) -> Choices:
    try:
        choices = Choices.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(f"gui_critic: {what}", hint=f"options: {', '.join(Choices.model_fields)}") from None
    if choices.model is not None and choices.answers is not None:
        raise InputError("gui_critic: give a model or a file of answers, not both")
    return choices


def _steps(source: Source) -> dict[str, Step]:
    where = source.path(SET, NAME)
    rows = [_checked(row, f"{where}: row {number}") for number, row in enumerate(source.rows(SET, NAME), 1)]
    found: dict[str, Step] = {}
    for name in SETS:
        own = [row for row in rows if row["set"] == name]
        operations = [operation_of(row["decision"]) for row in own]
        guessed = majority_labels(
            operations, [LABELS[row["label"]] for row in own], [row["instruction"] for row in own]
        )
        for row, guess in zip(own, guessed, strict=True):
            if row["id"] in found:
                raise InputError(f"{where}: id {row['id']} stands twice")
            found[row["id"]] = Step(row, guess)
    return found


def _checked(row: Row, where: str) -> dict[str, Any]:
    told: dict[str, Any] = {name: field(row, name, str, where) for name in TOLD}
    if told["label"] not in LABELS:
        raise InputError(f"{where}: label must be Correct or Incorrect, but is {told['label']!r:.40}")
    if told["set"] not in SETS:
        raise InputError(f"{where}: set must be one of {', '.join(SETS)}, but is {told['set']!r:.40}")
    return told


def _figures(trials: Sequence[Trial]) -> list[Estimate]:
    of_all = (
        step_accuracy,
        metrics.critic_accuracy,
        metrics.critic_coverage,
        metrics.critic_f1,
        metrics.false_block_rate,
        metrics.miss_rate,
        metrics.suggestion_accuracy,
        _baseline,
        metrics.first_accuracy,
    )
    of_each = (step_accuracy, metrics.critic_accuracy, metrics.false_block_rate, metrics.suggestion_accuracy, _baseline)
    return [
        *(metric(trials) for metric in of_all),
        *(found for metric in of_each for found in by_group(metric, trials)),
    ]


def step_accuracy(trials: Sequence[Trial]) -> Estimate:
    """Steps that were rightly called right or wrong / all steps that were asked about. In 0..1.

    Without a usable answer it is not right. Source: critic accuracy of Wanyan et al. 2025 (GUI-Critic-R1).
    """
    return share(
        "step_accuracy",
        trials,
        lambda trial: (sum(turn.accepted is turn.correct for turn in trial.turns), len(trial.turns)),
        empty="no step was judged",
    )


def _baseline(trials: Sequence[Trial]) -> Estimate:
    """Steps of which the operation alone gives the label away / those that were judged."""
    return share(
        "baseline_accuracy",
        trials,
        lambda trial: (int(trial.data.get("baseline") is trial.data.get("label")), 1) if trial.turns else None,
        better="neither",
        empty="no step was judged",
    )
