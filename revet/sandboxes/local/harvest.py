"""What a program did to the workspace: read from the overlay's upper folder after everything in it has died."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from revet.sandboxes.local.trees import walk
from revet.sandboxes.local.view import HIDDEN, View, is_folder

__all__ = ["MAX_TOUCHED", "harvest", "legible"]

MAX_TOUCHED = 100_000
"""At most so many paths are listed: a program can make them faster than anyone reads them."""
OPAQUE = ("user.overlay.opaque", "trusted.overlay.opaque")


def harvest(upper: int, view: View) -> set[str]:
    """The paths created, changed or deleted, from the open upper folder; at most `MAX_TOUCHED`.

    A folder counts when it was created or deleted, not when its content changed; a deleted folder brings what
    it held. A file that was opened for writing and is as before does not count.
    """
    return set(islice(differences(upper, view), MAX_TOUCHED))


def differences(upper: int, view: View) -> Iterator[str]:
    for path, info, folder in walk(upper):
        if path.split("/", 1)[0] == HIDDEN:
            continue
        before = view.find(path)
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


def legible(paths: set[str]) -> tuple[str, ...]:
    """Sorted, and with bytes that are not UTF-8 written as backslash escapes."""
    return tuple(sorted(os.fsencode(path).decode("utf-8", "backslashreplace") for path in paths))


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
