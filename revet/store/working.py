"""Which runs and tasks a process is at work on: a lock for each, which the kernel drops when the process dies.

The locks are files in the folder ``working`` of the store, named after a digest of the run's id, which holds nothing
that a file system would not take. A run is worked on by one process at a time, so it is never answered twice at once.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from revet.errors import StoreError
from revet.schema import digest

__all__ = ["locked", "place_of", "worked_on"]

TRIES, PAUSE = 6, 0.01
"""Whoever looks whether a run is worked on holds its lock for an instant: that is waited for."""


@contextmanager
def locked(place: Path, busy: StoreError) -> Iterator[None]:
    """Hold the lock of the file `place`, which is there while it is held. Raises `busy` if somebody else has it, in
    another process or in this one. Where the file system knows no locks (or cannot be written), nothing is held.
    """
    descriptor = _taken(place, busy)
    try:
        yield
    finally:
        if descriptor is not None:
            place.unlink(missing_ok=True)
            os.close(descriptor)


def worked_on(folder: Path, key: str) -> bool | None:
    """True if some process holds the lock; None where that cannot be known."""
    try:
        descriptor = os.open(place_of(folder, key), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(descriptor)


def place_of(folder: Path, key: str) -> Path:
    """The file that is locked by whoever is at work on what `key` says, in the store in `folder`."""
    return folder / "working" / digest(key, length=24)


def _taken(place: Path, busy: StoreError) -> int | None:
    """The descriptor that holds the lock, None where there are no locks."""
    for tried in range(TRIES):
        if tried:
            time.sleep(PAUSE)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        except OSError:
            os.close(descriptor)
            return None
        if _still_there(place, descriptor):
            return descriptor
        os.close(descriptor)  # whoever had it before removed the file between our opening and locking it
    raise busy


def _still_there(place: Path, descriptor: int) -> bool:
    try:
        found = place.stat()
    except OSError:
        return False
    ours = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
