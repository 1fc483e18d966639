"""Which errors every further task would end with, too: they end the batch, instead of every task that is left."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

from revet.errors import DiskFull, StoreError

__all__ = ["ends_the_batch"]

NO_ROOM = 4 * 1024 * 1024
"""Bytes. A disk with less is full for every task, not only for one that needed very much of it."""
DATABASES = ("sqlite3", "psycopg", "psycopg_pool")
FULL = (errno.ENOSPC, errno.EDQUOT)
BROKEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT)


def ends_the_batch(error: BaseException, folder: Path) -> bool:
    """True where the store, or the disk of `folder` or of temporary files, serves no other task either.

    What a `StoreError` says of one run (another process is at work on it, its record cannot be read) ends that task
    alone; what came of an error of the database or its disk ends all.
    """
    causes = list(_causes(error))
    if any(isinstance(each, StoreError) and _of_the_store(each.__cause__) for each in causes):
        return True
    if any(isinstance(each, sqlite3.Error) and _code(each) in BROKEN for each in causes):
        return True
    full = any(isinstance(each, DiskFull) or (isinstance(each, OSError) and each.errno in FULL) for each in causes)
    return full and any(_no_room(place) for place in (folder, Path(tempfile.gettempdir())))


def _causes(error: BaseException | None) -> Iterable[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _of_the_store(cause: BaseException | None) -> bool:
    """True for an error of the database or of its disk: `Store` raises each as a `StoreError` that came of it.

    What a database says of single values (PEP 249 names these errors alike for all) is a matter of one task.
    """
    if isinstance(cause, OSError):
        return True
    kinds = {kind.__name__ for kind in type(cause).__mro__ if kind.__module__.partition(".")[0] in DATABASES}
    return bool(kinds) and not kinds & {"DataError", "IntegrityError"}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _no_room(place: Path) -> bool:
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        return shutil.disk_usage(place).free < NO_ROOM
    except OSError:
        return True
