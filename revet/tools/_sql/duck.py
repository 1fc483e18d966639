"""DuckDB, only read: no writing, no files, no extensions, one thread, bounded memory, interrupted when late."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from .model import Bounds, Column, Fault, Foreign, Result, Schema, Table, taken

__all__ = ["Duck", "open_file", "open_script"]

SAFE = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "threads": "1",
    "temp_directory": "",
}
UNREACHABLE = ("lock", "not a valid duckdb", "cannot open file", "no such file", "corrupt", "not exist", "checksum")


def open_file(path: str, memory: int) -> Duck:
    return Duck(_connect(path, memory, read_only=True))


def open_script(script: str, memory: int, seconds: float) -> Duck:
    """A database in memory that the statements of `script` make."""
    connection = _connect(":memory:", memory, read_only=False)
    duck = Duck(connection, writes=True)
    try:
        duck._timed(lambda: connection.execute(script), seconds)
    except Fault as fault:
        raise Fault("unreachable", f"the script makes no database: {fault}") from None
    return duck


def _connect(path: str, memory: int, *, read_only: bool) -> Any:
    try:
        import duckdb
    except ImportError:
        raise Fault("unreachable", "DuckDB is not installed: pip install 'revet[duckdb]'") from None
    try:
        connection = duckdb.connect(
            path, read_only=read_only, config={**SAFE, "memory_limit": f"{max(16, memory // 2**20)}MiB"}
        )
        connection.execute("SET lock_configuration = true")
    except (duckdb.Error, RuntimeError, OSError) as error:
        raise Fault("unreachable", f"the database cannot be opened: {_first(error)}") from None
    return connection


class Duck:
    dialect = "duckdb"

    def __init__(self, connection: Any, *, writes: bool = False) -> None:
        self._connection, self._writes = connection, writes

    def schema(self) -> Schema:
        columns = self._own(
            "SELECT table_schema, table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_catalog = current_database() ORDER BY table_schema, table_name, ordinal_position"
        )
        keys = self._own(
            "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
            "referenced_column_names FROM duckdb_constraints() WHERE database_name = current_database()"
        )
        return Schema.of(tables_of([tuple(row) for row in columns], [tuple(row) for row in keys], "main"))

    def explain(self, sql: str) -> str:
        self._timed(lambda: self._only_reads(sql), 5.0)
        rows = self._run(f"EXPLAIN {sql}", Bounds(seconds=5.0, rows=200)).rows
        return "\n".join(str(row[-1]) for row in rows)

    def query(self, sql: str, bounds: Bounds) -> Result:
        return self._run(sql, bounds)

    def close(self) -> None:
        with suppress(Exception):
            self._connection.close()

    def _own(self, sql: str) -> list[Any]:
        rows: list[Any] = self._timed(lambda: self._connection.execute(sql).fetchall(), 5.0)
        return rows

    def _run(self, sql: str, bounds: Bounds) -> Result:
        start = time.monotonic()

        def fetch() -> Result:
            statement = self._only_reads(sql)
            self._connection.execute("BEGIN TRANSACTION")
            try:
                self._connection.execute(statement)
                description = self._connection.description or []
                rows, more = taken(iter(self._connection.fetchone, None), bounds)
            finally:
                with suppress(Exception):
                    self._connection.execute("ROLLBACK")
            return Result(
                tuple(str(each[0]) for each in description),
                rows,
                more,
                time.monotonic() - start,
            )

        found: Result = self._timed(fetch, bounds.seconds)
        return found

    def _only_reads(self, sql: str) -> Any:
        """The only statement of `sql`. Raises `Fault` if there is another number of them, or it does anything else."""
        statements = self._connection.extract_statements(sql)
        if len(statements) != 1:
            raise Fault("refused", f"it holds {len(statements)} statements; give one query")
        kind = statements[0].type.name
        if kind not in ("SELECT", "EXPLAIN", "RELATION"):
            raise Fault("refused", f"it would do more than read: {kind}")
        return statements[0]

    def _timed(self, work: Any, seconds: float) -> Any:
        late = threading.Timer(seconds, self._connection.interrupt)
        late.start()
        try:
            return work()
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001 - the engine's own tree of errors, and those of its conversions
            raise _fault(error, seconds) from None
        finally:
            late.cancel()


def _fault(error: Exception, seconds: float) -> Fault:
    kind, text = type(error).__name__, _first(error)
    if kind == "InterruptException":
        return Fault("timeout", f"it did not end within {seconds:g} s")
    if kind == "OutOfMemoryException" or isinstance(error, MemoryError):
        return Fault("too-large", "it needs more memory than it may use")
    if kind == "PermissionException" or "read-only" in text:
        return Fault("refused", f"it would do more than read: {text}")
    if kind in ("IOException", "FatalException") and any(words in text.lower() for words in UNREACHABLE):
        return Fault("unreachable", f"the database cannot be read: {text}")
    return Fault("invalid", text)


def _first(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:400]


def tables_of(columns: list[tuple[Any, ...]], keys: list[tuple[Any, ...]], default: str) -> list[Table]:
    """Tables from rows of ``information_schema.columns`` and of constraints (schema, table, kind, columns, target, its
    columns). Those of the schema `default` are known by their plain names.
    """
    held: dict[str, list[Column]] = {}
    for schema, table, name, kind, nullable in columns:
        held.setdefault(_name(schema, table, default), []).append(Column(str(name), str(kind), nullable == "YES"))
    unique: dict[str, list[tuple[str, ...]]] = {}
    foreign: dict[str, list[Foreign]] = {}
    for schema, table, kind, own, target, other in keys:
        name = _name(schema, table, default)
        if kind == "PRIMARY KEY":
            unique.setdefault(name, []).insert(0, tuple(own))
        elif kind == "UNIQUE":
            unique.setdefault(name, []).append(tuple(own))
        elif kind == "FOREIGN KEY" and target:
            foreign.setdefault(name, []).append(Foreign(tuple(own), str(target), tuple(other or ())))
    return [
        Table(name, tuple(each), tuple(unique.get(name, ())), tuple(foreign.get(name, ())))
        for name, each in held.items()
    ]


def _name(schema: object, table: object, default: str) -> str:
    return str(table) if schema == default else f"{schema}.{table}"
