"""A file of lines that one process appends to: each line whole or not at all, whatever is killed when."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from revet.errors import InputError

__all__ = ["LONGEST", "LineFile", "Taken"]

FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
LONGEST = 64 * 1024 * 1024
"""Bytes of a line; what has more is no such file, and is not read into memory."""


class Taken(InputError):
    """Another process writes the file."""


class LineFile:
    """The file `path`, locked (flock) until `close`; made if it is not there, and removed again if nothing came of it.

    Raises `Taken`, and `OSError` for what is no regular file or cannot be written. A file that takes its place
    (`replace`) is locked before it does, so that at no instant another process could have it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new = not path.exists()
        self._file = _locked(path)

    @property
    def size(self) -> int:
        return os.fstat(self._file).st_size

    def append(self, line: bytes) -> None:
        """Write at the end, all of it or (if OSError is raised) nothing."""
        before, written = self.size, 0
        try:
            while written < len(line):
                written += os.write(self._file, line[written:])
        except BaseException:
            os.ftruncate(self._file, before)
            raise

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number, from 1. One that was not written as a whole has no end of line; nor have the parts
        of one that is far too long.
        """
        with open(os.dup(self._file), "rb") as file:  # noqa: PTH123 - the lock is that of this descriptor
            file.seek(0)
            number = 0
            while line := file.readline(LONGEST):
                number += 1
                yield number, line

    def replace(self, lines: Iterable[bytes]) -> None:
        """Put a file with these lines in the place of this one, at one instant. If OSError is raised, it stays."""
        place = self.path.with_name(f".{self.path.name}.new")
        place.unlink(missing_ok=True)  # of a process that was killed: nobody else is here, for we hold the lock
        new = os.open(place, FLAGS | os.O_EXCL, stat.S_IMODE(os.fstat(self._file).st_mode))
        try:
            fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(os.dup(new), "ab") as file:  # noqa: PTH123 - the lock is that of this descriptor
                file.writelines(lines)
            os.fsync(new)
            place.replace(self.path)
        except BaseException:
            os.close(new)
            place.unlink(missing_ok=True)
            raise
        os.close(self._file)
        self._file = new

    def close(self, *, sync: bool = False) -> None:
        """Let others have the file; with `sync`, once it is on the disk. Can be called twice."""
        if self._file < 0:
            return
        try:
            if self._new and not self.size:
                self.path.unlink(missing_ok=True)
            elif sync:
                os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1


def _locked(path: Path) -> int:
    while True:
        file = os.open(path, FLAGS, 0o666)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "it is no regular file")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _taken(path, found.st_ino) from None
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == found.st_ino:
                    return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # whoever had it before replaced or removed it between our opening and locking it


def _taken(path: Path, inode: int) -> Taken:
    hint = "wait until it has ended, or name another file with --results"
    return Taken(f"{path} is being written by another process{_holder(inode)}", hint=hint)


def _holder(inode: int) -> str:
    """Which process has locked a file, as the kernel tells it; nothing where that cannot be known."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text(encoding="ascii", errors="replace").splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5].endswith(f":{inode}") and words[4] != "0":
                return f" ({words[4]})"
    return ""
