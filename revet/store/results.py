"""What suites came to: evaluations and their trials, in ``results.db`` of the store's folder.

Records are JSON that this module does not read: what they are, `revet.evals` says. A trial that was added is in the
write-ahead log when the call returns, which outlives the process (kill -9). Several processes may use one file at the
same time; one evaluation is played by one of them (`playing`).
"""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from revet.errors import RunNotFound, StoreError
from revet.store.runs import Store
from revet.store.wal import BUSY_SECONDS, use_wal
from revet.store.working import locked

__all__ = ["FILE", "ResultStore"]

FILE = "results.db"
VERSION = 1

_TABLES = (
    "CREATE TABLE evaluations (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, suite TEXT NOT NULL,"
    " key TEXT NOT NULL, begun_at TEXT NOT NULL, ended_at TEXT, body TEXT NOT NULL)",
    "CREATE INDEX evaluations_by_key ON evaluations (key, begun_at)",
    "CREATE INDEX evaluations_by_suite ON evaluations (suite, begun_at)",
    "CREATE TABLE trials (evaluation TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,"
    " PRIMARY KEY (evaluation, name))",
)
_NEWEST = "ORDER BY begun_at DESC, number DESC LIMIT ?"


class ResultStore:
    """Evaluations in `folder`. Making one touches nothing; the first write makes the file."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._runs = Store(self.folder)

    @property
    def file(self) -> Path:
        return self.folder / FILE

    # --- writing -------------------------------------------------------------------------------------------

    def begin(self, name: str, suite: str, key: str, begun_at: str, body: str) -> None:
        """Keep a new evaluation, which has not ended."""
        with self._write() as db:
            values = (name, suite, key, begun_at, body)
            db.execute("INSERT INTO evaluations (id, suite, key, begun_at, body) VALUES (?, ?, ?, ?, ?)", values)

    def add(self, evaluation: str, trials: Sequence[tuple[int, str, str]]) -> None:
        """Keep trials (place, case, record), all or none. A trial of a case that is there is replaced."""
        with self._write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO trials (evaluation, place, name, body) VALUES (?, ?, ?, ?)",
                [(evaluation, place, _storable(case), body) for place, case, body in trials],
            )

    def save(self, name: str, ended_at: str | None, body: str) -> None:
        """Replace the record of an evaluation, and say when it ended."""
        with self._write() as db:
            db.execute("UPDATE evaluations SET ended_at = ?, body = ? WHERE id = ?", (ended_at, body, name))

    @contextmanager
    def playing(self, evaluation: str) -> Iterator[None]:
        """Hold an evaluation while its cases are played. Raises `StoreError` while another process holds it.

        The kernel lets go of it when the process ends, however it does.
        """
        with self._runs.errors(self.file):
            self._runs.make_folder()
        busy = StoreError(
            f"evaluation {evaluation} is being played by another process",
            hint="wait until it has ended; without --resume a new one is begun",
        )
        with locked(self.folder / f"playing-{evaluation}", busy), self._open():
            yield

    # --- reading -------------------------------------------------------------------------------------------

    def get(self, name: str) -> str:
        """The record of the evaluation with this id, or of the only one whose id starts so.

        The name of a suite is its newest evaluation that ended, or the newest at all if none did. Raises `RunNotFound`.
        """
        rows = self._query("SELECT body FROM evaluations WHERE id = ?", name)
        if not rows:
            of_suite = (
                "SELECT body FROM evaluations WHERE suite = ? ORDER BY ended_at IS NULL, begun_at DESC, number DESC"
            )
            rows = self._query(of_suite, name)[:1]
        if not rows:
            rows = self._query("SELECT body FROM evaluations WHERE id = ?", self._full(name))
        return str(rows[0][0])

    def latest(self, key: str) -> str | None:
        """The record of the newest evaluation with this key."""
        rows = self._query(f"SELECT body FROM evaluations WHERE key = ? {_NEWEST}", key, 1)
        return str(rows[0][0]) if rows else None

    def newest(self, limit: int) -> list[tuple[str, int]]:
        """The records of the newest evaluations, each with the number of its trials."""
        count = "(SELECT count(*) FROM trials WHERE evaluation = evaluations.id)"
        rows = self._query(f"SELECT body, {count} FROM evaluations {_NEWEST}", limit)
        return [(str(body), int(trials)) for body, trials in rows]

    def trials(self, evaluation: str) -> list[str]:
        """The records of the trials of one evaluation, in the order of their places."""
        rows = self._query("SELECT body FROM trials WHERE evaluation = ? ORDER BY place, name", evaluation)
        return [str(body) for (body,) in rows]

    def _full(self, start: str) -> str:
        rows = self._query(f"SELECT id, suite FROM evaluations {_NEWEST}", -1)
        known = [str(row[0]) for row in rows]
        matches = [name for name in known if start and name.startswith(start)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            shown = ", ".join(matches[:6]) + (" …" if len(matches) > 6 else "")
            hint = f"write more of it (newest first): {shown}"
            raise RunNotFound(f"{start!r} could be any of {len(matches)} evaluations", hint=hint)
        if not known:
            hint = "`revet eval SUITE` makes one, in `.revet` of the folder that it is started in; --out names another"
            raise RunNotFound(f"there is no evaluation {start!r}: {self.folder} holds none", hint=hint)
        names = [*known, *dict.fromkeys(str(row[1]) for row in rows)]
        near = difflib.get_close_matches(start, names, n=3, cutoff=0.4) or known[:3]
        raise RunNotFound(f"there is no evaluation {start!r} in {self.folder}", hint=f"nearest: {', '.join(near)}")

    @contextmanager
    def _open(self) -> Iterator[None]:
        """Keep the database open inside: whoever closes its last connection has to flush all of it to the disk."""
        with self._write():
            pass
        with closing(_connect(self.file)) as db:
            with self._runs.errors(self.file):
                db.execute("SELECT count(*) FROM evaluations").fetchone()
            yield

    # --- the database --------------------------------------------------------------------------------------

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on a database that exists."""
        with self._runs.errors(self.file):
            self._runs.make_folder()
            with closing(_connect(self.file)) as db:
                use_wal(db)
                db.execute("BEGIN IMMEDIATE")
                with db:
                    if self._version(db) == 0:
                        for statement in _TABLES:
                            db.execute(statement)
                        db.execute(f"PRAGMA user_version = {VERSION}")
                    yield db

    def _query(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        """The rows that a SELECT gives; none where nothing was written yet."""
        with self._runs.errors(self.file):
            if not self.file.exists():
                return []
            with closing(_connect(self.file)) as db:
                return db.execute(sql, values).fetchall() if self._version(db) else []

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{self.file} was written by a newer revet (form {version}, this one knows {VERSION})",
                hint="upgrade revet, or name another folder with --out DIR",
            )
        return version


def _storable(name: str) -> str:
    """A name that SQLite can keep: halves of surrogate pairs, which JSON may hold, become ``?``."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
    # What is in the log outlives the process; only a power cut may lose the last trials, which are then played again.
    db.execute("PRAGMA synchronous = NORMAL")
    return db
