"""`--require`: what figures must reach, for a program that asks with the exit code."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.evals.estimate import Estimate
    from revet.evals.runner import Played
    from revet.evals.suite import Known

__all__ = ["Requirement", "missed", "reached", "requirements"]

TARGET = "target"
WRITTEN = re.compile(r"(?:(?P<suite>[\w.-]+):)?(?P<figure>[^<>=:]+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<value>\S+)")
SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Requirement:
    """One of them. `figure` is None for the suite's own target; without a `suite` it is for every one that has it."""

    text: str
    suite: str | None = None
    figure: str | None = None
    sign: str = ">="
    value: float = 0.0

    def check(self, suite: str, figures: Sequence[str], *, alone: bool) -> None:
        """Raise `InputError` for a figure that the suite does not have, where only this suite can be meant."""
        from revet.evals.suites import near

        meant = self.suite == suite or (self.suite is None and alone)
        if self.figure is not None and meant and self.figure not in figures:
            raise InputError(f"--require {self.text}: {suite} has no such figure", hint=near(self.figure, figures))

    def found(self, played: Played) -> str | None:
        """What is missing, in a line; "" if nothing is, None if the suite is not meant."""
        name = played.evaluation.suite
        if self.suite is not None and self.suite != name:
            return None
        if self.figure is None:
            return _target(played)
        figure = played.evaluation.figure(self.figure)
        if figure is None:
            return None
        if figure.value is None:
            return f"{name}: {figure.name} is not a number ({figure.note}), but must be {self.sign} {self.value:g}"
        if SIGNS[self.sign](figure.value, self.value):
            return ""
        by = abs(figure.value - self.value)
        return f"{name}: {figure.name} is {figure.value:.4g}, but must be {self.sign} {self.value:g}: {by:.4g} off"


def reached(figure: Estimate, target: float) -> bool:
    """Whether the value is at least the target; at most, where lower is better. No value reaches nothing."""
    if figure.value is None:
        return False
    return figure.value <= target if figure.better == "lower" else figure.value >= target


def requirements(texts: Sequence[str], asked: Sequence[Known | str]) -> list[Requirement]:
    """Raises `InputError` for what is none, and for what no suite that is played can answer."""
    names = [each if isinstance(each, str) else each.name for each in asked]
    found = [_parsed(text, names) for text in texts]
    if any(each.figure is None for each in found) and not any(
        not isinstance(each, str) and each.target is not None for each in asked
    ):
        raise InputError(f"--require target: {', '.join(names)} has no target", hint="write FIGURE>=VALUE")
    return found


def _parsed(text: str, names: Sequence[str]) -> Requirement:
    if text.strip() == TARGET:
        return Requirement(text)
    parts = WRITTEN.fullmatch(text.strip())
    try:
        value = float(parts["value"]) if parts else float("nan")
    except ValueError:
        value = float("nan")
    if parts is None or value != value:
        raise InputError(f"--require {text!r}: is no requirement", hint="write FIGURE>=VALUE, FIGURE<=VALUE or target")
    if parts["suite"] is not None and parts["suite"] not in names:
        raise InputError(f"--require {text}: {parts['suite']} is not played", hint=f"played: {', '.join(names)}")
    return Requirement(text, parts["suite"], parts["figure"].strip(), parts["sign"], value)


def _target(played: Played) -> str | None:
    from revet.evals.suites import suites

    known = suites().get(played.evaluation.suite)
    if known is None or known.target is None:
        return None
    figure = played.evaluation.figure(known.headline)
    if figure is None or figure.value is None:
        why = figure.note if figure else "it is missing"
        return f"{known.name}: {known.headline} is not a number ({why}), but its target is {known.target:g}"
    if reached(figure, known.target):
        return ""
    way = "at most" if figure.better == "lower" else "at least"
    by = abs(figure.value - known.target)
    return f"{known.name}: {known.headline} is {figure.value:.4g}, its target is {way} {known.target:g}: {by:.4g} off"


def missed(wanted: Sequence[Requirement], done: Sequence[Played]) -> list[str]:
    """What each requirement misses, in lines. One that no suite answers is missed, too."""
    lines: list[str] = []
    for requirement in wanted:
        said = [line for played in done if (line := requirement.found(played)) is not None]
        if not said:
            lines.append(f"--require {requirement.text}: no suite that was played to its end has such a figure")
        lines += [line for line in said if line]
    return lines
