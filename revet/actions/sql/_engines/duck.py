"""DuckDB: a transaction on one connection, compared with what a second one of the same database sees.

There are no triggers and no cascades, so only tables that the text names can change. The text reaches no file beside
the database: external access is off, and the configuration is locked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .base import MARKS, Bounds, Fault, Row, TableDifference, compared, quoted

__all__ = ["Duck"]

NESTED = re.compile(r"STRUCT|MAP|UNION|\[\]|LIST|ARRAY|VARIANT", re.IGNORECASE)


class Duck:
    kind = "duckdb"

    def __init__(self, path: str, bounds: Bounds) -> None:
        self.path, self.bounds = path, bounds
        self._words: set[str] = set()
        self._late = False
        try:
            import duckdb
        except ImportError:
            raise Fault("dependency", "duckdb is not installed: pip install 'revet[duckdb]'") from None
        if not Path(path).is_file():
            raise Fault("missing", f"there is no database {path}")
        try:
            self._writer: Any = duckdb.connect(path, config={"enable_external_access": "false"})
            self._writer.execute("SET lock_configuration = true")
        except (duckdb.Error, OSError) as error:
            text = next(iter(str(error).splitlines()), "")[:400]
            busy = "lock" in text.lower()
            what = "is in use by another process" if busy else "cannot be opened"
            raise Fault("busy" if busy else "failed", f"{path} {what}: {text}") from None
        self._reader: Any = self._writer.cursor()

    def begin(self, statements: Sequence[str] = ()) -> None:
        self._words = {word.lower().strip('"') for sql in statements for word in re.findall(r'\w+|"[^"]+"', sql)}
        self._reader.execute("BEGIN TRANSACTION")
        self._reader.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
        self._writer.execute("BEGIN TRANSACTION")

    def run(self, sql: str) -> int | None:
        late = threading.Timer(self.bounds.seconds, self._interrupt)
        late.start()
        try:
            self._writer.execute(sql)
            rows = self._writer.fetchmany(2) if self._writer.description else []
            counted = len(rows) == 1 and [each[0] for each in self._writer.description] == ["Count"]
            return int(rows[0][0]) if counted else None
        finally:
            late.cancel()

    def _interrupt(self) -> None:
        self._late = True
        self._writer.interrupt()

    def replay(self) -> bool:
        return False

    def fault(self, error: BaseException) -> tuple[str, bool]:
        if self._late:
            return f"it did not end within {self.bounds.seconds:g} s", False
        text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:500]
        return text, type(error).__name__ == "ConstraintException"

    def difference(self) -> list[TableDifference]:
        old, new = self._schema(self._reader), self._schema(self._writer)
        found: list[TableDifference] = []
        for thing in sorted(old.keys() | new.keys()):
            schema, name, kind = thing
            shape = thing in old and thing in new and old[thing] != new[thing]
            if kind == "table" and (name.lower() in self._words or shape):
                each = self._compared(schema, name, thing in old, thing in new)
            else:
                each = TableDifference(_shown(schema, name), [])
            each.made, each.dropped, each.shape = thing not in old, thing not in new, shape
            each.thing, each.form = kind, new.get(thing, "")
            if not each.empty:
                found.append(each)
        return found

    def _schema(self, connection: Any) -> dict[tuple[str, str, str], str]:
        rows = connection.execute(
            "SELECT schema_name, table_name, 'table', sql FROM duckdb_tables() WHERE NOT internal AND NOT temporary "
            "UNION ALL SELECT schema_name, view_name, 'view', sql FROM duckdb_views() WHERE NOT internal "
            "UNION ALL SELECT schema_name, index_name, 'index', sql FROM duckdb_indexes() "
            "UNION ALL SELECT schema_name, sequence_name, 'sequence', sql FROM duckdb_sequences()"
        ).fetchall()
        return {(schema, name, kind): str(sql) for schema, name, kind, sql in rows if name != MARKS}

    def _columns(self, connection: Any, schema: str, name: str) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = ? AND table_name = ? "
            "AND database_name = current_database() ORDER BY column_index",
            [schema, name],
        ).fetchall()
        return rows

    def _compared(self, schema: str, name: str, before: bool, after: bool) -> TableDifference:
        old = self._columns(self._reader, schema, name) if before else []
        new = self._columns(self._writer, schema, name) if after else []
        shared = (
            [each for each, _ in new if each in dict(old)] if before and after else [each for each, _ in new or old]
        )
        keys = (
            (self._writer if after else self._reader)
            .execute(
                "SELECT constraint_column_names FROM duckdb_constraints() WHERE schema_name = ? AND table_name = ? "
                "AND constraint_type = 'PRIMARY KEY' AND database_name = current_database()",
                [schema, name],
            )
            .fetchall()
        )
        key = [shared.index(each) for each in (keys[0][0] if keys else []) if each in shared]
        left = self._rows(self._reader, schema, name, shared) if before else []
        right = self._rows(self._writer, schema, name, shared) if after else []
        found = compared(_shown(schema, name), shared, key, left, right, self.bounds.rows)
        if any(NESTED.search(kind) for _, kind in new or old):
            found.why = "it holds nested values, which are not put back"
        return found

    def _rows(self, connection: Any, schema: str, name: str, columns: Sequence[str]) -> list[Row]:
        chosen = ", ".join(f"CAST({quoted(each)} AS VARCHAR)" for each in columns) or "''"
        return [tuple(row) for row in connection.execute(f"SELECT {chosen} FROM {quoted(schema, name)}").fetchall()]

    def locks(self) -> list[str]:
        return ["no other process could open the database meanwhile"]

    def notes(self) -> list[str]:
        return []

    def hold(self, key: str) -> None:
        """A process that ended holds nothing: there is nobody to wait for."""

    def prepare_marks(self) -> None:
        """The table of marks is made in the transaction itself."""

    def before_undo(self) -> None:
        """Nothing is to be turned off."""

    def apply(self, differences: Sequence[TableDifference]) -> None:
        import duckdb

        self._words |= {each.table.rsplit(".", 1)[-1].lower() for each in differences}
        for each in differences:
            for change in sorted(each.changes, key=lambda change: (change[1] is not None, change[0] is None)):
                try:
                    self._change(each, *change)
                except duckdb.ConstraintException as error:
                    text = f"a row of {each.table} cannot be put back: {self.fault(error)[0]}"
                    raise Fault("conflict", text, tables=[each.table]) from None
        for made in sorted((each for each in differences if each.dropped), key=lambda each: each.thing == "table"):
            if made.thing == "table" and self._writer.execute(f"SELECT 1 FROM {_name(made.table)} LIMIT 1").fetchall():
                raise Fault("conflict", f"{made.table} holds rows that came later", tables=[made.table])
            self._writer.execute(f"DROP {made.thing} {_name(made.table)}")

    def _change(self, each: TableDifference, before: Row | None, after: Row | None) -> None:
        names, table = [quoted(name) for name in each.columns], _name(each.table)
        if before is None:
            assert after is not None
            self._writer.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['?'] * len(names))})", list(after)
            )
            return
        same = " AND ".join(f"CAST({name} AS VARCHAR) IS NOT DISTINCT FROM CAST(? AS VARCHAR)" for name in names)
        where = f"rowid = (SELECT rowid FROM {table} WHERE {same} LIMIT 1)"
        if not self._writer.execute(f"SELECT 1 FROM {table} WHERE {same} LIMIT 1", list(before)).fetchall():
            raise Fault("conflict", f"a row of {each.table} is not as the commit left it", tables=[each.table])
        if after is None:
            self._writer.execute(f"DELETE FROM {table} WHERE {where}", list(before))
            return
        pairs = [(name, new) for name, old, new in zip(names, before, after, strict=True) if old != new]
        to = ", ".join(f"{name} = ?" for name, _ in pairs)
        self._writer.execute(f"UPDATE {table} SET {to} WHERE {where}", [*(new for _, new in pairs), *before])

    def marks(self, key: str) -> set[str]:
        known = self._writer.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [MARKS]).fetchall()
        rows = self._writer.execute(f"SELECT what FROM {MARKS} WHERE key = ?", [key]).fetchall() if known else []
        return {str(row[0]) for row in rows}

    def mark(self, key: str, what: str) -> None:
        self._writer.execute(f"CREATE TABLE IF NOT EXISTS {MARKS} (key VARCHAR NOT NULL, what VARCHAR NOT NULL)")
        self._writer.execute(f"INSERT INTO {MARKS} VALUES (?, ?)", [key, what])

    def unmark(self, key: str) -> None:
        if self._writer.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [MARKS]).fetchall():
            self._writer.execute(f"DELETE FROM {MARKS} WHERE key = ?", [key])
            if not self._writer.execute(f"SELECT 1 FROM {MARKS} LIMIT 1").fetchall():
                self._writer.execute(f"DROP TABLE {MARKS}")

    def commit(self) -> None:
        self._reader.execute("ROLLBACK")
        self._writer.execute("COMMIT")

    def rollback(self) -> None:
        for each in (self._reader, self._writer):
            with suppress(Exception):
                each.execute("ROLLBACK")

    def close(self) -> None:
        self.rollback()
        for each in (self._reader, self._writer):
            with suppress(Exception):
                each.close()


def _shown(schema: str, name: str) -> str:
    return name if schema == "main" else f"{schema}.{name}"


def _name(shown: str) -> str:
    return quoted(*shown.split(".", 1)) if "." in shown else quoted("main", shown)
