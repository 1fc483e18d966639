"""SQLite: a transaction on one connection, compared with what another sees, which reads the state before.

An authorizer tells which tables are written, by triggers and cascades too, and keeps the text inside the database:
no other file, no extension, no end of the transaction. Foreign keys are enforced.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .base import MARKS, Bounds, Fault, Row, TableDifference, compared, decode, encode, quoted

__all__ = ["Lite", "copied"]

STEPS = 5000
FORBIDDEN = frozenset(
    ["load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "zipfile", "fsdir", "sqlar_uncompress"]
)
LOOKING = frozenset(
    "table_info table_xinfo table_list index_list index_info index_xinfo foreign_key_list foreign_key_check "  # noqa: SIM905
    "integrity_check quick_check database_list function_list data_version".split()
)
MODULES = frozenset(["fts5", "fts4", "fts3", "rtree"])
WRITES = {sqlite3.SQLITE_INSERT: "insert", sqlite3.SQLITE_UPDATE: "update", sqlite3.SQLITE_DELETE: "delete"}
OWN = frozenset(["sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema", "sqlite_stat1"])


def copied(path: str, to: str, seconds: float) -> None:
    """A snapshot of the database, made while others may use it."""
    # Who closes a database in WAL mode as the last removes its log, but not if it may only read.
    mode = "ro" if Path(f"{path}-wal").exists() else "rw"
    source, target = _connect(path, mode, seconds), sqlite3.connect(to)
    over = time.monotonic() + seconds

    def look(status: int, remaining: int, total: int) -> None:
        if time.monotonic() > over:
            raise Fault("busy", f"{path} could not be copied in {seconds:g} s")

    try:
        source.backup(target, pages=2000, progress=look, sleep=0.01)
    except sqlite3.Error as error:
        raise _told(error, path) from None
    finally:
        source.close()
        target.close()


def _connect(path: str, mode: str, lock: float) -> sqlite3.Connection:
    place = Path(path)
    if not place.exists():
        raise Fault("missing", f"there is no database {path}")
    if not place.is_file():
        raise Fault("missing", f"{path} is no file")
    uri = f"file:{quote(path)}?mode={mode}"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=lock, isolation_level=None, check_same_thread=False)
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise _told(error, path) from None
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    return connection


def _told(error: sqlite3.Error, path: str) -> Fault:
    text = str(error)
    if "locked" in text or "busy" in text:
        return Fault("busy", f"{path} is locked by somebody who writes: {text}")
    if "not a database" in text or "malformed" in text:
        return Fault("failed", f"{path} is no SQLite database, or damaged: {text}")
    return Fault("failed", f"{path}: {text}")


def _differing(left: Iterator[Row], right: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The rows that differ, before and after, of two sides in the order of their row numbers, which stand first: read
    side by side, for a table may be larger than memory."""
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if old is not None and new is not None and old[0] == new[0]:
            if old != new or [type(value) for value in old] != [type(value) for value in new]:
                yield old, new
            old, new = next(left, None), next(right, None)
        elif new is None or (old is not None and old[0] < new[0]):
            yield old, None
            old = next(left, None)
        else:
            yield None, new
            new = next(right, None)


