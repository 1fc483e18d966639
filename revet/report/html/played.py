"""What a page of a suite needs to know of an evaluation, of its trials and of its figures; and how a trial ended.

The shapes are those of `revet.evals`, as far as a page reads them: whatever has these attributes will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = [
    "KINDS",
    "BesideLike",
    "ContrastLike",
    "DifferenceLike",
    "EstimateLike",
    "EvaluationLike",
    "Kind",
    "KnownLike",
    "PictureLike",
    "SharedLike",
    "TrialLike",
    "TurnLike",
    "interval",
    "kind_of",
    "number",
]


class TurnLike(Protocol):
    """One draft: what the judge says of it, and what the loop did."""

    @property
    def round(self) -> int: ...
    @property
    def correct(self) -> bool | None: ...
    @property
    def accepted(self) -> bool | None: ...


class TrialLike(Protocol):
    """One case."""

    @property
    def case(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def turns(self) -> Sequence[TurnLike]: ...
    @property
    def chosen(self) -> int | None: ...
    @property
    def correct(self) -> bool | None: ...
    @property
    def asked(self) -> bool: ...
    @property
    def why(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def tokens(self) -> int: ...
    @property
    def error(self) -> str | None: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


class EstimateLike(Protocol):
    """A value with its interval."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def n(self) -> int: ...
    @property
    def better(self) -> str: ...
    @property
    def note(self) -> str: ...


class EvaluationLike(Protocol):
    """What was played."""

    @property
    def id(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def version(self) -> str: ...
    @property
    def begun_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def cases(self) -> int: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def figures(self) -> Sequence[EstimateLike]: ...


class BesideLike(Protocol):
    """A figure of others."""

    @property
    def who(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def source(self) -> str: ...
    @property
    def measure(self) -> str: ...


class KnownLike(Protocol):
    """What is known of a suite whoever plays it."""

    @property
    def about(self) -> str: ...
    @property
    def headline(self) -> str: ...
    @property
    def target(self) -> float | None: ...
    @property
    def beside(self) -> Sequence[BesideLike]: ...
    @property
    def note(self) -> str: ...


class PictureLike(Protocol):
    """What is drawn besides the figures: accuracy by round, the risk–coverage curve as (coverage, risk) points with
    the area under it, and accuracy by group; empty, or None, where there is nothing to draw."""

    @property
    def by_round(self) -> Sequence[EstimateLike]: ...
    @property
    def risk(self) -> Sequence[tuple[float, float]]: ...
    @property
    def area(self) -> EstimateLike | None: ...
    @property
    def groups(self) -> Sequence[EstimateLike]: ...


class DifferenceLike(Protocol):
    """The mean of second - first over pairs, and how likely one that large is by chance."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def p(self) -> float | None: ...
    @property
    def n(self) -> int: ...
    @property
    def test(self) -> str: ...
    @property
    def note(self) -> str: ...


class SharedLike(Protocol):
    """A figure that both evaluations have."""

    @property
    def name(self) -> str: ...
    @property
    def first(self) -> EstimateLike: ...
    @property
    def second(self) -> EstimateLike: ...


class ContrastLike(Protocol):
    """Two evaluations compared."""

    @property
    def n(self) -> int: ...
    @property
    def unlike(self) -> Sequence[str]: ...
    @property
    def differences(self) -> Sequence[DifferenceLike]: ...
    @property
    def figures(self) -> Sequence[SharedLike]: ...


@dataclass(frozen=True)
class Kind:
    """How a case ended, as a group of the page: `tone` and `sign` as in `looks`, `word` for one, `title` for all."""

    name: str
    tone: str
    sign: str
    word: str
    title: str


KINDS: tuple[Kind, ...] = (
    Kind("wrong", "bad", "✗", "committed wrong", "Committed, and wrong"),
    Kind("missed", "bad", "✗", "wrong, missed", "Wrong, and nothing spoke against it"),
    Kind("blocked", "bad", "✗", "right, blocked", "Right, and something spoke against it"),
    Kind("broke", "warn", "!", "broke off", "Broke off with an error"),
    Kind("abstained", "warn", "–", "abstained", "Ended with no draft"),
    Kind("asked", "info", "?", "asked", "Asked a person"),
    Kind("unjudged", "", "?", "no verdict", "Nobody can tell"),
    Kind("caught", "ok", "✓", "wrong, caught", "Wrong, and something spoke against it"),
    Kind("passed", "ok", "✓", "right, passed", "Right, and nothing spoke against it"),
    Kind("right", "ok", "✓", "committed right", "Committed, and right"),
)
"""In the order in which a page shows them: what went wrong first."""

_KIND = {kind.name: kind for kind in KINDS}


def kind_of(trial: TrialLike, *, commits: bool) -> Kind:
    """How the case ended. Where nothing is ever committed (`commits` is false: a suite of critiques), what was made of
    its last draft."""
    if trial.error is not None:
        return _KIND["broke"]
    if commits:
        if trial.asked:
            return _KIND["asked"]
        if trial.chosen is None:
            return _KIND["abstained"]
        return _KIND["unjudged"] if trial.correct is None else _KIND["right" if trial.correct else "wrong"]
    turn = trial.turns[-1] if trial.turns else None
    if turn is None or turn.correct is None or turn.accepted is None:
        return _KIND["unjudged"]
    if turn.correct:
        return _KIND["passed" if turn.accepted else "blocked"]
    return _KIND["missed" if turn.accepted else "caught"]


def number(value: float | None, digits: int = 3) -> str:
    """For a person to read; an en dash for what is no number."""
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{int(value):,}"
    return f"{value:,.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """``0.81 – 0.93``; empty without one."""
    return "" if low is None or high is None else f"{number(low)} – {number(high)}"
