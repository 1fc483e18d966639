"""Notes in SQLite, found with FTS5: the tables of `Corrections` in a file of the store's folder, or in memory."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from revet.errors import StoreError
from revet.store.notes import COLUMNS, among
from revet.store.runs import Store
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["FILE", "SqliteNotes"]

FILE = "memory.db"
VERSION = 1

_TABLES = (
    "CREATE TABLE notes (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, text TEXT NOT NULL,"
    " goal TEXT NOT NULL, run TEXT NOT NULL, uses INTEGER NOT NULL DEFAULT 0, data TEXT NOT NULL,"
    " used_at TEXT NOT NULL)",
    "CREATE INDEX notes_by_kind ON notes (kind, number)",
    "CREATE TABLE sources (note TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (note, run)) WITHOUT ROWID",
    "CREATE INDEX sources_by_run ON sources (run)",
    "CREATE TABLE recalls (note TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (note, run)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE words USING fts5"
    " (goal, text, content='notes', content_rowid='number', tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER added AFTER INSERT ON notes BEGIN"
    " INSERT INTO words (rowid, goal, text) VALUES (new.number, new.goal, new.text); END",
    "CREATE TRIGGER removed AFTER DELETE ON notes BEGIN"
    " INSERT INTO words (words, rowid, goal, text) VALUES ('delete', old.number, old.goal, old.text);"
    " DELETE FROM sources WHERE note = old.id; DELETE FROM recalls WHERE note = old.id; END",
    "CREATE TRIGGER changed AFTER UPDATE OF goal, text ON notes BEGIN"
    " INSERT INTO words (words, rowid, goal, text) VALUES ('delete', old.number, old.goal, old.text);"
    " INSERT INTO words (rowid, goal, text) VALUES (new.number, new.goal, new.text); END",
)


class SqliteNotes:
    """`revet.store.corrections.Notes` in `folder`; None keeps them in memory. The first write makes the file."""

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder)
        self._memory: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    @property
    def exists(self) -> bool:
        return self._memory is not None if self.folder is None else (self.folder / FILE).exists()

    def rows(self, sql: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        if not self.exists:
            return []
        with self._open() as db:
            return db.execute(sql, values).fetchall() if self._version(db) else []

    def index(self, db: object, note: object) -> None:
        """Nothing to do: the triggers have."""

    def nearest(self, words: Sequence[str], kinds: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        asked = " OR ".join(f'"{word}"' for word in words)
        condition, values = among(kinds)
        return self.rows(
            f"SELECT {COLUMNS}, -bm25(words, 2.0, 1.0) AS near FROM words JOIN notes AS n ON n.number = words.rowid"
            f" WHERE words MATCH ?{condition} ORDER BY near DESC, n.number LIMIT ?",
            (asked, *values, limit),
        )

    def undone(self) -> frozenset[str]:
        undone = Store(self.folder).undone() if self.folder is not None else frozenset()
        return undone & {str(run) for (run,) in self.rows("SELECT DISTINCT run FROM sources")} if undone else undone

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        with self._open(make=True) as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                if self._version(db) == 0:
                    for statement in _TABLES:
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {VERSION}")
                yield db

    @contextmanager
    def _open(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        if self.folder is None:
            with self._turn:
                if self._memory is None:
                    self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                yield self._memory
            return
        file = self.folder / FILE
        with self._errors(file):
            if make:
                self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                if make:
                    use_wal(db)
                yield db

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"the memory in {self.folder} was written by a newer revet (form {version}, this one knows {VERSION})",
                hint="upgrade revet, or name another folder with --out DIR",
            )
        return version

    @contextmanager
    def _errors(self, file: Path) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            hint = "check its permissions and the free space, or name another folder with --out DIR"
            raise StoreError(f"the memory {file} cannot be used: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            hint = f"move {file} away to start a new one: what earlier runs taught is then forgotten"
            raise StoreError(f"{file} is no memory of runs: {error}", hint=hint) from error
