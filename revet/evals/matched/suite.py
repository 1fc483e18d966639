"""The matched conditions as a suite: over a file of tasks that ask for answers, with any language model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.evals.matched.experiment import Matched, Right
from revet.evals.source import Source, user_path
from revet.evals.suite import Player
from revet.schema import Model, Task

__all__ = ["Choices", "open_suite"]

METRICS = ("exact", "contains", "regex", "number")


class Choices(Model):
    """The options of the suite: a file of tasks that ask for answers, what is expected of them, and the models."""

    tasks: str
    expected: str
    metric: str = "number"
    model: str
    reviewer: str | None = None
    base_url: str | None = None
    repeats: int = Field(default=1, ge=1)
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, gt=0)
    seed: int = 0


async def open_suite(source: Source, options: Mapping[str, JsonValue]) -> Player:
    """The experiment on a user's tasks. `source` is not read.

    Options: ``tasks=FILE`` (YAML with `tasks:`, or JSONL; of each an id, a goal and inputs), ``expected=FILE`` (JSONL
    of ``{"id", "expected"}``), ``metric`` (exact, contains, regex or number), ``model`` (the generator), ``reviewer``
    (default: the same), ``base_url``, ``repeats``, ``temperature``, ``max_tokens``, ``seed``. Raises `InputError` for
    what cannot be used, before anything is asked.
    """
    choices = _choices(options)
    tasks = _tasks(user_path(choices.tasks))
    right = _right(choices, [task.id for task in tasks])
    from revet.models import Library

    library = Library(base_url=choices.base_url)
    generator = library.get(choices.model)
    return Matched(
        tasks,
        right,
        generator,
        library.get(choices.reviewer) if choices.reviewer else None,
        repeats=choices.repeats,
        temperature=choices.temperature,
        most_tokens=choices.max_tokens,
        seed=choices.seed,
        closes=library.close,
    )


def _choices(options: Mapping[str, JsonValue]) -> Choices:
    try:
        choices = Choices.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError(f"matched: {what}", hint=f"options: {', '.join(Choices.model_fields)}") from None
    if choices.metric not in METRICS:
        raise InputError(
            f"matched: metric: there is none called {choices.metric!r}", hint=f"one of {', '.join(METRICS)}"
        )
    return choices


def _tasks(path: Path) -> list[Task]:
    """The tasks of the file, at least one. What they say of files and checks has no place here, and is refused."""
    found: dict[str, Task] = {}
    for where, told in _told(path):
        if not isinstance(told, Mapping):
            raise InputError(f"{where}: must be a task, but is {type(told).__name__}")
        unknown = sorted(set(told) - {"id", "goal", "inputs"})
        if unknown:
            hint = "the four conditions are of answers: a task has an id, a goal and inputs, and nothing else"
            raise InputError(f"{where}: {unknown[0]} cannot be used here", hint=hint)
        for name in ("id", "goal"):
            if name not in told:
                raise InputError(f"{where}: {name} is missing")
        try:
            task = Task.model_validate(dict(told))
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if task.id in found:
            raise InputError(f"{where}: id: there are two tasks called {task.id!r}")
        found[task.id] = task
    if not found:
        raise InputError(f"{path} holds no tasks", hint='write lines of {"id": …, "goal": …}, or `tasks:` in YAML')
    return list(found.values())


def _told(path: Path) -> Iterator[tuple[str, Any]]:
    """What stands in the file for each task, and where."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", hint="name a file of tasks: tasks=FILE") from None
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    yield f"{path}:{number}", json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise InputError(f"{path}:{number}: no JSON: {error}") from None
        return
    import yaml

    try:
        whole = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {error}") from None
    listed = whole.get("tasks") if isinstance(whole, Mapping) else whole
    if not isinstance(listed, list):
        raise InputError(f"{path}: there is no list of tasks", hint="write `tasks:` and a list below it")
    for number, told in enumerate(listed, 1):
        yield f"{path}: task {number}", told


def _right(choices: Choices, tasks: Sequence[str]) -> Right:
    from revet.evals import grading
    from revet.evals.user import read_expected

    expected = read_expected(user_path(choices.expected), tasks, grading.Answered(choices.metric))

    def right(task: Task, answer: str) -> bool:
        return grading.compared(choices.metric, answer, expected[task.id])

    return right
