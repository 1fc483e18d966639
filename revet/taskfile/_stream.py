"""The tasks of a file, one after another: a file of a hundred thousand is never in memory as a whole."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from revet.errors import InputError, TaskFileError
from revet.taskfile._document import Item, defaults_of, is_jsonl, item_of_line, read, usable
from revet.taskfile._lines import Lines, folder_of
from revet.taskfile._load import Loader
from revet.taskfile._marked import Marked
from revet.taskfile._problems import SHOWN, Problems, TaskFileErrors, by_line, dotted
from revet.taskfile._project import is_id
from revet.taskfile._settings import Entry, settings_from

__all__ = ["BadEntry", "Tasks", "load", "open_tasks"]

OF_NO_TASK = -1
"""In the place of a task's: of an id that a bad one was given."""


@dataclass(frozen=True)
class BadEntry:
    """A task that cannot be read: `id` is its own where that could be read, else ``line-N``; `error` says why.

    The later of two tasks of one id is bad, and has no id of its own: no two of a file have the same.
    """

    id: str
    line: int | None
    error: TaskFileErrors


class Tasks:
    """The tasks of `path` (None: of no file), each time anew, in their order. `count` is how many, the bad among them.

    `digest` is of what the file held when it was checked (empty for no file).
    """

    def __init__(
        self,
        entries: Iterable[Entry | BadEntry],
        *,
        path: Path | None = None,
        digest: str = "",
        count: int | None = None,
        bad: int | None = None,
    ) -> None:
        """Without `count` and `bad`, `entries` are read once and kept."""
        if count is None or bad is None:
            entries = list(entries)
            count, bad = len(entries), sum(isinstance(each, BadEntry) for each in entries)
        self._entries, self.count, self.bad = entries, count, bad
        self.path, self.digest = path, digest

    @classmethod
    def of(cls, entries: Iterable[Entry | BadEntry]) -> Tasks:
        return cls(entries)

    def __iter__(self) -> Iterator[Entry | BadEntry]:
        return iter(self._entries)


def open_tasks(
    path: str | Path, overrides: Mapping[str, Any] | None = None, *, on_error: Literal["stop", "skip"] = "stop"
) -> Tasks:
    """The tasks of a YAML, JSON or JSONL file, all of them checked; at least one.

    JSONL is read line by line, now and each time that one goes through the tasks: only their ids are kept. A pipe and
    standard input (``-``) are JSONL. YAML and JSON are read as a whole.

    Relative paths (`workspace`, `python`, `prompts`, `rules`, models that are files, options that are paths) are taken
    from the file's folder; those in standard input from the current one. `overrides` are settings that stand above the
    file's, whose own values are checked all the same; relative paths in them are left as they are.

    Raises `TaskFileErrors`, or an `InputError` that names options of the command line. With `on_error` ``skip`` a bad
    task is a `BadEntry` in its place, and only what is no matter of one task is raised: that the file cannot be read,
    and what is wrong with its defaults. Going through the tasks raises `InputError` where the file was changed.
    """
    path = Path("/dev/stdin" if str(path) == "-" else path)
    settings = settings_from(overrides or {})
    chosen = {name: getattr(settings, name) for name in overrides or {}}
    problems = Problems(str(path))
    if not usable(path, problems):
        raise problems.all()
    opened = _by_line if is_jsonl(path) else _as_a_whole
    return opened(path, chosen, problems, skip=on_error == "skip")


def load(path: str | Path, overrides: Mapping[str, Any] | None = None) -> list[Entry]:
    """The tasks of a file as a list. See `open_tasks` for the overrides and what is raised."""
    entries = []
    for each in open_tasks(path, overrides):
        if isinstance(each, BadEntry):  # it was well a moment ago: a folder is gone since
            raise each.error
        entries.append(each)
    return entries


def _as_a_whole(path: Path, overrides: Mapping[str, Any], problems: Problems, *, skip: bool) -> Tasks:
    document = read(path, problems)
    items = document.items
    loader = Loader(path.stem, folder_of(path), document.defaults, overrides, problems, sole=len(items) <= 1)
    ids, checked = _Ids(lambda place: items[place].line_of("id")), _Checked(loader)
    found = [checked.noted(_read(item, place, loader, ids)) for place, item in enumerate(items)]
    checked.raise_any(skip=skip)
    results = []
    for each in found:
        results.append(result := each.result(loader, ids))
        if isinstance(result, BadEntry):
            ids.first(result.id, OF_NO_TASK)  # several may stand in one line
    return Tasks(results, path=path, digest=document.digest)


def _by_line(path: Path, overrides: Mapping[str, Any], problems: Problems, *, skip: bool) -> Tasks:
    try:
        lines = Lines(path)
    except OSError as error:
        problems.add_unreadable(error)
        raise problems.all() from None
    head, sole = _head(lines)
    defaults = Marked({}, 1) if head is None else defaults_of(head.node, problems)
    for fault in () if head is None else head.faults:
        problems.add_fault(fault)
    loader = Loader(path.stem, folder_of(path), defaults, overrides, problems, sole=sole)
    stream, checked = _Stream(lines, None if head is None else head.line, loader), _Checked(loader)
    for each in stream.read():
        checked.noted(each)
    if not checked.count:
        problems.add_empty() if head is None else problems.add_no_tasks()
    checked.raise_any(skip=skip)
    return Tasks(stream, path=path, digest=lines.digest, count=checked.count, bad=checked.bad)


