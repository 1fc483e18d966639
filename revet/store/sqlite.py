"""The runs in an SQLite database: the file ``runs.db`` of a folder.

A database of an older form is brought to this one when it is first used; one that cannot be written is read as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from revet.errors import StoreError
from revet.store.backend import Statement, Value
from revet.store.leases import FileLeases
from revet.store.listing import OLD
from revet.store.migrations import VERSION, migrate
from revet.store.wal import BUSY_SECONDS, use_wal

__all__ = ["FOLDER", "SqliteRuns"]

FOLDER = ".revet"
_WORDS = {"runs": "runs", "number": "rowid", "limit": "LIMIT ?", "find": "instr", "alone": "+"}


class SqliteRuns:
    """The database in `folder` (`revet.store.backend.Backend`). Making one touches nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.words = _WORDS | {name: name for name in OLD}
        self.leases = FileLeases(folder, self._make_folder)

    @property
    def shown(self) -> str:
        return str(self.folder)

    @property
    def source(self) -> str:
        return str(self._file)

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints.db"

    def prepare(self) -> None:
        with self._write():
            pass
        with self.errors(self.checkpoints), closing(_connect(self.checkpoints)) as db:
            use_wal(db)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Whoever closes the last connection of a database has to flush all of it to the disk."""
        with self.errors(self._file):
            self.make_folder()
            db = _connect(self._file, check_same_thread=False)
        with closing(db):
            with self.errors(self._file):
                use_wal(db)
                db.execute("BEGIN IMMEDIATE")
                with db:
                    self._prepare(db)
            yield

    def write(self, statements: Sequence[Statement], runs: Sequence[str]) -> None:
        with self._write() as db:
            for sql, values in statements:
                db.execute(sql.format_map(self.words), values)

    def query(self, sql: str, values: Sequence[Value]) -> list[tuple[Any, ...]]:
        with self.errors(self._file):
            if not self._file.exists():
                return []
            with closing(self._reading()) as db:
                version = self._version(db)
                if 0 < version < VERSION:
                    version = self._migrated(db, version)
                if not version:
                    return []
                words = self.words if version == VERSION else self.words | OLD
                return db.execute(sql.format_map(words), values).fetchall()

    # --- the file ------------------------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.folder / "runs.db"

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, on a database that exists."""
        with self.errors(self._file):
            self.make_folder()
            with closing(_connect(self._file)) as db:
                use_wal(db)
                db.execute("BEGIN IMMEDIATE")
                with db:
                    self._prepare(db)
                    yield db

    def _reading(self) -> sqlite3.Connection:
        """The database, to be read. Where nobody may write here, the files that SQLite keeps beside one with a
        write-ahead log cannot be made: if nothing waits in that log, the database is all there is to read.
        """
        db = _connect(self._file)
        try:
            db.execute("PRAGMA user_version")
        except sqlite3.OperationalError as error:
            db.close()
            log = self._file.with_name(f"{self._file.name}-wal")
            unwritable = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
            if not unwritable or (log.exists() and log.stat().st_size):
                raise
            return sqlite3.connect(f"{self._file.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
        return db

    def _migrated(self, db: sqlite3.Connection, version: int) -> int:
        """The form of a database that was found to be of an older one. It stays of that where nobody may write here."""
        try:
            db.execute("BEGIN IMMEDIATE")
            with db:
                self._prepare(db)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            return version
        return VERSION

    def make_folder(self) -> None:
        """The folder, hidden from git if it is ours: in a folder that was there before, that is not for us to do."""
        ours = self.folder.absolute().name == FOLDER
        try:
            self.folder.mkdir(parents=True)
            ours = True
        except FileExistsError:
            self.folder.mkdir(exist_ok=True)  # raises if it is a file
        ignore = self.folder / ".gitignore"
        if ours and not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")

    def _make_folder(self) -> None:
        with self.errors(self._file):
            self.make_folder()

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Makes the tables of a new database, or mends those of an old one, inside the caller's transaction."""
        migrate(db, self._version(db))

    def _version(self, db: sqlite3.Connection) -> int:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{self._file} was written by a newer revet (form {version}, this one knows {VERSION})",
                hint="upgrade revet, or name another folder with --out DIR",
            )
        return version

    @contextmanager
    def errors(self, file: Path) -> Iterator[None]:
        """Errors of the database `file` and its folder, told as a `StoreError`."""
        hint = "check its permissions and the free space, or name another folder with --out DIR"
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StoreError(f"the store {file} cannot be used: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            moved = f"move {file} away to start a new one, or name another folder with --out DIR"
            raise StoreError(f"{file} is no store of runs: {error}", hint=moved) from error
        except OSError as error:
            raise StoreError(f"the store {self.folder} cannot be used: {error.strerror}", hint=hint) from error


def _connect(file: Path, check_same_thread: bool = True) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=check_same_thread)
