"""SQLite, only read: opened with ``mode=ro``, ``query_only``, and an authorizer that lets nothing else through."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .model import Bounds, Column, Fault, Foreign, Result, Schema, Table, taken

__all__ = ["Lite", "open_file", "open_script"]

LONGEST = 16 * 1024 * 1024
STEPS = 2000
"""Instructions of SQLite's machine between two looks at the clock."""

MOST_TABLES = 2000
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
BUILDING = READING | {
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_DROP_VIEW,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_REINDEX,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_ANALYZE,
}
# Functions that reach beyond the database, in builds of SQLite that have them.
FORBIDDEN = frozenset(
    [
        "load_extension",
        "readfile",
        "writefile",
        "edit",
        "fts3_tokenizer",
        "zipfile",
        "lsmode",
        "fsdir",
        "sqlar_uncompress",
    ]
)
HARMLESS_PRAGMAS = frozenset({"foreign_keys", "encoding", "user_version", "application_id"})


def open_file(path: str, memory: int) -> Lite:
    """The database in a file. It is opened anew, so that what others wrote since is seen."""
    uri = f"file:{quote(path)}?mode=ro"
    if _idle_wal(Path(path)):
        uri += "&immutable=1"  # nobody writes, and the index of the log could not be made beside a read-only file
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=1.0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise Fault("unreachable", f"the database cannot be opened: {error}") from None
    return Lite(connection, memory)


def open_script(script: str, memory: int, seconds: float) -> Lite:
    """A database in memory that the statements of `script` make. The script may make and fill tables, nothing else."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.set_authorizer(_building)
    over = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > over, STEPS)
    try:
        connection.executescript(script)
    except (sqlite3.Error, ValueError, MemoryError) as error:
        connection.close()
        raise Fault("unreachable", f"the script makes no database: {error}") from None
    return Lite(connection, memory)


class Lite:
    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection, memory: int) -> None:
        self._connection = connection
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._own(
            lambda: [
                connection.execute(f"PRAGMA {words}").fetchall()
                for words in ("query_only=1", "trusted_schema=0", "temp_store=2", f"hard_heap_limit={int(memory)}")
            ]
        )

    def schema(self) -> Schema:
        found: Schema = self._own(lambda: Schema.of(map(self._table, self._names())))
        return found

    def explain(self, sql: str) -> str:
        rows = self._run(f"EXPLAIN QUERY PLAN {sql}", Bounds(seconds=5.0, rows=200)).rows
        return "\n".join(str(row[-1]) for row in rows)

    def query(self, sql: str, bounds: Bounds) -> Result:
        return self._run(sql, bounds)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()

    def _run(self, sql: str, bounds: Bounds) -> Result:
        start = time.monotonic()
        refused: list[str] = []
        self._connection.set_authorizer(_reading(refused))
        self._connection.set_progress_handler(lambda: time.monotonic() > start + bounds.seconds, STEPS)
        try:
            cursor = self._connection.execute(sql)
            try:
                columns = tuple(str(each[0]) for each in cursor.description or ())
                rows, more = taken(cursor, bounds)
            finally:
                cursor.close()
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
            raise _fault(error, refused, bounds) from None
        return Result(columns, rows, more, time.monotonic() - start)

    def _names(self) -> list[str]:
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
            "ORDER BY name LIMIT ?",
            (MOST_TABLES,),
        )
        return [str(name) for (name,) in rows]

    def _table(self, name: str) -> Table:
        ask = self._connection.execute
        try:
            info = ask('SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?)', (name,)).fetchall()
            links = ask('SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (name,))
            linked: dict[int, list[tuple[str, str, str]]] = {}
            for number, target, own, other in links:
                linked.setdefault(number, []).append((target, own, other or own))
            indices = ask('SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (name,)).fetchall()
            unique = [
                tuple(str(c) for (c,) in ask("SELECT name FROM pragma_index_info(?) ORDER BY seqno", index))
                for index in indices
            ]
        except sqlite3.OperationalError:  # a view over what is no longer there
            return Table(name)
        primary = tuple(str(row[0]) for row in sorted((row for row in info if row[3]), key=lambda row: row[3]))
        return Table(
            name,
            tuple(Column(str(row[0]), str(row[1]), not row[2]) for row in info),
            tuple(dict.fromkeys(key for key in (primary, *unique) if key and "None" not in key)),
            tuple(
                Foreign(tuple(own for _, own, _ in rows), str(rows[0][0]), tuple(other for *_, other in rows))
                for rows in linked.values()
            ),
        )

    def _own(self, work: Callable[[], Any]) -> Any:
        """Statements of ours, not of a model's."""
        over = time.monotonic() + 5.0
        self._connection.set_authorizer(None)
        self._connection.set_progress_handler(lambda: time.monotonic() > over, STEPS)
        try:
            return work()
        except (sqlite3.Error, ValueError, MemoryError) as error:
            raise Fault("unreachable", f"the database cannot be read: {error}") from None


