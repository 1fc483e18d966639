"""The archives that a node keeps: each fetched once from the cluster, however many tasks need it.

They lie in a folder of the system's temporary one that is this user's alone, named by their digests, at most so many
bytes; what was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from revet.errors import HostError

__all__ = ["MOST_KEPT", "fetched"]

MOST_KEPT = 1 << 30
"""Bytes of archives on a node; and none stays that nobody used for so many `SECONDS`."""
SECONDS = 24 * 3600.0


@contextlib.contextmanager
def fetched(digest: str, pieces: Sequence[Any]) -> Iterator[IO[bytes]]:
    """The archive, open to be read. HostError if what came is not what its digest names."""
    folder = _folder()
    place = folder / digest
    with contextlib.suppress(FileNotFoundError):
        os.utime(place)  # it is in use
        with place.open("rb") as file:
            yield file
            return
    with _written(folder, digest, pieces) as file:
        yield file


@contextlib.contextmanager
def _written(folder: Path, digest: str, pieces: Sequence[Any]) -> Iterator[IO[bytes]]:
    import ray

    made, name = tempfile.mkstemp(dir=folder, prefix=".half-")
    half, found = Path(name), hashlib.sha256()
    try:
        with os.fdopen(made, "w+b") as file:
            for piece in pieces:
                data = ray.get(piece)
                found.update(data)
                file.write(data)
            if found.hexdigest() != digest:
                raise HostError(f"the archive {digest[:12]} came as another one", hint="run it again")
            file.flush()
            half.replace(folder / digest)
            _trim(folder)
            file.seek(0)
            yield file
    finally:
        half.unlink(missing_ok=True)


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"revet-ray-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise HostError(f"{folder} is not this user's alone", hint="remove it, or set TMPDIR for the node")
    return folder


def _trim(folder: Path) -> None:
    """Remove what is too much, or was not used for long; who reads it meanwhile has it open."""
    files = []
    for place in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            info = place.stat()
            files.append((info.st_mtime, info.st_size, place))
    total = 0
    for modified, size, place in sorted(files, reverse=True):
        total += size
        if total > MOST_KEPT or modified < time.time() - SECONDS:
            place.unlink(missing_ok=True)