class Lite:
    kind = "sqlite"

    def __init__(self, path: str, bounds: Bounds, *, shield: bool = False) -> None:
        self.path, self.bounds = path, bounds
        self._own = self._refused = ""
        self._touched: set[str] = set()
        self._over = float("inf")
        self._writer = _connect(path, "rw", bounds.lock)
        self._reader = _connect(path, "ro", bounds.lock)
        for each in (self._writer, self._reader):
            each.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.length)
            each.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._writer.execute("PRAGMA foreign_keys = ON")
        self._writer.execute("PRAGMA cache_spill = OFF")
        if shield and self._writer.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
            # It is never committed, and nothing may stay beside the database if this process is ended.
            self._writer.execute("PRAGMA journal_mode = MEMORY")
        for each in (self._writer, self._reader):
            each.set_progress_handler(lambda: time.monotonic() > self._over, STEPS)

    def begin(self, statements: Sequence[str] = ()) -> None:
        self._touched.clear()
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._reader.execute("BEGIN")
            self._reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.Error as error:
            raise _told(error, self.path) from None
        self._over = time.monotonic() + self.bounds.seconds

    def run(self, sql: str) -> int | None:
        """One statement of the text. Returns how many rows it counts."""
        self._refused = ""
        self._writer.set_authorizer(self._authorized)
        try:
            cursor = self._writer.execute(sql)
            read = 0
            while cursor.description is not None and cursor.fetchmany(500):
                read += 1
                if time.monotonic() > self._over:
                    raise sqlite3.OperationalError("interrupted")
            return cursor.rowcount if cursor.rowcount >= 0 else None
        finally:
            self._writer.set_authorizer(None)

    def replay(self) -> bool:
        return False

    def fault(self, error: BaseException) -> tuple[str, bool]:
        text = self._refused or str(error)
        if "interrupted" in text:
            text = f"it did not end within {self.bounds.seconds:g} s"
        return text, isinstance(error, sqlite3.IntegrityError)

    def difference(self) -> list[TableDifference]:
        self._over = time.monotonic() + self.bounds.seconds
        old, new = self._schema(self._reader), self._schema(self._writer)
        names = sorted({name for name in self._touched | {"sqlite_sequence"} if name in old or name in new} - {MARKS})
        names += sorted((old.keys() ^ new.keys()) - set(names) - {MARKS})
        names += sorted(name for name in old.keys() & new.keys() if old[name] != new[name] and name not in names)
        found = []
        for name in names:
            if old.get(name, new.get(name, ("", "")))[0] != "table":
                each = TableDifference(name, [])
                each.made, each.dropped = name not in old, name not in new
                each.shape = not each.made and not each.dropped
            else:
                each = self._compared(name, name in old, name in new)
                each.shape = each.made is each.dropped is False and old.get(name) != new.get(name)
            each.thing, each.form = new.get(name, old.get(name, ("table", "")))
            if each.form.upper().startswith("CREATE VIRTUAL"):
                each.thing = "virtual table"
            if not each.empty:
                found.append(each)
        return found

    def _schema(self, connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {str(name): (str(kind), str(sql)) for kind, name, sql in rows if name != MARKS}

    def _compared(self, table: str, before: bool, after: bool) -> TableDifference:
        old = self._columns(self._reader, table) if before else []
        new = self._columns(self._writer, table) if after else []
        columns = [each for each in new if each in old] if before and after else new or old
        rowid = self._rowid(table, old or new) and (not (before and after) or self._rowid(table, new))
        keys = self._key(self._writer if after else self._reader, table)
        chosen = [*(["rowid"] if rowid else []), *columns]
        key = [0] if rowid else [chosen.index(name) for name in keys if name in chosen]
        left = self._rows(self._reader, table, chosen, rowid) if before else iter(())
        right = self._rows(self._writer, table, chosen, rowid) if after else iter(())
        differing = _differing(left, right) if rowid else iter(())
        if rowid:
            changes = list(islice(differing, self.bounds.rows + 1))
            left = (old_row for old_row, _ in changes if old_row is not None)
            right = (new_row for _, new_row in changes if new_row is not None)
        old_rows, new_rows = ([tuple(map(encode, row)) for row in rows] for rows in (left, right))
        found = compared(table, chosen, key, old_rows, new_rows, self.bounds.rows)
        self._count(found, differing)
        found.made, found.dropped = not before, not after
        return found

    def _count(self, found: TableDifference, more: Iterator[tuple[Row | None, Row | None]]) -> None:
        """Rows beyond those that are kept."""
        for old, new in more:
            found.inserted += old is None
            found.deleted += new is None
            found.updated += old is not None and new is not None

    def _columns(self, connection: sqlite3.Connection, table: str) -> list[str]:
        """The stored columns; those that are computed follow from them."""
        rows = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        return [str(row[1]) for row in rows if row[6] == 0]

    def _key(self, connection: sqlite3.Connection, table: str) -> list[str]:
        rows = connection.execute(f"PRAGMA table_xinfo({quoted(table)})").fetchall()
        return [str(row[1]) for row in sorted(rows, key=lambda row: row[5]) if row[5]]

    def _rowid(self, table: str, columns: Sequence[str]) -> bool:
        """Whether the table has row numbers that no column hides."""
        if any(name.lower() == "rowid" for name in columns):
            return False
        for connection in (self._writer, self._reader):
            with suppress(sqlite3.Error):
                connection.execute(f"SELECT rowid FROM {quoted(table)} LIMIT 0")
                return True
        return False

    def _rows(self, connection: sqlite3.Connection, table: str, columns: Sequence[str], rowid: bool) -> Iterator[Row]:
        chosen = ", ".join("rowid" if rowid and not n else quoted(name) for n, name in enumerate(columns))
        return iter(connection.execute(f"SELECT {chosen} FROM {quoted(table)}{' ORDER BY rowid' if rowid else ''}"))

    def _authorized(self, action: int, first: str | None, second: str | None, base: str | None, _: str | None) -> int:
        refused = ""
        if action in WRITES and base == "main" and first not in OWN:
            self._touched.add(str(first))
            if first == MARKS:
                refused = f"the table {MARKS} is Revet's own"
        elif action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
            refused = "other databases cannot be attached"
        elif action == sqlite3.SQLITE_TRANSACTION:
            refused = "the transaction is not the text's to end"
        elif action == sqlite3.SQLITE_FUNCTION and str(second).lower() in FORBIDDEN:
            refused = f"the function {second} reaches beyond the database"
        elif action == sqlite3.SQLITE_PRAGMA and str(first).lower() not in LOOKING:
            refused = f"PRAGMA {first} cannot be tried in a transaction"
        elif action == sqlite3.SQLITE_CREATE_VTABLE and str(second).lower() not in MODULES:
            refused = f"virtual tables of the module {second} may reach beyond the database"
        if refused:
            self._refused = refused
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    def locks(self) -> list[str]:
        return ["others could read and not write meanwhile"] if self._touched else []

    def notes(self) -> list[str]:
        return []

    # --- undo ---------------------------------------------------------------------------

    def hold(self, key: str) -> None:
        """A process that ended holds nothing: there is nobody to wait for."""

    def prepare_marks(self) -> None:
        """The table of marks is made in the transaction itself."""

    def before_undo(self) -> None:
        """Outside a transaction: rows are put back as they were, so nothing may follow from it."""
        self._writer.execute("PRAGMA foreign_keys = OFF")

    def apply(self, differences: Sequence[TableDifference]) -> None:
        # All of them, so that they come again in the order in which they were made: in that order they fire.
        triggers = self._writer.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            self._writer.execute(f"DROP TRIGGER {quoted(name)}")
        for each in sorted(differences, key=lambda each: each.table == "sqlite_sequence"):
            self._touched.add(each.table)
            for before, _ in each.changes:
                if before is not None:
                    self._remove(each, before)
            for _, after in each.changes:
                if after is not None:
                    self._put(each, after)
        for _, sql in triggers:
            self._writer.execute(sql)

    def _remove(self, each: TableDifference, row: Row) -> None:
        where = " AND ".join(f"{self._name(each, place)} IS ?" for place in range(len(row)))
        done = self._writer.execute(f"DELETE FROM {quoted(each.table)} WHERE {where}", [decode(v) for v in row])
        if done.rowcount != 1:
            raise Fault("conflict", f"a row of {each.table} is not as the commit left it", tables=[each.table])

    def _put(self, each: TableDifference, row: Row) -> None:
        names = ", ".join(self._name(each, place) for place in range(len(row)))
        values = ", ".join("?" * len(row))
        try:
            self._writer.execute(
                f"INSERT INTO {quoted(each.table)} ({names}) VALUES ({values})", [decode(value) for value in row]
            )
        except sqlite3.IntegrityError as error:
            raise Fault("conflict", f"a row of {each.table} cannot be put back: {error}", tables=[each.table]) from None

    def _name(self, each: TableDifference, place: int) -> str:
        return "rowid" if place == 0 and each.columns[0] == "rowid" and each.key == [0] else quoted(each.columns[place])

    # --- marks ----------------------------------------------------------------------------

    def marks(self, key: str) -> set[str]:
        if not self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (MARKS,)).fetchall():
            return set()
        rows: list[Any] = self._writer.execute(f"SELECT what FROM {MARKS} WHERE key = ?", (key,)).fetchall()
        return {str(row[0]) for row in rows}

    def mark(self, key: str, what: str) -> None:
        self._writer.execute(
            f"CREATE TABLE IF NOT EXISTS {MARKS} (key TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY (key, what))"
        )
        self._writer.execute(f"INSERT INTO {MARKS} VALUES (?, ?)", (key, what))

    def unmark(self, key: str) -> None:
        if self._writer.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (MARKS,)).fetchall():
            self._writer.execute(f"DELETE FROM {MARKS} WHERE key = ?", (key,))
            if not self._writer.execute(f"SELECT 1 FROM {MARKS}").fetchall():
                self._writer.execute(f"DROP TABLE {MARKS}")

    def commit(self) -> None:
        self._over = float("inf")
        self._reader.execute("ROLLBACK")
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise _told(error, self.path) from None

    def rollback(self) -> None:
        self._over = float("inf")
        for each in (self._reader, self._writer):
            if each.in_transaction:
                with suppress(sqlite3.Error):
                    each.execute("ROLLBACK")

    def close(self) -> None:
        self.rollback()
        self._reader.close()
        self._writer.close()
