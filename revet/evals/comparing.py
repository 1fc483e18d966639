"""Two evaluations of one suite, case by case: what differs, how surely, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from revet.errors import InputError
from revet.evals.estimate import Estimate
from revet.evals.evaluation import Evaluation
from revet.evals.paired import Difference, compared, pairs_of, right
from revet.evals.trial import Trial
from revet.schema import Model

__all__ = ["Contrast", "Shared", "contrast"]


class Shared(Model):
    """A figure that both have."""

    name: str
    first: Estimate
    second: Estimate


class Contrast(Model):
    """`differences` are second - first, over the `n` cases that both played. `unlike` says what the two do not share,
    in sentences: what the differences may be due to besides what was meant to differ.
    """

    first: Evaluation
    second: Evaluation
    n: int
    unlike: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    figures: tuple[Shared, ...] = ()


def contrast(first: Evaluation, second: Evaluation, a: Sequence[Trial], b: Sequence[Trial]) -> Contrast:
    """Compare. Raises `InputError` for evaluations of two suites: their cases and their figures mean different things.

    Verdicts are compared with McNemar's test where every case is a task of its own, else, like amounts, by permutation
    of tasks.
    """
    if first.suite != second.suite:
        raise InputError(
            f"{first.id} is of the suite {first.suite}, {second.id} of {second.suite}: they cannot be compared",
            hint="compare two evaluations of one suite; `revet eval show` lists them",
        )
    both = {trial.case for trial in a} & {trial.case for trial in b}
    differences = (compared(name, pairs_of(a, b, value)) for name, value in _VALUES.items())
    return Contrast(
        first=first,
        second=second,
        n=len(both),
        unlike=tuple(_unlike(first, second, a, b)),
        differences=tuple(each for each in differences if each.n and _differs(each, a, b)),
        figures=tuple(
            Shared(name=one.name, first=one, second=other)
            for one in first.figures
            if (other := second.figure(one.name)) is not None
        ),
    )


def _unlike(first: Evaluation, second: Evaluation, a: Sequence[Trial], b: Sequence[Trial]) -> Iterator[str]:
    if first.split != second.split:
        yield f"the splits differ: {first.split or 'none'} and {second.split or 'none'}"
    if first.version != second.version:
        yield f"the versions of revet differ: {first.version} and {second.version}"
    names = sorted({*first.options, *second.options})
    apart = [name for name in names if first.options.get(name) != second.options.get(name)]
    if apart:
        told = (f"{name} ({first.options.get(name)} and {second.options.get(name)})" for name in apart)
        yield f"the options differ: {', '.join(told)}"
    one, other = {trial.case for trial in a}, {trial.case for trial in b}
    if first.rows != second.rows and one == other:
        yield "the rows differ: cases of the same id may not be the same"
    for name, evaluation, only in (("first", first, one - other), ("second", second, other - one)):
        if evaluation.ended_at is None:
            yield f"the {name} has not ended: it has no figures yet"
        if only:
            yield f"{len(only)} cases are only in the {name}"
    if not one & other:
        yield "no case is in both: nothing can be paired"


def _committed(trial: Trial) -> float | None:
    return None if trial.error is not None or not trial.turns else float(trial.committed)


def _wrong(trial: Trial) -> float | None:
    if trial.error is not None or not trial.turns or (trial.committed and trial.correct is None):
        return None
    return float(trial.correct is False)


def _amount(name: str) -> Callable[[Trial], float | None]:
    def value(trial: Trial) -> float | None:
        return float(getattr(trial, name)) if trial.error is None else None

    return value


def _ended_right(trial: Trial) -> float | None:
    return right(trial) if trial.turns or trial.error is not None else None


def _differs(difference: Difference, a: Sequence[Trial], b: Sequence[Trial]) -> bool:
    """Amounts that are 0 everywhere (the tokens of a suite without a model) say nothing."""
    name = difference.name
    return name not in ("tokens", "cost", "tool_calls") or any(getattr(trial, name) for trial in (*a, *b))


_VALUES: dict[str, Callable[[Trial], float | None]] = {
    "right": _ended_right,
    "first_right": lambda trial: None if trial.first is None else float(trial.first),
    "committed": _committed,
    "wrong_commit": _wrong,
    "drafts": lambda trial: float(len(trial.turns)) if trial.error is None and trial.turns else None,
    "tool_calls": _amount("tool_calls"),
    "tokens": _amount("tokens"),
    "cost": _amount("cost"),
    "seconds": _amount("seconds"),
}
