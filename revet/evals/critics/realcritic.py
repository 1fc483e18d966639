"""Is the solution wrong? Solutions by small models, about half of them right (RealCritic: Tang et al. 2025).

`Calculate` is shown the question and the solution; ``model=`` asks `ChatCritic` instead. Right and wrong are by the
final answer. Groups are the sources: grade school (gsm8k), competitions (math, minerva_math) and multiple choice
(arc-challenge, mmlu_stem), of which a tool that computes can say little, and mostly abstains.

The published figures of this set are of corrections (a critique is as good as what comes of it), which verdicts alone
do not give; `critique_value` is that figure where a loop revises.
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
from revet.evals.source import Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn

if TYPE_CHECKING:
    from revet.agents import Critic
    from revet.models import LanguageModel

__all__ = ["open_suite"]

SET, NAME = "realcritic", "mix_data"


class Solution(NamedTuple):
    """One solution, where it is from, and whether its answer is right."""

    question: str
    solution: str
    dataset: str
    right: bool


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    choices = choices_of("realcritic", options)
    rows = _solutions(source)
    ask, library = examiner(choices, _critic)

    async def judge(case: str, row: Solution) -> Trial:
        word = await ask(draft_view(row.question, answer=row.solution))
        return Trial(
            case=case,
            task=case,
            group=row.dataset,
            turns=(Turn(round=1, correct=row.right, accepted=word.accepted, score=word.score),),
            tokens=word.tokens,
            cost=word.cost,
            seconds=word.seconds,
        )

    return RowSuite(rows, judge, _figures, library)


def _critic(model: LanguageModel) -> Critic:
    from revet.agents.chat import ChatCritic

    return ChatCritic(model)


def _solutions(source: Source) -> dict[str, Solution]:
    found: dict[str, Solution] = {}
    for number, row in enumerate(source.rows(SET, NAME), 1):
        where = f"{source.path(SET, NAME)}: row {number}"
        task = field(row, "task_id", str, where)
        if task in found:
            raise InputError(f"{where}: task_id {task} stands above")
        found[task] = Solution(
            field(row, "question", str, where),
            field(row, "solution", str, where),
            field(row, "dataset", str, where),
            field(row, "is_correct", bool, where),
        )
    return found


def _figures(trials: Sequence[Trial]) -> list[Estimate]:
    of_all = (
        metrics.critic_precision,
        metrics.critic_recall,
        metrics.critic_f1,
        metrics.detection_rate,
        metrics.false_block_rate,
        metrics.miss_rate,
        metrics.critic_accuracy,
        metrics.critic_coverage,
        metrics.first_accuracy,
    )
    of_each = (
        metrics.critic_f1,
        metrics.critic_precision,
        metrics.critic_recall,
        metrics.detection_rate,
        metrics.critic_coverage,
    )
    return [
        *(metric(trials) for metric in of_all),
        *(found for metric in of_each for found in by_group(metric, trials)),
    ]
