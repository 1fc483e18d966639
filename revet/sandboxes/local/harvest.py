"""What a program did to the workspace: read from the overlay's upper folder after everything in it has died."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from revet.sandboxes.gate import Artefact
from revet.sandboxes.trees import Marks, readable, walk
from revet.sandboxes.view import HIDDEN, View, is_folder

__all__ = ["MAX_TOUCHED", "harvest", "leavings", "leavings_of_copy", "legible"]

MAX_TOUCHED = 100_000
"""At most so many paths are listed: a program can make them faster than anyone reads them."""
MAX_LETTERS = 8 * 1024 * 1024
"""At most so many characters have the paths that are listed."""
OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")


def harvest(upper: int, view: View) -> set[str]:
    """The paths created, changed or deleted, from the open upper folder; at most `MAX_TOUCHED` and `MAX_LETTERS`.

    A folder counts when it was created or deleted, not when its content changed; a deleted folder brings what
    it held. A file that was opened for writing and is as before does not count.
    """
    return set(bounded(differences(upper, view)))


def bounded(paths: Iterable[str]) -> Iterator[str]:
    """The paths, as many of the first ones as may be listed."""
    letters = 0
    for number, path in enumerate(paths):
        letters += len(path)
        if number == MAX_TOUCHED or letters > MAX_LETTERS:
            return
        yield path


def compared(tree: int, view: View) -> Iterator[tuple[str, os.stat_result, int, Path | None]]:
    """`walk`, without the hidden folder, and with where each path lay before the run; None if nowhere.

    Each path is looked up from the places of the folder that holds it, and not at all where there was no such folder:
    a program can nest folders deeply, and looking up from the top takes a time that grows with the depth.
    """
    folders = {"": view.top}
    for path, info, folder in walk(tree):
        if path.split("/", 1)[0] == HIDDEN:
            continue
        above = folders.get(path.rpartition("/")[0])
        places = (None, None) if above is None else view.step(above, path)
        if stat.S_ISDIR(info.st_mode) and any(place is not None and is_folder(place) for place in places):
            folders[path] = places
        yield path, info, folder, places[0] if places[1] is None else places[1]


def differences(upper: int, view: View) -> Iterator[str]:
    for path, info, folder, before in compared(upper, view):
        was_folder = before is not None and is_folder(before)
        if stat.S_ISDIR(info.st_mode):
            if not was_folder:
                yield path
            elif is_opaque(path, upper):
                yield from (inner for inner in view.below(path) if not exists(inner, upper))
            continue
        if was_folder:
            yield from view.below(path)
        whiteout = stat.S_ISCHR(info.st_mode) and info.st_rdev == 0
        if before is None:
            if not whiteout:
                yield path
        elif whiteout or not unchanged(path, info, folder, before):
            yield path


def leavings(upper: int, view: View, deleted: list[str]) -> Iterator[Artefact]:
    """What a run created or changed, from the open upper folder; what it deleted is added to `deleted` on the way."""
    for path, info, folder, before in compared(upper, view):
        if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
            if before is not None:
                deleted.append(path)
        elif stat.S_ISDIR(info.st_mode):
            was_folder = before is not None and is_folder(before)
            if was_folder and is_opaque(path, upper):
                deleted += outermost(inner for inner in view.below(path) if not exists(inner, upper))
            if before is None or not was_folder or changed_mode(before, info):
                yield artefact(path, info, folder)
        elif before is None or not unchanged(path, info, folder, before):
            yield artefact(path, info, folder)


def leavings_of_copy(tree: int, view: View, marks: Marks, deleted: list[str]) -> Iterator[Artefact]:
    """As `leavings`, of a copy of the workspace, open at `tree`, whose `marks` were taken before the run."""
    gone = set(marks)
    for path, info, folder, before in compared(tree, view):
        gone.discard(path)
        mark = marks.get(path)
        if stat.S_ISDIR(info.st_mode):
            if mark is None or not mark[2] or before is None or changed_mode(before, info):
                yield artefact(path, info, folder)
        elif mark != (info.st_ino, info.st_ctime_ns, False):
            yield artefact(path, info, folder)
    deleted += outermost(sorted(gone))


def outermost(paths: Iterable[str]) -> Iterator[str]:
    """Of paths, parents before what they hold, those that lie in none of the others."""
    seen: set[str] = set()
    for path in paths:
        if path.rpartition("/")[0] not in seen:
            yield path
        seen.add(path)


def changed_mode(before: Path, info: os.stat_result) -> bool:
    """Whether a folder's mode was changed. What we cannot list has another in a copy from the start."""
    return readable(before, os.R_OK | os.X_OK) and (before.stat().st_mode ^ info.st_mode) & 0o777 != 0


def artefact(path: str, info: os.stat_result, folder: int) -> Artefact:
    name = path.rpartition("/")[2]
    kind: Literal["file", "folder", "link", "other"] = "other"
    target = None
    if stat.S_ISREG(info.st_mode):
        kind = "file"
    elif stat.S_ISDIR(info.st_mode):
        kind = "folder"
    elif stat.S_ISLNK(info.st_mode):
        kind, target = "link", os.readlink(name, dir_fd=folder)
    return Artefact(
        path=os.fsencode(path),
        kind=kind,
        mode=stat.S_IMODE(info.st_mode),
        size=info.st_size,
        target=target,
        chunks=lambda: content(name, info, folder),
        modified=info.st_mtime_ns,
    )


def content(name: str, info: os.stat_result, folder: int) -> Iterator[bytes]:
    if not info.st_mode & 0o400:
        os.chmod(name, 0o600, dir_fd=folder)  # a file, and its writers are dead: it is still one
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(fd, "rb", buffering=0) as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def legible(paths: set[str]) -> tuple[str, ...]:
    """Sorted, as many as may be listed, and with bytes that are not UTF-8 written as backslash escapes."""
    return tuple(bounded(sorted(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths)))


def is_opaque(path: str, upper: int) -> bool:
    """Whether the folder replaces the one below it instead of adding to it."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=upper)
    try:
        for name in OPAQUE:
            try:
                if os.getxattr(fd, name) == b"y":
                    return True
            except OSError as error:
                if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.EPERM):
                    raise
        return False
    finally:
        os.close(fd)


def exists(path: str, upper: int) -> bool:
    try:
        info = os.stat(path, dir_fd=upper, follow_symlinks=False)
    except OSError:
        return False
    return not (stat.S_ISCHR(info.st_mode) and info.st_rdev == 0)


def unchanged(path: str, info: os.stat_result, folder: int, before: Path) -> bool:
    """Whether a copied-up file is what it was. Times alone prove nothing: a program can set them."""
    old = before.lstat()
    if (old.st_mode, old.st_size, old.st_mtime_ns) != (info.st_mode, info.st_size, info.st_mtime_ns):
        return False
    name = path.rpartition("/")[2]
    if stat.S_ISLNK(info.st_mode):
        return os.readlink(name, dir_fd=folder) == str(before.readlink())
    if not stat.S_ISREG(info.st_mode):
        return False
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(fd, "rb") as new, before.open("rb") as was:
            while chunk := new.read(1 << 20):
                if chunk != was.read(1 << 20):
                    return False
    except PermissionError:  # a file that we may write and not read: say changed rather than miss a change
        return False
    return True
