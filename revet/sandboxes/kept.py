"""What a session keeps: its own difference to the workspace, as a layer on disk. Shared by all sandboxes.

What programs leave behind is hostile until proven otherwise, wherever they ran: `Kept.take` is the one gate, and
says for everything that it refuses why. Nothing is written outside the session's own folder, no link is followed
while writing, and what one run left is taken whole or, where the disk is full, not at all.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Literal

from revet.errors import InputError
from revet.sandboxes.base import Entry, Layer, Limits, Refusal
from revet.sandboxes.gate import MAX_KEPT, Artefact, Gate, decoded, shown
from revet.sandboxes.scratch import no_room
from revet.sandboxes.trees import link_tree, merge_tree, remove_tree
from revet.sandboxes.view import HIDDEN, View, inside, is_folder, parents

__all__ = ["MAX_KEPT", "Artefact", "Kept"]


class Kept:
    """The difference that a session keeps. It lives below `root`, which is the caller's to make and to remove.

    May be used from several threads. Modes are kept, except that their owner can read files and enter folders, and
    that setuid, setgid and sticky bits are dropped.
    """

    def __init__(self, workspace: Path, root: Path) -> None:
        self._workspace, self._root = workspace, root
        self._lock = threading.RLock()
        self._serial = count()
        self._deleted: frozenset[str] = frozenset()
        self._pins: dict[Path, int] = {}
        self._empty = True
        self._top = self._folder()

    @property
    def layer(self) -> Layer | None:
        """The difference, None while there is none. Valid until the next change: see `pinned`."""
        with self._lock:
            return None if self._empty else self.changes()

    @property
    def view(self) -> View:
        """The workspace as the session has it."""
        return View(self._workspace, self.layer)

    def changes(self) -> Layer:
        """The difference, also where it is empty."""
        with self._lock:
            return Layer(root=self._top, deleted=tuple(sorted(self._deleted)))

    @contextmanager
    def pinned(self) -> Iterator[Layer | None]:
        """`layer`, which stays as it is inside the ``with``, whatever the session changes meanwhile."""
        with self._lock:
            layer, top = self.layer, self._top
            self._pins[top] = self._pins.get(top, 0) + 1
        try:
            yield layer
        finally:
            with self._lock:
                self._pins[top] -= 1
                if not self._pins[top]:
                    del self._pins[top]
                    if top != self._top:
                        discard(top)

    def replace(self, layer: Layer | None) -> None:
        """The session's difference is a copy of `layer` now, and of nothing else; None: there is none."""
        with self._lock:
            fresh, old = self._folder(), self._top
            try:
                if layer is not None:
                    shutil.copytree(layer.root, fresh, symlinks=True, dirs_exist_ok=True)
            except OSError as error:
                discard(fresh)
                raise no_room(error, self._root) from error
            deleted = () if layer is None else layer.deleted
            self._deleted = View(self._workspace, Layer(root=fresh, deleted=deleted)).deleted
            self._top, self._empty = fresh, not self._deleted and not any(fresh.iterdir())
            if old not in self._pins:
                discard(old)

    def read(self, path: str, most: int) -> bytes:
        """The content of a file. InputError if it is none, has more than `most` bytes, or a link leads out."""
        with self._lock:
            view = self.view
            place = view.find(self._resolved(view, path))
            return read_file(place or self._top, path, most)

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file, folders above it included; a link is followed inside the workspace. InputError, DiskFull."""
        with self._lock:
            view = self.view
            short = self._target(view, path)
            missing = [p for p in parents(short) if view.find(p) is None]
            artefacts = [Artefact(path=p, kind="folder", mode=0o755) for p in missing]
            artefacts.append(Artefact(path=short, kind="file", mode=mode, size=len(content), chunks=lambda: (content,)))
            refused = self._take(view, artefacts, (), len(content), len(content))
            if refused:
                raise InputError(f"{path!r} cannot be written: {refused[0].reason}")

    def list(self, path: str) -> tuple[Entry, ...]:
        """What a folder holds, sorted by name. Names that are not UTF-8 are shown with backslash escapes."""
        with self._lock:
            view = self.view
            folder = self._resolved(view, path)
            place = view.find(folder)
            if place is None or not is_folder(place):
                raise InputError(f"not a folder of the workspace: {path!r}")
            return tuple(sorted(entries(view, folder), key=lambda entry: entry.name))

    def take(
        self, artefacts: Iterable[Artefact], deleted: Iterable[str], limits: Limits, *, own: Layer | None = None
    ) -> tuple[Refusal, ...]:
        """Take what a run changed, and what it deleted; say what was refused.

        Folders come before what they hold. `deleted` is read after `artefacts`; what does not exist is passed over.
        DiskFull if there is no room: then nothing of the run was taken. `own` is what the caller got from `pinned`,
        if it is still inside that, and does not use once `deleted` has been read: it need not be preserved then.
        """
        with self.pinned() as mine:  # for as long as the artefacts take; only what follows needs the lock
            released = [layer.root for layer in (own, mine) if layer is not None]
            return self._take(View(self._workspace, mine), artefacts, deleted, limits.file_size, limits.disk, released)

    def _take(
        self,
        view: View,
        artefacts: Iterable[Artefact],
        deleted: Iterable[str],
        most: int,
        total: int,
        released: Sequence[Path] = (),
    ) -> tuple[Refusal, ...]:
        incoming = self._folder()
        try:
            with Gate(view, incoming, most, total) as gate:
                for artefact in artefacts:
                    gate.admit(artefact)
                    if gate.full:
                        break
            gone = gate.deletions(deleted)
            with self._lock:
                self._merge(gate, gone, released)
        except OSError as error:
            raise no_room(error, self._root) from error
        finally:
            discard(incoming)
        return tuple(gate.refused)

    def _merge(self, gate: Gate, gone: Sequence[str], released: Sequence[Path]) -> None:
        """Lay what was admitted over the layer, after what was deleted. All of it or, on an error, nothing."""
        if not gate.folders and not gate.others and not gone:
            return
        if self._pins.get(self._top, 0) > released.count(self._top):
            fresh = self._folder()
            try:
                link_tree(self._top, fresh)
            except OSError:
                discard(fresh)
                raise
            self._top = fresh
        before = View(self._workspace, Layer(root=self._top, deleted=tuple(self._deleted)))
        gone = [path for path in gone if before.find(path) is not None]  # another run may have been faster
        hidden = set(self._deleted) | {p for p in gone if before.plainly_there(p)}
        for path in (*gate.implied, *gate.folders):
            # A folder where none was seen shows nothing of the one that the workspace may have there.
            place = None if path in gone else before.find(path)
            if (place is None or not is_folder(place)) and is_folder(self._workspace / path):
                hidden.add(path)
        hidden = {p for p in hidden if not gate.others.intersection([p, *parents(p)])}
        deleted = View(self._workspace, Layer(root=self._top, deleted=tuple(hidden))).deleted
        trash = self._folder()
        try:
            merge_tree(gate.top, self._top, gone, trash)
        except OSError:
            discard(trash)
            raise
        self._deleted, self._empty = deleted, False
        discard(trash)
        with suppress(OSError), os.scandir(self._top) as found:  # all was taken, whatever comes now
            self._empty = not self._deleted and next(found, None) is None

    def _checked(self, path: str) -> str:
        """The path in its shortest form. InputError if it leaves the workspace, or is Revet's own."""
        short = inside(path, "the path")
        if decoded(short)[1]:
            raise InputError(f"the path {shown(path)} is not UTF-8")
        if short.split("/")[0] == HIDDEN:
            raise InputError(f"{path!r} is Revet's own", hint="choose another name")
        return short

    def _resolved(self, view: View, path: str) -> str:
        """Where something that exists lies, links followed. InputError if it does not, or if a link leads out."""
        short = self._checked(path)
        found = view.resolve(short)
        if found is None or found.split("/")[0] == HIDDEN:
            there = "it is a link that leaves the workspace" if view.find(short) else "no such file"
            raise InputError(f"{path!r} cannot be read: {there}", hint="give a path inside the workspace")
        return found

    def _target(self, view: View, path: str) -> str:
        """Where a file is to be written, links followed. InputError if it cannot lie there."""
        if path.endswith("/"):
            raise InputError(f"{path!r} cannot be written: it is a folder's path")
        walked, *rest = "", *self._checked(path).split("/")
        while rest:
            walked = f"{walked}/{rest.pop(0)}".lstrip("/")
            if view.find(walked) is None:
                walked = "/".join([walked, *rest])
                break
            walked = self._resolved(view, walked)
            place = view.find(walked)
            if place is not None and is_folder(place) != bool(rest):
                what = "a part of it is not a folder" if rest else "it is a folder"
                raise InputError(f"{path!r} cannot be written: {what}")
            walked = "" if walked == "." else walked
        return self._checked(walked)

    def _folder(self) -> Path:
        folder = self._root / f"k{next(self._serial)}"
        try:
            folder.mkdir(0o755)
            folder.chmod(stat.S_IMODE(self._workspace.stat().st_mode) & 0o777 | 0o700)
        except OSError as error:
            raise no_room(error, self._root) from error
        return folder


