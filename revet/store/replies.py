"""What language models answered in the runs that have not ended, in SQLite.

A step that is done again after a crash finds here what it was told before. `write` returns when all is in the
write-ahead log of the database, which outlives the process (kill -9); after a power cut the last replies may be
missing, and are asked for again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from revet.errors import StoreError
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["Replies", "ReplyStore"]

_TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    run TEXT NOT NULL, key TEXT NOT NULL, reply TEXT NOT NULL, PRIMARY KEY (run, key)
) WITHOUT ROWID
"""


class Replies(Protocol):
    """The replies of all runs of a store, wherever it is."""

    def load(self, run: str) -> dict[str, str]: ...

    def runs(self) -> frozenset[str]: ...

    def write(self, news: Sequence[tuple[str, str, str] | str]) -> None: ...

    def close(self) -> None: ...


class ReplyStore:
    """The replies of all runs in one file, which is made when the first is kept. Close it when done.

    A reply is text (JSON) to the store, under a key that is unique in its run. One thread at a time may write.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._db: sqlite3.Connection | None = None

    def load(self, run: str) -> dict[str, str]:
        """The replies of a run, by key."""
        if not self.file.exists():
            return {}
        with self._errors(), closing(self._connect()) as db:
            return dict(db.execute("SELECT key, reply FROM replies WHERE run = ?", (run,)))

    def runs(self) -> frozenset[str]:
        """The runs of which replies are kept."""
        if not self.file.exists():
            return frozenset()
        with self._errors(), closing(self._connect()) as db:
            return frozenset(str(run) for (run,) in db.execute("SELECT DISTINCT run FROM replies"))

    def write(self, news: Sequence[tuple[str, str, str] | str]) -> None:
        """Keep replies, each as (run, key, reply), and forget those of runs that have ended, given by their ids.

        In this order, in one transaction. Raises `StoreError`, and then nothing is written.
        """
        if not self.file.exists() and all(isinstance(each, str) for each in news):
            return
        with self._errors():
            if self._db is None:
                self._db = self._connect()
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                for each in news:
                    if isinstance(each, str):
                        self._db.execute("DELETE FROM replies WHERE run = ?", (each,))
                    else:
                        self._db.execute("INSERT OR REPLACE INTO replies (run, key, reply) VALUES (?, ?, ?)", each)

    def close(self) -> None:
        """Can be called twice; what is asked afterwards opens the file again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            hint = "check its permissions and the free space, or name another folder with --out DIR"
            raise StoreError(f"the replies of models cannot be kept in {self.file}: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            hint = f"move {self.file} away; models will be asked again"
            raise StoreError(f"{self.file} holds no replies of models: {error}", hint=hint) from error

    def _connect(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            use_wal(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(_TABLE)
        except BaseException:
            db.close()
            raise
        return db
