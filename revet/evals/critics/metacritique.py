"""How true and how complete critiques are, by their atomic units (MetaCritique: Sun et al. 2024; labels by people).

A case is a critique: by a person, or by one of the models that the set logs. People labelled each of its units (is it
true?) and each unit of GPT-4's critique of the same answer, which is the reference (does the critique say it too?).
Meta-precision is the share of a critique's units that are true, meta-recall the share of the reference's units that it
says, meta-F1 their harmonic mean; each figure is a mean over critiques, as published. GPT-4's own critiques are the
reference, so they have no figure.

No tool of Revet's judges critiques in words: without ``model=`` the figures are those of the logged critiques. With it
a language model is asked which units are true, as MetaCritique does, and `critic_accuracy` and the others say how far
it agrees with the people: *wrong* is a unit that is not true.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.critics.asked import choices_of, library_of
from revet.evals.critics.rows import RowSuite, by_group
from revet.evals.critics.units import UnitJudge
from revet.evals.estimate import Estimate
from revet.evals.metrics.sums import mean
from revet.evals.source import Row, Source, field
from revet.evals.suite import Player
from revet.evals.trial import Trial, Turn
from revet.schema import Usage

__all__ = ["open_suite"]

SET, NAME = "metacritique", "annotation"
LOGGED = ("human_critique", "llm1_critique", "llm2_critique")


class Critiqued(NamedTuple):
    """One critique: what it is about, who wrote it, its units and which are true, which of the reference's it says."""

    task: str
    question: str
    response: str
    who: str
    units: tuple[str, ...]
    true: tuple[bool, ...]
    said: tuple[bool, ...]


@dataclass(frozen=True)
class _Whole(Source):
    """The set is one file for all splits: ``annotation.jsonl``, where there is none of the split."""

    def path(self, data_set: str, name: str) -> Path:
        whole = self.folder / data_set / f"{name}.jsonl"
        of_split = self.folder / data_set / f"{name}.{self.split}.jsonl"
        return whole if whole.is_file() and not of_split.is_file() else super().path(data_set, name)


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    choices = choices_of("metacritique", options)
    rows = _critiques(_Whole(source.folder, source.split))
    named = library_of(choices)
    judge_units = None if named is None else UnitJudge(named[0])

    async def judge(case: str, row: Critiqued) -> Trial:
        began, usage = time.monotonic(), Usage()
        told: Sequence[bool | None] = [None] * len(row.units)
        if judge_units is not None:
            told, usage = await judge_units(row.question, row.response, row.units)
        turns = [Turn(round=1, correct=true, accepted=said) for true, said in zip(row.true, told, strict=True)]
        counts: dict[str, JsonValue] = {"said": sum(row.said), "reference": len(row.said)}
        return Trial(
            case=case,
            task=row.task,
            group=row.who,
            turns=tuple(turns),
            tokens=usage.tokens,
            cost=usage.cost,
            seconds=time.monotonic() - began,
            data=counts,
        )

    def figures(trials: Sequence[Trial]) -> list[Estimate]:
        return _figures(trials, asked=judge_units is not None)

    return RowSuite(rows, judge, figures, None if named is None else named[1])


def _critiques(source: Source) -> dict[str, Critiqued]:
    found: dict[str, Critiqued] = {}
    for number, row in enumerate(source.rows(SET, NAME), 1):
        where = f"{source.path(SET, NAME)}: row {number}"
        task = field(row, "id", str, where)
        reference = field(row, "gpt4_critique", dict, where)
        count = len(field(reference, "aius", list, f"{where}: gpt4_critique"))
        for name in LOGGED:
            told = _critique(row, field(row, name, dict, where), task, f"{where}: {name}")
            if len(told.said) != count:
                raise InputError(f"{where}: {name}: recall_labels must be one for each of the {count} reference units")
            if f"{task}/{name}" in found:
                raise InputError(f"{where}: id {task} stands above")
            found[f"{task}/{name}"] = told
    return found


def _critique(row: Row, critique: Row, task: str, where: str) -> Critiqued:
    units = field(critique, "aius", list, where)
    if not all(isinstance(unit, str) for unit in units):
        raise InputError(f"{where}: aius must be texts")
    true, said = (_labels(critique, name, where) for name in ("precision_labels", "recall_labels"))
    if len(true) != len(units):
        raise InputError(f"{where}: precision_labels must be one for each of the {len(units)} units")
    question, response = field(row, "question", str, where), field(row, "response", str, where)
    who = str(critique.get("model") or "human")
    return Critiqued(task, question, response, who, tuple(units), true, said)


def _labels(critique: Row, name: str, where: str) -> tuple[bool, ...]:
    labels = field(critique, name, list, where)
    if not all(isinstance(label, bool) for label in labels):
        raise InputError(f"{where}: {name} must be true or false each")
    return tuple(labels)


def _figures(trials: Sequence[Trial], *, asked: bool) -> list[Estimate]:
    """The logged critiques' figures, and how far the model that was asked agrees with the people."""
    logged = (meta_f1, meta_precision, meta_recall)
    agreement = (metrics.critic_accuracy, metrics.critic_precision, metrics.critic_recall, metrics.critic_coverage)
    found = [metric(trials) for metric in (*logged, *(agreement if asked else ()))]
    for metric in logged:
        each = by_group(metric, trials)
        found += [
            one.model_copy(update={"name": f"logged/{one.name.partition('/')[2]}/{metric.__name__}"}) for one in each
        ]
    return found


def meta_precision(trials: Sequence[Trial]) -> Estimate:
    """The mean over critiques of: units that are true / units. 0 for a critique without units."""
    return mean("meta_precision", trials, lambda trial: None if trial.error else _precision(trial))


def meta_recall(trials: Sequence[Trial]) -> Estimate:
    """The mean over critiques of: units of the reference that the critique says / units of the reference."""
    return mean("meta_recall", trials, lambda trial: None if trial.error else _recall(trial))


def meta_f1(trials: Sequence[Trial]) -> Estimate:
    """The mean over critiques of the harmonic mean of their precision and recall."""

    def f1(trial: Trial) -> float | None:
        if trial.error:
            return None
        precision, recall = _precision(trial), _recall(trial)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    return mean("meta_f1", trials, f1)


def _precision(trial: Trial) -> float:
    return sum(turn.correct is True for turn in trial.turns) / len(trial.turns) if trial.turns else 0.0


def _recall(trial: Trial) -> float:
    said, reference = trial.data.get("said"), trial.data.get("reference")
    if not isinstance(said, int) or not isinstance(reference, int) or not reference:
        return 0.0
    return said / reference
