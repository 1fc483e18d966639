"""The metrics of a user's suite: who says whether a draft, and what a run ended with, is right.

- ``outcome``: the run ended committed, or answered with its checks passed. Says nothing of single drafts.
- ``checks``: the task's required checks passed.
- ``exact``, ``contains``, ``regex``, ``number``: the answer, held against what is expected.
- ``command: CMD``: the exit status of a command in the sandbox, in a copy of the workspace as the draft makes it, with
  hidden tests laid over it.
- ``MODULE:FUNCTION``: a function of the run and of what is expected, to a bool or a float; says nothing of drafts.

A judge is asked when the run has ended. The loop sees neither it, nor what is expected, nor the hidden tests.
"""

from __future__ import annotations

import importlib
import inspect
import math
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import JsonValue

from revet.actions import Protection, Stage
from revet.errors import DraftError, InputError
from revet.evals.suites import near
from revet.sandboxes import Limits, Sandbox
from revet.sandboxes.scratch import Scratch
from revet.schema import Attempt, Draft, Outcome, Run, Task

__all__ = ["KEPT_OUT", "WORDS", "Grade", "Grader", "Grading", "compared", "grader_named"]

KEPT_OUT = (".revet", "__pycache__", ".pytest_cache")
"""What a copy of a workspace leaves out."""
LONGEST = 100_000
"""Characters of an answer that are looked at."""
SECONDS = 300.0
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+(?:[eE][-+]?\d+)?")
FILES = frozenset({"write_file", "edit_file", "delete_file", "answer"})
"""Actions that can be done again in a copy; what a draft does beyond files is not done to judge it."""
WORDS = ("outcome", "checks", "exact", "contains", "regex", "number")


@dataclass(frozen=True)
class Grade:
    """Whether it is right (None: nobody can tell), and the value where the metric gives one."""

    right: bool | None
    value: float | None = None


@dataclass(frozen=True)
class Grading:
    """What is judged: a run of `task`, whose workspace was copied from `original`, and what is expected of it."""

    run: Run
    task: Task
    original: Task
    expected: JsonValue = None


class Grader(Protocol):
    """Judges. `wants` says whether something must be expected of every task."""

    @property
    def wants(self) -> bool: ...

    def check(self, expected: JsonValue) -> None:
        """Raise `InputError` for what cannot be expected."""
        ...

    async def draft(self, attempt: Attempt, grading: Grading) -> bool | None: ...

    async def end(self, grading: Grading) -> Grade:
        """Of what the run ended with. Asked only where it ended with something."""
        ...


class Ended:
    """``outcome``."""

    wants = False

    def check(self, expected: JsonValue) -> None:
        return

    async def draft(self, attempt: Attempt, grading: Grading) -> bool | None:
        return None

    async def end(self, grading: Grading) -> Grade:
        return Grade(grading.run.ok)


class Checked(Ended):
    """``checks``."""

    async def draft(self, attempt: Attempt, grading: Grading) -> bool | None:
        if not any(check.required for check in grading.task.checks):
            return None
        required = [evidence for evidence in attempt.evidence if evidence.required]
        return bool(required) and all(evidence.outcome is Outcome.passed for evidence in required)

    async def end(self, grading: Grading) -> Grade:
        best = grading.run.best
        return Grade(None if best is None else await self.draft(best, grading))


class Answered:
    """A comparison of the answer with what is expected."""

    wants = True

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, expected: JsonValue) -> None:
        for each in _any_of(expected):
            if not isinstance(each, str | int | float) or isinstance(each, bool):
                raise InputError(f"{self.name} expects text, a number or a list of them, but is given {each!r}")
            if self.name == "number" and _number(str(each)) is None:
                raise InputError(f"number expects a number, but is given {each!r}")
            if self.name == "regex":
                try:
                    re.compile(str(each))
                except re.error as error:
                    raise InputError(f"{each!r} is no regular expression: {error}") from None

    async def draft(self, attempt: Attempt, grading: Grading) -> bool | None:
        return compared(self.name, attempt.answer, grading.expected)

    async def end(self, grading: Grading) -> Grade:
        return Grade(compared(self.name, grading.run.answer, grading.expected))


def compared(metric: str, answer: str | None, expected: JsonValue) -> bool:
    """Whether the answer is as expected; of a list, as any of it.

    ``exact``: the same text, but for white space; ``contains``: it is somewhere in the answer, in capitals or not;
    ``regex``: found by `re.search`; ``number``: the last number of the answer is the same (one part in a million).
    """
    if answer is None:
        return False
    return any(_same(metric, answer[-LONGEST:], str(each)) for each in _any_of(expected))


def _same(metric: str, answer: str, expected: str) -> bool:
    if metric == "exact":
        return _plain(answer) == _plain(expected)
    if metric == "contains":
        return _plain(expected).casefold() in _plain(answer).casefold()
    if metric == "regex":
        return re.search(expected, answer) is not None
    said, wanted = _number(answer), _number(expected)
    return said is not None and wanted is not None and math.isclose(said, wanted, rel_tol=1e-6, abs_tol=1e-9)


