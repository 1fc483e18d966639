"""Temporary folders that outlive nothing: removed when closed, and swept by the next process after a kill -9.

Each is held by a lock on the folder itself for as long as its process lives, so that a sweep takes only what nobody
holds, in whatever process (or container) the holder runs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import time
import weakref
from pathlib import Path

from revet.errors import DiskFull, HostError, SandboxBroken, SandboxUnavailable
from revet.sandboxes.trees import remove_tree

__all__ = ["Scratch", "no_room", "sweep"]

PREFIX = "revet-scratch-"
# A folder is swept only if it holds this file, which nobody else makes: a name alone is no proof of whose it is.
MARK = ".made-by-revet-to-be-removed"
# A folder this young may not be locked yet by the process that makes it.
GRACE = 60.0

_swept: set[Path] = set()


class Scratch:
    """A private folder under `parent` (default: the system's temporary one); sweeps there first, once a process."""

    def __init__(self, parent: Path | None = None) -> None:
        place = Path(os.path.realpath(parent or tempfile.gettempdir()))
        if place not in _swept:
            _swept.add(place)
            sweep(place)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(held, fcntl.LOCK_EX)
        (self.path / MARK).touch()
        self.close = weakref.finalize(self, _release, self.path, held, os.getpid())
        """Removes the folder; safe to call twice, and called when the object is collected or Python ends.

        In a forked child it does nothing: the folder is the parent's.
        """

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(parent: Path, *, grace: float = GRACE) -> list[Path]:
    """Remove what processes that are gone left under `parent`, and say what. Other users' folders are left alone."""
    removed = []
    names = os.listdir(parent)  # noqa: PTH208 - there may be thousands, and a pattern takes long
    for folder in (parent / name for name in names if name.startswith(PREFIX)):
        with contextlib.suppress(OSError):  # somebody else's, or gone meanwhile: not ours to remove
            info = folder.lstat()
            if info.st_uid != os.geteuid() or time.time() - info.st_mtime < grace:
                continue
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if stat.S_ISREG(os.stat(MARK, dir_fd=held, follow_symlinks=False).st_mode):
                    remove_tree(folder, last=MARK)
                    removed.append(folder)
            finally:
                os.close(held)
    return removed


def no_room(error: OSError, place: Path) -> HostError:
    """What an OSError means that came of writing below `place`: DiskFull, or a folder that cannot be written."""
    elsewhere = "or set TMPDIR to another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"the disk is full under {place}: {error.strerror}", hint=f"make room there, {elsewhere}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = f"give this user the right to write there, {elsewhere}"
        return SandboxUnavailable(f"{error.filename or place} cannot be written: {error.strerror}", hint=hint)
    return SandboxBroken(f"{error.filename or place} cannot be written: {error.strerror or error}")


def _release(folder: Path, held: int, owner: int) -> None:
    if os.getpid() != owner:
        return
    try:
        remove_tree(folder, last=MARK)
    finally:
        os.close(held)
