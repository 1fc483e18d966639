"""A suite for tests: what it plays is appended to a file, so that a test can see who played what, how often."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals import metrics
from revet.evals.estimate import Estimate
from revet.evals.source import Source
from revet.evals.suite import Known, Player
from revet.evals.trial import Trial, Turn

__all__ = ["KNOWN", "open_suite", "toml"]

KNOWN = Known(
    name="fake",
    about="cases that are right if their number is even",
    module="tests.evals.fake_suite",
    kind="replay",
    headline="accuracy",
    target=0.5,
    options=("cases", "seconds", "log", "right", "seed", "raises"),
)


def toml(folder: Path, *names: str, sets: Sequence[str] = ()) -> Path:
    """A list of suites, all of them this one."""
    fields = KNOWN.model_copy(update={"sets": tuple(sets)})
    lines = []
    for name in names or ("fake",):
        lines.append(f"[{name}]")
        for field in ("about", "module", "kind", "headline", "target"):
            lines.append(f"{field} = {getattr(fields, field)!r}")
        lines.append(f"sets = {list(fields.sets)!r}\noptions = {list(fields.options)!r}")
    path = folder / "suites.toml"
    path.write_text("\n".join(lines))
    return path


class _Player:
    def __init__(self, options: Mapping[str, JsonValue]) -> None:
        self.options = options
        self.closed = False

    @property
    def cases(self) -> Sequence[str]:
        return [f"case-{number}" for number in range(int(str(self.options.get("cases", 6))))]

    async def play(self, case: str) -> Trial:
        number = int(case.removeprefix("case-"))
        await asyncio.sleep(float(str(self.options.get("seconds", 0))))
        if number == self.options.get("dies"):
            os._exit(9)
        if number == self.options.get("raises"):
            raise ValueError("a fault\nof two lines")
        if number == self.options.get("refuses"):
            raise InputError("row 3: there is no field x", hint="add it")
        if log := self.options.get("log"):
            with Path(str(log)).open("a") as file:
                file.write(f"{case} {os.getpid()}\n")
        right = number % 2 == 0 if self.options.get("right") is None else number < int(str(self.options["right"]))
        return Trial(
            case=case, task=case, turns=(Turn(round=0, correct=right),), chosen=0, correct=right, tokens=number
        )

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        if trials and "faulty" in self.options:
            raise ZeroDivisionError
        return [metrics.accuracy(trials), metrics.false_commits(trials)]

    async def close(self) -> None:
        self.closed = True


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    if "bad" in options:
        raise InputError("there is no option bad")
    return _Player(options)
