"""The write-ahead journal: what a commit is going to do, kept on the workspace's own file system until it is
done.

::

    .revet/.gitignore            "*": git never shows any of this
    .revet/journal/<transaction>/commit/
        new/<n>                  what is to be put in place of the n-th path (moved there by the commit)
        old/<n>                  what was there before; stays, for undo, until it is undone
        gone/<n>                 what was taken away
        prepared.json            the plan; from here on it is finished or rolled back, never forgotten
        aborted.json             prepared.json, renamed: the transaction is being rolled back
        committed.json           the receipt
    .revet/journal/<transaction>/undo/     the same, for taking it back
    .revet/rescued/<transaction>/<path>    a version that a roll-back could not restore without losing an edit

A record is written beside its place, made durable, and renamed, so it is either absent or whole; one that
does not match its checksum was damaged by something else.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from revet.actions.disk import sync_folder
from revet.errors import CommitError, InputError, JournalCorrupt
from revet.schema import Action, FileChange, Model, Receipt

__all__ = ["Folder", "Journal", "Phase", "Plan", "step"]

M = TypeVar("M", bound=Model)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
_IGNORE = "*\n"
_UNFINISHED = ".gitignore.revet"


def _quiet(name: str) -> None:
    """The hook when nobody watches."""


_step: Callable[[str], None] = _quiet
"""Called with a name after each change to the file system; the crash tests set it, to die there."""


def step(name: str) -> None:
    """Mark a point at which the process may die."""
    _step(name)


class Folder(Model):
    """A folder that a transaction makes or removes."""

    path: str
    mode: int = Field(ge=0, le=0o7777)


class Plan(Model):
    """What a transaction does: paths from their `before` to their `after`, folders made (outermost first) and
    folders removed if they are empty (innermost first), and actions with effects beyond the files.
    """

    version: Literal[1] = 1
    transaction: str
    kind: Literal["commit", "undo"]
    fingerprint: str
    files: tuple[FileChange, ...]
    make: tuple[Folder, ...] = ()
    remove: tuple[Folder, ...] = ()
    actions: tuple[Action, ...] = ()
    created_at: datetime

    def reversed(self) -> Plan:
        """The plan that takes this one back."""
        return self.model_copy(
            update={
                "files": tuple(FileChange(path=file.path, before=file.after, after=file.before) for file in self.files),
                "make": self.remove[::-1],
                "remove": self.make[::-1],
            }
        )


class Phase:
    """The folder of one commit or one undo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new, self.old, self.gone = path / "new", path / "old", path / "gone"

    @property
    def exists(self) -> bool:
        """True if the folder is there. JournalCorrupt if it, or a folder in it, is a symlink: we never make
        those.
        """
        for path in (self.path.parent, self.path, self.new, self.old, self.gone):
            if path.is_symlink():
                raise JournalCorrupt(f"{path} is a symlink; nothing was touched", hint="remove it")
        return self.path.is_dir()

    def create(self) -> None:
        for path in (self.path, self.new, self.old, self.gone):
            path.mkdir(mode=0o700, parents=True)
            step(f"made {path.name}")

    def sync(self) -> None:
        """Make the blobs durable, and the way to them from the workspace down."""
        for path in (self.new, self.old, self.gone, self.path, *list(self.path.parents)[:4]):
            sync_folder(path)

    def prepare(self, plan: Plan) -> None:
        self._write("prepared.json", plan)

    def finish(self, receipt: Receipt) -> None:
        self._write("committed.json", receipt)

    def plan(self) -> Plan | None:
        """The plan of a transaction that is under way or done; None if it was never prepared, or is
        aborted.
        """
        return self._read("prepared.json", Plan)

    def aborted(self) -> Plan | None:
        """The plan of a transaction whose roll-back has begun."""
        return self._read("aborted.json", Plan)

    def receipt(self) -> Receipt | None:
        return self._read("committed.json", Receipt)

    def abort(self) -> None:
        """Decide that this transaction is rolled back. A rename, so that a full disk does not stand in the
        way.
        """
        (self.path / "committed.json").unlink(missing_ok=True)
        step("committed record withdrawn")
        if (self.path / "prepared.json").exists():
            (self.path / "prepared.json").replace(self.path / "aborted.json")
        sync_folder(self.path)
        step("aborted record")

    def discard(self) -> None:
        """Forget a transaction whose effects are none. The record goes first: what is left then means
        nothing.
        """
        for name in ("prepared.json", "aborted.json"):
            (self.path / name).unlink(missing_ok=True)
        step("record removed")
        if self.exists:
            sync_folder(self.path)
            shutil.rmtree(self.path)
            step("phase removed")

    def drop(self, *blobs: Path) -> None:
        """Remove folders of blobs that are not needed any more."""
        for path in blobs:
            if path.is_dir():
                shutil.rmtree(path)
                step(f"dropped {path.name}")

    def _write(self, name: str, model: Model) -> None:
        content = model.model_dump(mode="json")
        text = json.dumps({"sha256": _checksum(content), "record": content}, indent=1)
        beside = self.path / f"{name}.tmp"
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        step(f"{name} written")
        beside.replace(self.path / name)
        step(f"{name} named")
        sync_folder(self.path)
        step(f"{name} durable")

    def _read(self, name: str, model: type[M]) -> M | None:
        path = self.path / name
        try:
            content = json.loads(path.read_bytes())
            if path.is_symlink():
                raise ValueError("it is a symlink")
            if _checksum(content["record"]) != content["sha256"]:
                raise ValueError("its checksum does not match")
            return model.model_validate_json(json.dumps(content["record"]))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, ValidationError) as error:
            raise JournalCorrupt(
                f"{path} is damaged: {error}; nothing was touched",
                hint=f"keep a copy of {self.path}: old/ holds the files from before the commit, new/ the new"
                " ones; put right what is missing, then remove the folder",
            ) from error