def discard(folder: Path) -> None:
    """Remove a folder that nothing depends on. Where that fails it stays, until the session's own folder goes."""
    with suppress(OSError):
        remove_tree(folder)


def read_file(place: Path, path: str, most: int) -> bytes:
    """The content of the file that `path` names. Never waits, as opening a pipe would."""
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(f"{path!r} cannot be read: {error.strerror}") from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise InputError(f"{path!r} cannot be read: it is not a file")
        with os.fdopen(fd, "rb", closefd=False) as stream:
            content = stream.read(most + 1)
    finally:
        os.close(fd)
    if len(content) > most:
        raise InputError(f"{path!r} has {info.st_size} bytes, and at most {most} were asked for")
    return content


def entries(view: View, folder: str) -> Iterator[Entry]:
    names: set[str] = set()
    for source in view.sources(folder):
        try:
            names.update(place.name for place in source.iterdir())
        except PermissionError as error:
            raise InputError(f"the folder {folder!r} cannot be listed: {error.strerror}") from None
    for name in names:
        place = view.find(name if folder == "." else f"{folder}/{name}")
        if place is None or (folder == "." and name == HIDDEN):
            continue
        info = place.lstat()
        kinds: dict[int, Literal["file", "folder", "link"]]
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
        size = info.st_size if stat.S_ISREG(info.st_mode) else 0
        kind = kinds.get(stat.S_IFMT(info.st_mode), "other")
        yield Entry(name=shown(os.fsencode(name)), kind=kind, size=size, mode=stat.S_IMODE(info.st_mode))
