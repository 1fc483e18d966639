"""What was fetched from the web, kept with its time and source, so that a run can be done again without a network.

One SQLite file, in write-ahead mode, for any number of processes at a time: a process that is killed while it writes
leaves what was there before. The file is bounded in size and its answers in age; the oldest go first.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from revet.errors import InputError

__all__ = ["Cache", "Kept", "NotKept", "cache_home"]

DAY = 86_400.0
BUSY = 30.0
"""Seconds to wait for another process that writes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""
# The running sum, newest first, says which answers no longer fit.
OVERFLOW = """
DELETE FROM answers WHERE (kind, key) IN (
    SELECT kind, key FROM (
        SELECT kind, key, sum(length(CAST(body AS BLOB))) OVER (ORDER BY at DESC, kind, key) AS total FROM answers
    ) WHERE total > ?
)
"""


class NotKept(Exception):
    """The cache cannot be written, and why. What was fetched is good all the same."""


@dataclass(frozen=True)
class Kept:
    """An answer as it was kept. `at` is seconds since 1970, when it was fetched; `source` is where from."""

    at: float
    source: str
    body: dict[str, JsonValue]


def cache_home() -> Path:
    """The folder for what Revet may lose: ``$REVET_HOME/cache``, ``$XDG_CACHE_HOME/revet`` or ``~/.cache/revet``."""
    own, common = os.environ.get("REVET_HOME"), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return Path(own).expanduser() / "cache"
    return (Path(common) if Path(common).is_absolute() else Path.home() / ".cache") / "revet"


class Cache:
    """Answers by kind and key. `path` is the file; it is made when something is kept, unless `read_only`.

    `most_bytes` bounds the answers together, `most_days` the age of each. Every method opens the file anew, so that an
    object can be used from any thread and after a fork. Raises `InputError` for a file that is no such cache.
    """

    def __init__(
        self, path: Path, *, most_bytes: int = 256 * 1024 * 1024, most_days: float = 90.0, read_only: bool = False
    ) -> None:
        self.path, self.most_bytes, self.most_days, self.read_only = path, most_bytes, most_days, read_only
        self.shown = str(path)

    def get(self, kind: str, key: str) -> Kept | None:
        """The answer, whatever its age; None if there is none. Blocking."""
        if not self.path.is_file():
            return None
        with self._open(write=False) as db:
            try:
                found = db.execute("SELECT at, source, body FROM answers WHERE kind = ? AND key = ?", (kind, key))
                row = found.fetchone()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):  # another process is making it
                    return None
                raise
        if row is None:
            return None
        try:
            body = json.loads(row[2])
        except ValueError:
            return None
        return Kept(at=float(row[0]), source=str(row[1]), body=body) if isinstance(body, dict) else None

    def put(self, kind: str, key: str, kept: Kept) -> None:
        """Keep an answer in the place of a former one, and drop what is too old or too much. Raises `NotKept`."""
        if self.read_only:
            return
        body = json.dumps(kept.body, ensure_ascii=False).encode("utf-8", "replace").decode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # what is asked is nobody's business
            with self._open(write=True) as db:
                db.executescript(SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                row = (kind, key, kept.at, kept.source, body)
                db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)
                db.execute("DELETE FROM answers WHERE at < ?", (time.time() - self.most_days * DAY,))
                db.execute(OVERFLOW, (self.most_bytes,))
                db.execute("COMMIT")
        except OSError as error:
            raise NotKept(f"{self.path.parent}: {error.strerror}") from None
        except sqlite3.OperationalError as error:
            raise NotKept(f"{self.path}: {error}") from None

    def count(self, kind: str) -> int:
        """How many answers of a kind there are."""
        if not self.path.is_file():
            return 0
        with self._open(write=False) as db:
            return int(db.execute("SELECT count(*) FROM answers WHERE kind = ?", (kind,)).fetchone()[0])

    @contextmanager
    def _open(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect(write)) as db:
                yield db
        except sqlite3.OperationalError:
            if write:
                raise
            raise InputError(
                f"the cache {self.path} cannot be read", hint="see who may read it, or name another"
            ) from None
        except sqlite3.DatabaseError as error:
            raise InputError(f"the cache {self.path} cannot be used: {error}", hint="delete it") from None

    def _connect(self, write: bool) -> sqlite3.Connection:
        if write:
            db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            return db
        # A file in write-ahead mode needs its companions; where they cannot be made, it is read as it lies.
        usable = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
        quoted = self.path.absolute().as_uri()
        way = "mode=rw" if usable else "mode=ro&immutable=1"
        return sqlite3.connect(f"{quoted}?{way}", uri=True, timeout=BUSY, isolation_level=None)