def _any_of(expected: JsonValue) -> list[JsonValue]:
    return expected if isinstance(expected, list) else [expected]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _number(text: str) -> float | None:
    """The last number of the text."""
    found = NUMBER.findall(text)
    value = float(found[-1].replace(",", "")) if found else None
    return value if value is not None and math.isfinite(value) else None


class Commanded(Ended):
    """``command: CMD``, run by ``sh -c``."""

    def __init__(self, command: str, hidden: Path | None, sandbox: Callable[[], Sandbox]) -> None:
        self.command, self.hidden, self._sandbox = command, hidden, sandbox

    async def draft(self, attempt: Attempt, grading: Grading) -> bool | None:
        if not {action.kind for action in attempt.draft.actions} <= FILES or grading.original.workspace is None:
            return None
        with Scratch() as scratch:
            copied = scratch / "workspace"
            _copied(Path(grading.original.workspace), copied)
            if not await _applied(attempt.draft, grading.original, copied, scratch):
                return False
            return await self._passes(copied)

    async def end(self, grading: Grading) -> Grade:
        if grading.task.workspace is None:
            return Grade(None)
        with Scratch() as scratch:
            _copied(Path(grading.task.workspace), scratch / "workspace")
            return Grade(await self._passes(scratch / "workspace"))

    async def _passes(self, folder: Path) -> bool:
        if self.hidden is not None:
            shutil.copytree(self.hidden, folder, symlinks=True, dirs_exist_ok=True)
        session = await self._sandbox().open(folder)
        try:
            limits = Limits(wall_seconds=SECONDS, cpu_seconds=int(SECONDS))
            return (await session.exec(["sh", "-c", self.command], limits=limits)).ok
        finally:
            await session.close()


async def _applied(draft: Draft, task: Task, folder: Path, scratch: Path) -> bool:
    """Do to the folder what the draft does to files; False if it cannot be."""
    (scratch / "stage").mkdir()
    stage = Stage(folder, scratch / "stage", Protection(task.edit, task.protect))
    try:
        await stage.stage(draft)
    except DraftError:
        return False
    layer = stage.layer
    for path in layer.deleted:
        gone = folder / path
        shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink(missing_ok=True)
    shutil.copytree(layer.root, folder, symlinks=True, dirs_exist_ok=True)
    return True


def _copied(workspace: Path, folder: Path) -> None:
    shutil.copytree(workspace, folder, symlinks=True, ignore=shutil.ignore_patterns(*KEPT_OUT))


class Called(Ended):
    """``MODULE:FUNCTION``. A bool is a verdict; a float is a value, which is right from 1 and wrong from 0 down."""

    def __init__(self, name: str, function: Callable[[Run, JsonValue], Any]) -> None:
        self.name, self._function = name, function

    async def end(self, grading: Grading) -> Grade:
        said = self._function(grading.run, grading.expected)
        if inspect.isawaitable(said):
            said = await said
        if said is None or isinstance(said, bool):
            return Grade(said, None if said is None else float(said))
        if not isinstance(said, int | float) or not math.isfinite(said):
            raise InputError(f"--metric {self.name}: must give a bool or a number, but gave {said!r}")
        return Grade(True if said >= 1 else False if said <= 0 else None, float(said))


def grader_named(metric: str, hidden: Path | None, sandbox: Callable[[], Sandbox]) -> Grader:
    """The grader. Raises `InputError` for one that there is not, with the nearest."""
    word, colon, rest = metric.partition(":")
    command = word.strip() == "command" and colon
    if hidden is not None and not command:
        raise InputError(f"--hidden is for the metric `command: CMD`, not for {metric!r}")
    if hidden is not None and not hidden.is_dir():
        raise InputError(f"--hidden: there is no folder {hidden}", hint="name the folder of the hidden tests")
    if command:
        if not rest.strip():
            raise InputError("--metric command: names no command", hint='write "command: pytest -q"')
        return Commanded(rest.strip(), hidden, sandbox)
    if colon:
        return Called(metric, _function(word.strip(), rest.strip()))
    simple: Mapping[str, Callable[[], Grader]] = {"outcome": Ended, "checks": Checked}
    if metric in simple:
        return simple[metric]()
    if metric in WORDS:
        return Answered(metric)
    hint = f"{near(metric, WORDS)}; or `command: CMD`, or MODULE:FUNCTION"
    raise InputError(f"--metric {metric!r}: there is no such metric", hint=hint)


def _function(module: str, name: str) -> Callable[[Run, JsonValue], Any]:
    if "" not in sys.path:
        sys.path.insert(0, "")  # from the current folder too, as `python -m` does
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise InputError(f"--metric {module}:{name} cannot be had: {said}", hint="write MODULE:FUNCTION") from error
    if not callable(found):
        raise InputError(f"--metric {module}:{name} is no function", hint="write MODULE:FUNCTION")
    return found  # type: ignore[no-any-return]
