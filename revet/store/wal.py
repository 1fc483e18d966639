"""Write-ahead logging, so that readers and a writer of a database do not block each other."""

from __future__ import annotations

import sqlite3
import time

__all__ = ["BUSY_SECONDS", "use_wal"]

BUSY_SECONDS = 30.0
"""How long a write waits for another process's."""


def use_wal(db: sqlite3.Connection) -> None:
    """Turn it on. Changing the mode does not wait for other connections as statements do, so waiting is done here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
