"""What a task may not need on a worker, and what travels with it besides its workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from revet.batch.agents import kept_settings
from revet.errors import InputError
from revet.schema import Task
from revet.taskfile import Settings

__all__ = ["MOST_CARRIED", "carried", "check", "settings_to_send"]

MOST_CARRIED = 16 * 1024 * 1024
"""A file or folder that the settings name travels up to this size; what is larger must be on every node."""
LOCAL = "run it with --engine local"


def check(task: Task, settings: Settings) -> None:
    """Raise `InputError` for a task that no worker can do, or whose effects could not be committed at home."""
    database = task.inputs.get("database")
    if settings.database is not None or (isinstance(database, str) and "://" in database):
        raise InputError(
            f"task {task.id} changes a database, and from a worker of a cluster only files are committed", hint=LOCAL
        )
    if settings.options.get("person") is not None:
        raise InputError(f"task {task.id} seats a person in its recipe, who is not on the cluster", hint=LOCAL)


def settings_to_send(settings: Settings) -> dict[str, Any]:
    """The settings as data, with the paths among them as they are on this machine."""
    return kept_settings(settings, Path.cwd())


def carried(settings: dict[str, Any], workspace: Path | None) -> dict[str, str]:
    """The files and folders that the settings name: each with a name to travel under. Not those in the workspace, which
    travels as a whole, and not those over `MOST_CARRIED`.
    """
    found = sorted({path for path in _paths(settings) if workspace is None or not path.is_relative_to(workspace)})
    return {str(path): str(number) for number, path in enumerate(path for path in found if _size(path) <= MOST_CARRIED)}


def _paths(value: JsonValue) -> Iterator[Path]:
    """What is there, of the absolute paths in the texts: alone, or after a colon as in ``replay:FILE``."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _paths(each)
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each)
    elif isinstance(value, str) and "://" not in value:
        path = value if value.startswith("/") else value.partition(":")[2]
        if path.startswith("/") and "\0" not in path and Path(path) != Path("/") and Path(path).exists():
            yield Path(path)


def _size(path: Path) -> int:
    """In bytes, as far as it matters."""
    if not path.is_dir():
        return path.stat().st_size
    total = 0
    for number, each in enumerate(path.rglob("*")):
        total += each.lstat().st_size
        if total > MOST_CARRIED or number > 10_000:
            return MOST_CARRIED + 1
    return total