def _checksum(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Journal:
    """The journal of one workspace. Nothing is created until a transaction begins."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".revet"
        self.path = self.home / "journal"
        for path in (self.home, self.path):
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                raise CommitError(f"{path} is not a folder, so no journal can be kept there", hint="move it away")

    def phase(self, transaction: str, kind: Literal["commit", "undo"]) -> Phase:
        """Where that transaction is journalled. InputError if the id cannot be a file name."""
        if not _ID.fullmatch(transaction):
            raise InputError(
                f"{transaction!r} cannot be the id of a transaction",
                hint="use at most 120 letters, digits, '.', '_' and '-', beginning with a letter or digit",
            )
        return Phase(self.path / transaction / kind)

    def transactions(self) -> list[str]:
        """The ids in the journal, oldest first. CommitError if the journal cannot be read."""
        if not self.path.is_dir():
            return []
        try:
            entries = [entry for entry in self.path.iterdir() if _ID.fullmatch(entry.name)]
            aged = sorted((entry.lstat().st_mtime_ns, entry.name, entry) for entry in entries)
        except OSError as error:
            raise CommitError(f"the journal {self.path} cannot be read: {error.strerror}") from error
        return [name for _, name, entry in aged if stat.S_ISDIR(entry.lstat().st_mode)]

    def open(self) -> None:
        """Create the journal's folder where there is none."""
        self.home.mkdir(exist_ok=True)
        step("made .revet")
        ignore = self.home / ".gitignore"
        if not ignore.exists():
            # Renamed into place: a half-written one would be taken for somebody's own, and left alone.
            beside = self.home / _UNFINISHED
            beside.write_text(_IGNORE)
            step("wrote .gitignore")
            beside.replace(ignore)
            step("named .gitignore")
        self.path.mkdir(mode=0o700, exist_ok=True)
        step("made journal")

    def tidy(self) -> None:
        """Remove the folders that hold nothing any more; .revet itself too, if only our .gitignore is left in
        it.
        """
        if self.path.is_dir():
            for name in self.transactions():
                _remove_if_empty(self.path / name)
        _remove_if_empty(self.path)
        ignore = self.home / ".gitignore"
        (self.home / _UNFINISHED).unlink(missing_ok=True)
        try:
            entries = [entry.name for entry in self.home.iterdir()]
        except FileNotFoundError:
            return
        if entries == [".gitignore"] and ignore.read_bytes() == _IGNORE.encode():
            ignore.unlink()
            step(".gitignore removed")
            entries = []
        if not entries:
            _remove_if_empty(self.home)


def _remove_if_empty(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        step(f"{path.name} removed")