def _head(lines: Lines) -> tuple[Item | None, bool]:
    """The line that holds only `defaults` (the first that can be read, if it does); is there one task at most?"""
    defaults, tasks = None, 0
    for number, data in lines:
        item = item_of_line(number, data)
        if item is None or not item.readable:
            continue
        if not tasks and defaults is None and isinstance(item.written, dict) and set(item.written) == {"defaults"}:
            defaults = item
            continue
        tasks += 1
        if tasks > 1:
            break
    return defaults, tasks <= 1


class _Stream:
    """The tasks of a JSONL file, read anew each time."""

    def __init__(self, lines: Lines, defaults: int | None, loader: Loader) -> None:
        self.lines, self.defaults, self.loader = lines, defaults, loader
        self.ids = _Ids()

    def read(self) -> Iterator[_Read]:
        for number, data in self.lines:
            item = item_of_line(number, data) if number != self.defaults else None
            if item is not None:
                yield _read(item, number, self.loader, self.ids)

    def __iter__(self) -> Iterator[Entry | BadEntry]:
        for each in self.read():
            yield each.result(self.loader, self.ids)


@dataclass(frozen=True)
class _Read:
    """A task that was read: what is wrong with it, or how it is to be run."""

    item: Item
    entry: Entry | None
    own: Problems
    name: str | None
    """Its id, if no earlier task has it."""

    @property
    def bad(self) -> bool:
        return self.entry is None or bool(self.own.errors)

    def result(self, loader: Loader, ids: _Ids) -> Entry | BadEntry:
        if self.entry is not None and not self.own.errors:
            return self.entry
        error = self.own.all() if self.own.errors else loader.problems.all()
        name = self.name if self.name is not None and is_id(self.name) else ids.free(self.item.line)
        return BadEntry(name, self.item.line, error)


def _read(item: Item, place: int, loader: Loader, ids: _Ids) -> _Read:
    """Reads the task at `place` of the file. An id that an earlier one has is wrong with it."""
    own = Problems(loader.problems.file)
    entry = loader.entry(item, own)
    name = item.written.get("id") if isinstance(item.written, dict) else None
    if not isinstance(name, str):
        return _Read(item, entry, own, None)
    first = ids.first(name, place)
    if first == place:
        return _Read(item, entry, own, name)
    problem = f"the id {name!r} is already used in line {ids.line_of(first)}"
    own.add(problem, item.line_of("id"), dotted(item.name, "id"), "give each task an id of its own")
    return _Read(item, entry, own, None)


class _Ids:
    """The ids of a file, and the place where each is first: of a hundred thousand, a few megabytes."""

    def __init__(self, line_of: Callable[[int], int] = lambda place: place) -> None:
        """`line_of` is the line of a place."""
        self.line_of = line_of
        self._first: dict[bytes, int] = {}

    def first(self, name: str, place: int) -> int:
        """The place where `name` is first: `place`, if it was nowhere before."""
        return self._first.setdefault(_brief(name), place)

    def free(self, line: int) -> str:
        """A name for a task without one, which no task of the file has."""
        names = itertools.chain([f"line-{line}"], (f"line-{line}.{n}" for n in itertools.count(1)))
        return next(name for name in names if _brief(name) not in self._first)


def _brief(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class _Checked:
    """What the first reading of a whole file found: how many tasks, and the first things that are wrong with them."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.count = self.bad = self._wrong = 0
        self._first: list[TaskFileError] = []
        self._of_defaults: set[tuple[int | None, str | None, str]] = set()

    def noted(self, each: _Read) -> _Read:
        self.count, self.bad = self.count + 1, self.bad + each.bad
        if each.own.errors:
            new = [error for error in each.own.errors.values() if self._is_new(error)]
            self._wrong += len(new)
            self._first = sorted([*self._first, *new], key=by_line)[:SHOWN]
        return each

    def _is_new(self, error: TaskFileError) -> bool:
        """False for what a default gave an earlier task, too."""
        if error.field is None or not error.field.startswith("defaults"):
            return True
        told = (error.line, error.field, error.problem)
        new = told not in self._of_defaults
        self._of_defaults.add(told)
        return new

    def raise_any(self, *, skip: bool) -> None:
        """Raises what is wrong with the file and its defaults; and, unless they are to be skipped, with its tasks."""
        shared = self.loader.problems.errors.values()
        if skip or not self._wrong:
            self.loader.problems.raise_any()
        else:
            errors = sorted([*shared, *self._first], key=by_line)
            raise TaskFileErrors(errors, count=len(shared) + self._wrong)
        if self.loader.against_options:
            raise InputError("\n".join(self.loader.against_options))
