"""`--summary FILE`: what became of a batch as JSON, also of one that was stopped."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

import typer

from revet.cli.common import INTERRUPTED, NOT_ALL, TERMINATED
from revet.errors import DiskFull, StoreError
from revet.report import write_summary
from revet.report.text import in_a_line

if TYPE_CHECKING:
    from revet.batch import Batch
    from revet.cli.way import Way
    from revet.taskfile import Tasks

__all__ = ["keep_summary", "stopped_by"]

SIGNALS = {INTERRUPTED: "interrupted", TERMINATED: "terminated"}
FULL = (errno.ENOSPC, errno.EDQUOT)


def keep_summary(batch: Batch, tasks: Tasks, way: Way, code: int) -> int:
    """Write the summary, if one is wanted. `code` is the exit code; returned with the failure of this, if it was 0."""
    if way.summary is None:
        return code
    about = {
        "tasks": None if tasks.path is None else str(tasks.path),
        "engine": way.engine,
        "jobs": batch.jobs,
        "store": batch.store.shown,
        "results": None if batch.results is None else str(batch.results.path),
        "exit_code": code,
        "stopped": stopped_by(batch, code),
        "error": None if batch.broken is None else in_a_line(str(batch.broken), 400),
    }
    try:
        write_summary(way.summary, batch.tally, about)
    except StoreError as error:
        typer.echo(f"revet: {error}", err=True)
        return code or NOT_ALL
    return code


def stopped_by(batch: Batch, code: int) -> str | None:
    """What ended the batch before all of its tasks had; None if nothing did."""
    if code in SIGNALS:
        return SIGNALS[code]
    if batch.broken is not None:
        return "disk full" if _is_full(batch.broken) else "error"
    return "budget" if batch.tally.reasons else None


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in FULL):
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__
    return False
