"""The lines of a JSONL file, which can be read again and again, and are the same each time or an error.

A file is never in memory as a whole: it is read block by block. Of each block the first reading keeps a digest, and
every later one compares it before it hands out a line of the block.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import stat
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from revet.errors import DiskFull, InputError

__all__ = ["BLOCK", "LONGEST", "Lines", "digest_of", "folder_of", "is_stream"]

BLOCK = 1 << 18
"""Bytes that are read, and compared with what was checked, at once."""

LONGEST = 1 << 26
"""Bytes of one line; a longer one is none that somebody wrote as a task, and is not kept in memory."""

_PIPES = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")


def is_stream(path: Path) -> bool:
    """True for standard input, a process substitution and a pipe with a name."""
    return bool(_PIPES.fullmatch(str(path))) or path.is_fifo()


def folder_of(path: Path) -> Path:
    """The folder from which the relative paths in a task file are taken: of what has no place, the current one."""
    return Path.cwd() if _PIPES.fullmatch(str(path)) else path.absolute().parent


def digest_of(data: bytes) -> str:
    """The digest of a file's content, as of `Lines.digest`."""
    return _hash(data).hexdigest()


class Lines:
    """The lines of a file, a pipe or standard input, which it keeps open as long as it lives.

    A pipe, which can be read once, is copied to a temporary file without a name. Raises `OSError`, and `DiskFull` where
    there is no room for the copy.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._marks: list[bytes] = []
        self._size: int | None = None
        self._file = _opened(path)
        weakref.finalize(self, os.close, self._file)

    @property
    def digest(self) -> str:
        """Of the whole content, once it was read to its end."""
        return self._marks[-1].hex()

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        """Number (from 1) and bytes of each line without its end; None for one that is longer than `LONGEST`.

        What the first reading came upon is all there is: what was appended since is not read. Raises `InputError`
        where the file is not what it was then.
        """
        number, length, held = 1, 0, list[bytes]()
        for block in self._blocks():
            if block is None:
                problem = f"{self.path}: was changed since it was checked; from line {number:,} on it is not the same"
                hint = "start again with --resume: the file is checked anew, and what is done is not done again"
                raise InputError(problem, hint=hint)
            *ended, rest = block.split(b"\n")
            for piece in ended:
                fits = length + len(piece) <= LONGEST
                yield number, b"".join((*held, piece)) if fits else None
                number, length, held = number + 1, 0, []
            length += len(rest)
            held = [*held, rest] if length <= LONGEST else []
        if length:
            yield number, b"".join(held) if length <= LONGEST else None

    def _blocks(self) -> Iterator[bytes | None]:
        """The content, block by block; None in the place of one that is not as it was."""
        if self._size is not None and os.fstat(self._file).st_size < self._size:
            yield None
            return
        running = _hash()
        for number in itertools.count():
            at = number * BLOCK
            wanted = BLOCK if self._size is None else min(BLOCK, self._size - at)
            block = self._read(at, wanted) if wanted > 0 else b""
            running.update(block)
            if self._size is None and number == len(self._marks):
                self._marks.append(running.digest())
                self._size = at + len(block) if len(block) < BLOCK else None
            elif wanted > 0 and running.digest() != self._marks[number]:
                yield None
                return
            if block:
                yield block
            if len(block) < BLOCK:
                return

    def _read(self, at: int, size: int) -> bytes:
        """`size` bytes from `at` on; fewer only where the file ends."""
        parts = []
        try:
            while size and (part := os.pread(self._file, size, at)):
                parts.append(part)
                at, size = at + len(part), size - len(part)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read any further: {error.strerror}") from None
        return b"".join(parts)


def _hash(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=16)


def _opened(path: Path) -> int:
    """A descriptor of a file that can be read at any place: `path`, or a copy of what comes through it."""
    file = os.dup(0) if str(path) == "/dev/stdin" else os.open(path, os.O_RDONLY)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    folder = tempfile.gettempdir()
    try:
        with os.fdopen(file, "rb") as pipe, tempfile.TemporaryFile(dir=folder) as copy:
            shutil.copyfileobj(pipe, copy)
            copy.flush()
            return os.dup(copy.fileno())
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        problem = f"there is no room in {folder} for the tasks from {path}"
        raise DiskFull(problem, hint="set TMPDIR to a folder with room, or write the tasks to a .jsonl file") from None
