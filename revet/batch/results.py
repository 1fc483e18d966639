"""The results file: a line of JSON for each task of a batch, written when the task ends.

A line is written as a whole or not at all: what a process that was killed left of one has no end of line, and is
dropped when the file is opened again. Only one process writes a file: it holds a lock (flock), which the kernel drops
when it dies. Where lines have to go, the file is replaced by another at one instant.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from revet.batch.lines import LONGEST, LineFile, Taken
from revet.errors import InputError, StoreError
from revet.report import Ended, json_line
from revet.schema import RunOutcome, digest

__all__ = ["Results", "default_place", "open_results"]

WELL = (RunOutcome.committed.value, RunOutcome.answered.value)
OUTCOMES = (*(outcome.value for outcome in RunOutcome), "not_run")
ELSEWHERE = "name another file with --results"
BEGINNING = b'{"id": "'
STEM = 100
"""Characters of a task file's name in the name of its results; file systems take 255 bytes."""


def default_place(folder: Path, tasks: Path) -> Path:
    """Where the results of a task file stand if no file is named, below the store's `folder`: one for each file."""
    place = hashlib.sha256(os.fsencode(tasks.resolve())).hexdigest()[:8]
    return folder / "results" / f"{tasks.stem[:STEM]}-{place}.jsonl"


def open_results(folder: Path, tasks: Path | None, named: Path | None, *, resume: bool) -> Results | None:
    """The file that is `named`, or the one for `tasks` in the store's `folder`: if another process writes that, the
    next one, ``NAME-2.jsonl``. None for a batch of no file.
    """
    if named is not None:
        if tasks is not None and named.exists() and tasks.exists() and named.samefile(tasks):
            raise InputError(f"--results: {named} is the file of the tasks", hint=ELSEWHERE)
        return Results(named, resume=resume)
    if tasks is None:
        return None
    place, number = default_place(folder, tasks), 1
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{place.parent} cannot be made: {error.strerror}", hint=ELSEWHERE) from error
    while True:
        try:
            numbered = place if number == 1 else place.with_name(f"{place.stem}-{number}.jsonl")
            return Results(numbered, resume=resume, replace=True)
        except Taken:
            number += 1


class Results:
    """Writes the results file `path`; close it in the end.

    A file that holds something is refused, unless the batch goes on (`resume`) or the file may be replaced (`replace`),
    which happens when the first task ends. To go on, the lines of the tasks that ended well stay, and all others are
    dropped, for those tasks are done again. Raises `InputError` for what cannot be written or is no such file, with the
    number of a line that is damaged; then nothing is changed. Use it from one thread.
    """

    def __init__(self, path: Path, *, resume: bool = False, replace: bool = False) -> None:
        self.path = path
        self._kept: dict[str, tuple[int, str]] = {}
        """Of each task whose line stayed and that was not told yet: the line's number, and what it is about."""
        self._gone: set[int] = set()
        """Numbers of lines that others took the place of."""
        try:
            self._file = LineFile(path)
        except Taken:
            raise
        except OSError as error:
            raise InputError(f"the results file {path} {_trouble(path, error)}", hint=ELSEWHERE) from error
        try:
            holds = self._file.size > 0
            if holds and resume:
                self._go_on()
            elif holds and not replace:
                hint = f"add --resume to go on with the batch that it is of, or {ELSEWHERE}"
                raise InputError(f"the results file {path} holds something already", hint=hint)
            self._replaces = holds and not resume
        except BaseException:
            self._file.close()
            raise

    def add(self, ended: Ended) -> None:
        """Write the task's line, unless it stayed from before. Raises `StoreError` if it cannot be written."""
        task, run = ended.task, ended.run
        about = _about(digest(task.model_dump(mode="json"), length=16), run.id if run else None)
        known = self._kept.pop(task.id, None)
        if known is not None:
            if known[1] == about and ended.ok:
                return
            self._gone.add(known[0])
        line = {**json.loads(json_line(ended)), "task_digest": about.partition(" ")[0]}
        with self._told():
            if self._replaces:
                self._file.replace(())
                self._replaces = False
            self._file.append(json.dumps(line).encode() + b"\n")

    def close(self, *, complete: bool = False) -> None:
        """Stop writing. `complete`: every task of the batch was told, so that lines of any others go. Can be called
        again, which does nothing.
        """
        try:
            if complete:
                self._gone.update(number for number, _ in self._kept.values())
            with self._told():
                if self._gone:
                    self._keep_lines(gone=self._gone)
                self._file.close(sync=True)
        finally:
            self._gone.clear()
            self._kept.clear()
            self._file.close()

    def _go_on(self) -> None:
        """Keep the lines of tasks that ended well, each the last of its task."""
        last: dict[str, tuple[int, str | None]] = {}
        lines = 0
        for lines, line in self._file.read():
            if not _torn(line):
                name, about = self._understood(lines, line)
                last[name] = (lines, about if line.endswith(b"\n") else None)
        kept = {name: (number, about) for name, (number, about) in last.items() if about is not None}
        if len(kept) < lines:
            with self._told():
                self._keep_lines(only={number for number, _ in kept.values()})
        numbers = {number: place for place, number in enumerate(sorted(number for number, _ in kept.values()), 1)}
        self._kept = {name: (numbers[number], about) for name, (number, about) in kept.items()}

    def _keep_lines(self, *, only: Iterable[int] | None = None, gone: Iterable[int] = ()) -> None:
        """Replace the file by one with some of its lines, never all of them in memory."""
        stay = None if only is None else frozenset(only)
        go = frozenset(gone)
        lines = ((number, line) for number, line in self._file.read() if number not in go)
        self._file.replace(line for number, line in lines if stay is None or number in stay)

    def _understood(self, number: int, line: bytes) -> tuple[str, str | None]:
        """The task's id, and what the line is about; None for that where the task did not end well."""
        try:
            said: Any = json.loads(line.rstrip(b"\0"))  # a power cut may leave zeros at the end
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("id"), str) or said.get("outcome") not in OUTCOMES:
            problem = f"{self.path}:{number}: is no line of results, so this file is left as it is"
            raise InputError(problem, hint=f"mend or remove that line, move the file away, or {ELSEWHERE}")
        return said["id"], _about(said.get("task_digest"), said.get("run")) if said["outcome"] in WELL else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """An error of the disk is told as a `StoreError`."""
        try:
            yield
        except OSError as error:
            problem = f"the results file {self.path} cannot be written: {error.strerror or error}"
            raise StoreError(problem, hint="make room, or mend what it says") from error


def _torn(line: bytes) -> bool:
    """True for what a process that was killed (or a power cut) left of a line of ours: its beginning."""
    if line.endswith(b"\n") or len(line) == LONGEST:
        return False
    text = line.rstrip(b"\0")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text[: len(BEGINNING)] == BEGINNING[: len(text)]
    return False


def _about(task: object, run: object) -> str:
    return f"{task} {run}"


def _trouble(path: Path, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"is a symbolic link; the file itself is {path.resolve()}"
    if error.errno == errno.ENOENT:
        return "cannot be made: its folder does not exist"
    if error.errno == errno.EISDIR:
        return "is a folder"
    return f"cannot be written: {error.strerror or error}"
