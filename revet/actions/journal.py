"""The write-ahead journal: what a commit is going to do, kept on the workspace's own file system until it is
done.

::

    .revet/.gitignore            "*": git never shows any of this
    .revet/journal/<transaction>/commit/
        new/<n>                  what is to be put in place of the n-th path (moved there by the commit)
        old/<n>                  what was there before; stays, for undo, until it is undone
        effects/<n>/             what the handler of the n-th action beyond the files keeps: what its undo needs
        marks/                   what was done so far: ``files``, and of each action ``<n>.done``, ``<n>.undone``,
                                 ``<n>.uncertain`` and ``<n>.stays`` with the reason
        gone/<n>                 the very file that was taken away or replaced; when all is done it takes the place
                                 of the copy in old/, unless it has other links, through which it may change
        prepared.json            the plan; from here on it is finished or rolled back, never forgotten
        aborted.json             prepared.json, renamed: the transaction is being rolled back
        committed.json           the receipt
    .revet/journal/<transaction>/undo/     the same, for taking it back
    .revet/rescued/<transaction>/<path>    a version that a roll-back could not restore without losing an edit

A journal belongs to one folder: the plan names its inode with its device or its path (the device's number may change
when the machine starts again). So a workspace may be moved and renamed, and a journal that came with an archive or
another's files is not carried out.

A record is written beside its place, made durable, and renamed, so it is either absent or whole; one that
does not match its checksum was damaged by something else.
"""

from __future__ import annotations

import errno
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
from revet.schema import Action, Changes, FileChange, FolderChange, Model, Receipt

__all__ = ["Folder", "Home", "Journal", "Phase", "Plan", "keep", "step"]

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


class Home(Model):
    """The folder that a journal belongs to."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, root: Path) -> Home:
        info = root.stat()
        return cls(path=str(root), device=info.st_dev, inode=info.st_ino)

    def is_at(self, root: Path) -> bool:
        """True if `root` is that folder, maybe moved or renamed; a copy of it is another."""
        here = Home.of(root)
        return here.inode == self.inode and (here.device == self.device or here.path == self.path)


class Plan(Model):
    """What a transaction does: paths from their `before` to their `after`, folders made (outermost first) and
    folders removed if they are empty (innermost first), and actions with effects beyond the files.

    `folders` are those that were themselves examined: among `make` and `remove`, which also hold what the files need.
    `actions` are in the order in which they are carried out, `places` theirs in the draft, `reversible` whether each
    can be taken back; `changes` is what was examined of them, for their handlers. An undo that is `partial` leaves
    what cannot be taken back.
    """

    version: Literal[1] = 1
    workspace: Home
    transaction: str
    kind: Literal["commit", "undo"]
    fingerprint: str
    files: tuple[FileChange, ...]
    make: tuple[Folder, ...] = ()
    remove: tuple[Folder, ...] = ()
    folders: tuple[FolderChange, ...] = ()
    actions: tuple[Action, ...] = ()
    places: tuple[int, ...] = ()
    reversible: tuple[bool, ...] = ()
    changes: Changes | None = None
    attempt: str = Field(default="", description="part of the keys: after a roll-back, a new attempt is a new one")
    partial: bool = False
    created_at: datetime

    def reversed(self) -> Plan:
        """The plan that takes this one back."""
        return self.model_copy(
            update={
                "files": tuple(FileChange(path=file.path, before=file.after, after=file.before) for file in self.files),
                "folders": tuple(each.model_copy(update={"made": not each.made}) for each in self.folders),
                "make": self.remove[::-1],
                "remove": self.make[::-1],
            }
        )


class Phase:
    """The folder of one commit or one undo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.new, self.old, self.gone = path / "new", path / "old", path / "gone"
        self.effects, self.marks = path / "effects", path / "marks"

    @property
    def exists(self) -> bool:
        """True if the folder is there. JournalCorrupt if it, or a folder in it, is a symlink: we never make
        those.
        """
        for path in (self.path.parent, self.path, self.new, self.old, self.gone, self.effects, self.marks):
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

    def open_parts(self, count: int) -> None:
        """Make the folders of so many handlers, and that of the marks."""
        for path in (self.marks, self.effects, *(self.effects / str(number) for number in range(count))):
            path.mkdir(mode=0o700)
        step("made effects")

    def sync_parts(self) -> None:
        """Make durable what the handlers keep."""
        sync_folder(self.marks)
        for top, _, files in os.walk(self.effects, topdown=False):
            for name in files:
                _sync_file(Path(top, name))
            sync_folder(Path(top))

    def mark(self, name: str, why: str = "") -> None:
        """Remember something, durably."""
        self.marks.mkdir(mode=0o700, exist_ok=True)
        keep(self.marks / name, why.encode("utf-8", "replace"))
        step(f"marked {name}")

    def marked(self, name: str) -> bool:
        return (self.marks / name).exists()

    def mark_of(self, name: str) -> str | None:
        """What a mark says; None without it."""
        try:
            return _plain_bytes(self.marks / name).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise JournalCorrupt(f"{self.marks / name}: {error}", hint="remove it") from error

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
        beside.unlink(missing_ok=True)
        with beside.open("x", encoding="utf-8") as file:
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
            content = json.loads(_plain_bytes(path))
            if _checksum(content["record"]) != content["sha256"]:
                raise ValueError("its checksum does not match")
            return model.model_validate_json(json.dumps(content["record"]))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
            raise JournalCorrupt(
                f"{path} is damaged: {error}; nothing was touched",
                hint=f"keep a copy of {self.path}: old/ holds the files from before the commit, new/ the new"
                " ones; put right what is missing, then remove the folder",
            ) from error


def keep(path: Path, data: bytes) -> None:
    """Write a small file so that it is either absent or whole, and durable when this returns."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _sync_file(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _plain_bytes(path: Path) -> bytes:
    """The content of a regular file. ValueError for anything else, without following or waiting for it."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise ValueError("it is not a regular file") from error
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise ValueError("it is not a regular file")
        with os.fdopen(opened, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(opened)


def _checksum(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Journal:
    """The journal of one workspace. Nothing is created until a transaction begins."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".revet"
        self.path = self.home / "journal"
        for path in (self.home, self.path, self.home / "rescued"):
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
            beside.unlink(missing_ok=True)
            with beside.open("x") as file:
                file.write(_IGNORE)
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
        if entries == [".gitignore"] and _is_ours(ignore):
            ignore.unlink()
            step(".gitignore removed")
            entries = []
        if not entries:
            _remove_if_empty(self.home)


def _remove_if_empty(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
        step(f"{path.name} removed")


def _is_ours(ignore: Path) -> bool:
    try:
        return _plain_bytes(ignore) == _IGNORE.encode()
    except ValueError:
        return False
