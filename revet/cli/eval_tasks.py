"""A task file of the user's as a suite: its tasks, its metric, what is expected of it, and the agents that do it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from revet.batch.agents import SharedAgents
from revet.errors import InputError
from revet.evals.grading import Grader, grader_named
from revet.evals.runner import Order
from revet.evals.suite import Player
from revet.evals.user import UserTasks, read_expected
from revet.schema import Model
from revet.store import Store
from revet.taskfile import Entry, Settings, check_settings, load, option_values, tool_choices

__all__ = ["is_task_file", "order_of_tasks"]

SUFFIXES = (".yaml", ".yml", ".json", ".jsonl")
RUNS = "evaluations"
"""Folder in the store in which the runs of evaluations are kept, apart from the user's own."""


class Suite(Model):
    """The part ``suite:`` of a suite file; paths are relative to the file."""

    tasks: str
    metric: str = "outcome"
    expected: str | None = None
    hidden: str | None = None


def is_task_file(word: str) -> bool:
    """Whether the word names a file rather than a suite."""
    return Path(word).suffix.lower() in SUFFIXES or Path(word).is_file()


def order_of_tasks(words: Sequence[str], given: Mapping[str, Any]) -> Order:
    """What is to be played. Raises `InputError` for all that is wrong, before anything is run."""
    if len(words) > 1:
        raise InputError("one task file is played at a time", hint=f"name only {words[0]}, or only suites")
    file = Path(words[0])
    for name in ("markdown",):
        if given.get(name):
            raise InputError(f"--{name} is for the suites that come with Revet")
    suite = _suite(file, given)
    entries = load(suite.tasks, _settings(given))
    for entry in entries:
        if entry.settings.database is not None:
            raise InputError(
                f"{entry.task.id} works on a database, which an evaluation would change",
                hint="evaluate tasks that change files alone, or that only answer",
            )
    hidden = None if suite.hidden is None else Path(suite.hidden)
    grader = grader_named(suite.metric, hidden, lambda: _sandbox(entries[0].settings))
    expected = _expected(suite, entries, grader)
    agents = SharedAgents(given.get("record"))
    runs = Store(Path(given["out"]) / RUNS)

    async def opens() -> Player:
        return UserTasks(file.stem, [entry.task for entry in entries], cast, grader, expected, agents.close)

    @asynccontextmanager
    async def cast(task: str) -> AsyncIterator[Any]:
        settings = by_task[task].settings
        await agents.ready(settings)
        agent = agents(settings, runs)
        try:
            yield agent
        finally:
            await agents.done(agent)

    by_task = {entry.task.id: entry for entry in entries}
    for entry in entries:
        check_settings(entry.settings, entry.task)
    files = [file, *(Path(each) for each in {suite.tasks, suite.expected} - {None, str(file)} if each)]
    options = {name: str(value) for name, value in _settings(given).items()} | {"metric": suite.metric}
    return Order(name=_name(file), options=options, limit=given.get("limit"), opens=opens, files=sorted(files))


def _name(file: Path) -> str:
    """What the suite is called in the store: not as one that comes with Revet."""
    return file.name


def _suite(file: Path, given: Mapping[str, Any]) -> Suite:
    """What the suite file says, and the command line over it; a task file is a suite of itself."""
    written = _written(file)
    if written is None:
        told: dict[str, Any] = {"tasks": str(file)}
    else:
        try:
            said = Suite.model_validate(written)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["suite", *map(str, first["loc"])])
            hint = f"fields: {', '.join(Suite.model_fields)}"
            raise InputError(f"{file}: {where}: {first['msg']}", hint=hint) from None
        told = said.model_dump()
        for name in ("tasks", "expected", "hidden"):
            if told[name] is not None:
                told[name] = str(file.parent / Path(told[name]).expanduser())
    return Suite(**{**told, **{name: str(given[name]) for name in ("metric", "expected", "hidden") if name in given}})


def _written(file: Path) -> Any:
    """The part ``suite:`` of the file; None if it has none, or cannot be read: then the task file's reader tells."""
    import yaml

    if file.suffix.lower() == ".jsonl":
        return None
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return None
    return content["suite"] if isinstance(content, dict) and "suite" in content else None


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the command line gives, by name."""
    found = {name: value for name, value in given.items() if name in Settings.model_fields}
    found["options"] = option_values(given.get("option") or ()) or None
    found["tools"] = tool_choices(given.get("tool") or ()) or None
    return {name: value for name, value in found.items() if value is not None}


def _expected(suite: Suite, entries: Sequence[Entry], grader: Grader) -> dict[str, Any]:
    names = [entry.task.id for entry in entries]
    if suite.expected is not None:
        return read_expected(Path(suite.expected), names, grader)
    if grader.wants:
        raise InputError(
            f"--metric {suite.metric}: nothing says what is expected",
            hint='name a JSONL file of {"id": "TASK", "expected": …} with --expected; the loop never sees it',
        )
    return {}


def _sandbox(settings: Settings) -> Any:
    from revet import sandboxes

    return sandboxes.get(settings.sandbox)
