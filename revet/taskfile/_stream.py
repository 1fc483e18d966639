"""The tasks of a file, one after another: a file of a hundred thousand is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from revet.taskfile._load import load
from revet.taskfile._problems import TaskFileErrors
from revet.taskfile._settings import Entry

__all__ = ["BadEntry", "Tasks", "open_tasks"]


@dataclass(frozen=True)
class BadEntry:
    """A task that cannot be read: `id` is its own where that could be read, else ``line-N``; `error` says why."""

    id: str
    line: int | None
    error: TaskFileErrors


class Tasks:
    """The tasks of `path` (None: of no file), each time anew, in their order. `count` is how many, the bad among them.

    `digest` is of what the file held when it was checked (empty for no file).
    """

    def __init__(self, entries: Iterable[Entry | BadEntry], *, path: Path | None = None, digest: str = "") -> None:
        self._entries = list(entries)
        self.path, self.digest, self.count = path, digest, len(self._entries)
        self.bad = sum(isinstance(each, BadEntry) for each in self._entries)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Tasks:
        return cls(entries)

    def __iter__(self) -> Iterator[Entry | BadEntry]:
        return iter(self._entries)


def open_tasks(
    path: str | Path, overrides: Mapping[str, Any] | None = None, *, on_error: Literal["stop", "skip"] = "stop"
) -> Tasks:
    """The tasks of a YAML, JSON or JSONL file, checked. See `load` for the overrides and what is raised."""
    return Tasks(load(path, overrides), path=Path(path))
