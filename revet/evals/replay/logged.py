"""What the suites on logs share: rows with their places, ids, and figures of what the logs themselves say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Better, Estimate
from revet.evals.metrics.sums import mean, ratio, summed
from revet.evals.source import Row, Source, field
from revet.evals.trial import Trial
from revet.schema import digest

__all__ = [
    "Options",
    "case_id",
    "f1_of_all_wrong",
    "informedness",
    "logged",
    "named",
    "number",
    "objects",
    "placed",
    "recall_of_right",
    "said_of_drafts",
    "texts_of",
]

LONGEST = 80
"""Characters of a task's id."""


class Options(BaseModel):
    """`runs`: a folder that keeps the runs, for ``revet show``."""

    model_config = ConfigDict(extra="forbid")

    runs: str | None = None


def placed(source: Source, data_set: str, name: str) -> Iterator[tuple[Row, str]]:
    """The rows of a file, each with where it stands: file and row."""
    path = source.path(data_set, name)
    for number, row in enumerate(source.rows(data_set, name), 1):
        yield row, f"{path}: row {number}"


def objects(row: Row, name: str, where: str) -> list[Mapping[str, Any]]:
    """A field that is a list of objects. Raises `InputError` that names the one that is none."""
    values: list[Mapping[str, Any]] = field(row, name, list, where)
    for place, each in enumerate(values, 1):
        if not isinstance(each, Mapping):
            raise InputError(f"{where}: {name}: number {place} must be an object, but is {type(each).__name__}")
    return values


def texts_of(row: Row, name: str, where: str) -> list[str]:
    """A field that is a list of texts. Raises `InputError` that names the one that is none."""
    values: list[str] = field(row, name, list, where)
    for place, each in enumerate(values, 1):
        if not isinstance(each, str):
            raise InputError(f"{where}: {name}: number {place} must be a text, but is {type(each).__name__}")
    return values


def number(row: Row, name: str, where: str) -> float:
    """A field that is a number. Raises `InputError` if it is none."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        field(row, name, float, where)  # says what is wrong with it, unless it is a truth value
        raise InputError(f"{where}: {name} must be a number")
    return float(value)


def case_id(*parts: object) -> str:
    """A readable id that a task may have. Long ones are cut and end in a digest of the whole."""
    whole = "-".join(map(str, parts))
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "-", whole).strip("-.") or "case"
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 9]}-{digest(whole)}"


def logged(name: str, trials: Sequence[Trial], key: str, *, better: Better = "higher") -> Estimate:
    """The mean of what the log says of the cases (``Trial.data[key]``, a number or a truth value).

    Cases of which it says nothing are left out.
    """

    def told(trial: Trial) -> float | None:
        value = trial.data.get(key)
        return float(value) if isinstance(value, int | float) else None

    return mean(name, trials, told, better=better, empty=f"no case of the log says {key}")


def recall_of_right(name: str, trials: Sequence[Trial]) -> Estimate:
    """Of the cases in which the log holds a right draft, the share that ended with a right one."""

    def told(trial: Trial) -> float | None:
        return float(trial.correct is True) if trial.data.get("any_right") is True else None

    return mean(name, trials, told, empty="no case has a right draft")


def named(name: str, found: Estimate) -> Estimate:
    """The same figure by another name."""
    return found.model_copy(update={"name": name})


def said_of_drafts(trials: Sequence[Trial]) -> list[Estimate]:
    """What the loop's evidence says of the drafts that it came to, F1 of "wrong" first."""
    return [
        metrics.critic_f1(trials),
        f1_of_all_wrong(trials),
        informedness(trials),
        metrics.critic_precision(trials),
        metrics.critic_recall(trials),
        metrics.critic_coverage(trials),
        metrics.false_block_rate(trials),
        metrics.miss_rate(trials),
    ]


def informedness(trials: Sequence[Trial]) -> Estimate:
    """Wrong drafts that raised an alarm / wrong drafts, less right drafts that did / right drafts. In -1..1.

    0 is what calling all or none wrong scores, however many of them are: unlike F1 and precision it does not rise with
    the share of wrong drafts. Source: Youden 1950, Cancer 3(1); the name is of Powers 2011, J. Machine Learning Tech.
    """

    def count(trial: Trial) -> tuple[float, ...]:
        alarms = [(turn.correct, turn.accepted is False) for turn in trial.turns if turn.correct is not None]
        wrong, right = ([alarm for correct, alarm in alarms if correct is kind] for kind in (False, True))
        return float(sum(wrong)), float(len(wrong)), float(sum(right)), float(len(right)), float(len(alarms))

    def value(sums: tuple[float, ...]) -> float | None:
        found, wrong, stopped, right, _ = sums
        return found / wrong - stopped / right if wrong and right else None

    return summed("informedness", trials, count, value, items=4, empty="there are no wrong drafts, or no right ones")


def f1_of_all_wrong(trials: Sequence[Trial]) -> Estimate:
    """What calling every draft wrong would score as F1 (2w / (w + n), of w wrong among n): no critic below it finds
    anything that the share of wrong drafts does not say."""

    def count(trial: Trial) -> tuple[float, float]:
        known = [turn.correct for turn in trial.turns if turn.correct is not None]
        wrong = known.count(False)
        return 2.0 * wrong, float(wrong + len(known))

    found = ratio("f1_of_calling_all_wrong", trials, count, better="neither", empty="no draft has a verdict")
    drafts = sum(turn.correct is not None for trial in trials for turn in trial.turns)
    return found.model_copy(update={"n": drafts})
