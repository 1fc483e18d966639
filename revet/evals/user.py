"""A user's own suite: the tasks of a file, and a metric. Every run has a copy of its workspace."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from revet.errors import InputError
from revet.evals.compare.tasks import TaskCase, task_suite
from revet.evals.estimate import Estimate, estimate
from revet.evals.grading import Grade, Grader, Grading
from revet.evals.judged import drafts_in, loop_figures, trial_of_run
from revet.evals.trial import Trial
from revet.schema import Task

__all__ = ["Opens", "UserTasks", "read_expected"]

Opens = Callable[[str], AbstractAsyncContextManager[Any]]
"""Makes the agent that does the task with that id, and frees what it loaded for it alone."""


def read_expected(path: Path, tasks: Sequence[str], grader: Grader) -> dict[str, JsonValue]:
    """What is expected, by task: JSONL of ``{"id": …, "expected": …}``. Raises `InputError` with file, line, field."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--expected: {path} cannot be read: {why}", hint="name a JSONL file") from None
    found: dict[str, JsonValue] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            name, value = _expected(line, f"{path}:{number}", tasks)
            if name in found:
                raise InputError(f"{path}:{number}: id: there are two lines for {name!r}", hint="keep one of them")
            try:
                grader.check(value)
            except InputError as error:
                raise InputError(f"{path}:{number}: expected: {error}") from None
            found[name] = value
    missing = [name for name in tasks if name not in found]
    if missing and grader.wants:
        shown = ", ".join(missing[:6]) + (" …" if len(missing) > 6 else "")
        raise InputError(f"{path}: nothing is expected of {shown}", hint="write a line for each task of the file")
    return found


def _expected(line: str, where: str, tasks: Sequence[str]) -> tuple[str, JsonValue]:
    from revet.evals.suites import near

    form = 'write {"id": "TASK", "expected": …}'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}", hint=form) from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be an object, but is {type(row).__name__}", hint=form)
    for name in ("id", "expected"):
        if name not in row:
            raise InputError(f"{where}: {name}: is missing", hint=form)
    unknown = sorted(set(row) - {"id", "expected"})
    if unknown:
        raise InputError(f"{where}: {unknown[0]}: there is no such field", hint=form)
    if row["id"] not in tasks:
        raise InputError(f"{where}: id: there is no task {row['id']!r}", hint=near(str(row["id"]), tasks))
    return row["id"], row["expected"]


class UserTasks:
    """A `Player` of tasks: `opens` makes the agents, `grader` judges, `expected` holds what is expected by task."""

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        opens: Opens,
        grader: Grader,
        expected: Mapping[str, JsonValue],
        closes: Callable[[], Any] | None = None,
    ) -> None:
        suite = task_suite(name, tasks)
        self._cases = {case.id: case for case in suite.cases if isinstance(case, TaskCase)}
        self._opens, self._grader, self._expected, self._closes = opens, grader, expected, closes

    @property
    def cases(self) -> Sequence[str]:
        return list(self._cases)

    async def play(self, case: str) -> Trial:
        of = self._cases[case]
        # A run locks its workspace: beside the others, not below one of them.
        folder = Path(tempfile.mkdtemp(prefix="revet-eval-"))
        try:
            task = of.prepare(folder / "workspace")
            async with self._opens(case) as agent:
                begun = time.monotonic()
                run = await agent.arun(task)
                seconds = time.monotonic() - begun
            grading = Grading(run, task, of.task, self._expected.get(case))
            grade = await self._grader.end(grading) if run.ok else Grade(None)
            verdicts = [await self._grader.draft(attempt, grading) for attempt in drafts_in(run)]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        trial = trial_of_run(run, verdicts, grade.right, case=case, seconds=seconds)
        if grade.value is None:
            return trial
        return trial.model_copy(update={"data": {**trial.data, "value": grade.value}})

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        """Those of every loop, and the mean of the values where the metric gives values."""
        figures = loop_figures(trials)
        valued = [trial for trial in trials if "value" in trial.data]
        if not valued:
            return figures
        return [estimate("value", valued, _mean), *figures]

    async def close(self) -> None:
        if self._closes is not None:
            await self._closes()


def _mean(trials: Sequence[Trial]) -> float | None:
    values = [value for trial in trials if isinstance(value := trial.data["value"], int | float)]
    return sum(values) / len(values) if values else None
