"""Which runs a process is at work on: a lock for each, which the kernel drops when the process dies.

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

__all__ = ["locked", "worked_on", "working_on"]

TRIES, PAUSE = 6, 0.01
"""Whoever looks whether a run is worked on holds its lock for an instant: that is waited for."""


@contextmanager
def working_on(folder: Path, run_id: str) -> Iterator[None]:
    """Hold the run of the store in `folder`. StoreError if another process, or another task of this one, has it.

    Where the file system knows no locks (or the folder cannot be written), nothing is held.
    """
    busy = StoreError(
        f"another process is at work on run {run_id}",
        hint=f"wait until it has ended or waits for an answer; `revet show {run_id}` says how far it is",
    )
    with locked(_place(folder, run_id), busy):
        yield


@contextmanager
def locked(place: Path, busy: StoreError) -> Iterator[None]:
    """Hold the lock of the file `place`, which is there while it is held. Raises `busy` if somebody else has it."""
    descriptor = _taken(place, busy)
    try:
        yield
    finally:
        if descriptor is not None:
            place.unlink(missing_ok=True)
            os.close(descriptor)


def worked_on(folder: Path, run_id: str) -> bool | None:
    """True if some process is at work on the run; None where that cannot be known."""
    try:
        descriptor = os.open(_place(folder, run_id), os.O_RDONLY | os.O_CLOEXEC)
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


def _place(folder: Path, run_id: str) -> Path:
    return folder / "working" / digest(run_id, length=24)


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