def _reading(refused: list[str]) -> Callable[..., int]:
    def allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
        if action in READING or (action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in FORBIDDEN):
            return sqlite3.SQLITE_OK
        refused.append(_named(action, first, second))
        return sqlite3.SQLITE_DENY

    return allowed


def _building(action: int, first: str | None, second: str | None, *_: object) -> int:
    function = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in FORBIDDEN
    pragma = action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in HARMLESS_PRAGMAS
    return sqlite3.SQLITE_OK if action in BUILDING or function or pragma else sqlite3.SQLITE_DENY


def _named(action: int, first: str | None, second: str | None) -> str:
    names = {
        sqlite3.SQLITE_ATTACH: "ATTACH",
        sqlite3.SQLITE_DETACH: "DETACH",
        sqlite3.SQLITE_PRAGMA: f"PRAGMA {first}",
        sqlite3.SQLITE_FUNCTION: f"the function {second}",
        sqlite3.SQLITE_INSERT: f"INSERT into {first}",
        sqlite3.SQLITE_UPDATE: f"UPDATE of {first}",
        sqlite3.SQLITE_DELETE: f"DELETE from {first}",
        sqlite3.SQLITE_TRANSACTION: "a transaction",
    }
    return names.get(action, "a change of the schema")


def _fault(error: BaseException, refused: list[str], bounds: Bounds) -> Fault:
    text = str(error)
    if refused:
        return Fault("refused", f"it would do more than read: {refused[0]}")
    if text == "interrupted":
        return Fault("timeout", f"it did not end within {bounds.seconds:g} s")
    if isinstance(error, MemoryError) or "out of memory" in text:
        return Fault("too-large", "it needs more memory than it may use")
    if "string or blob too big" in text:
        return Fault("too-large", f"a value is larger than {LONGEST} bytes")
    if "one statement at a time" in text:
        return Fault("refused", "it holds several statements; give one query")
    if "readonly" in text:  # what the query itself would write was refused above
        return Fault("unreachable", "the database was left in the middle of a write; open it once with what wrote it")
    if isinstance(error, sqlite3.OperationalError) and ("locked" in text or "busy" in text):
        return Fault("unreachable", "the database is locked by another program")
    unreadable = ("malformed", "not a database", "disk I/O", "unable to open", "encrypted")
    if any(words in text for words in unreadable):
        return Fault("unreachable", f"the database cannot be read: {text}")
    return Fault("invalid", text)


def _idle_wal(path: Path) -> bool:
    """Whether the file keeps a write-ahead log (bytes 18 and 19 of its header) and there is nothing in it."""
    try:
        with path.open("rb") as file:
            header = file.read(20)
        log = Path(f"{path}-wal")
        return header[18:20] == b"\x02\x02" and not (log.exists() and log.stat().st_size)
    except OSError:
        return False
