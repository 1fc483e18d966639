"""PostgreSQL, only read: one statement in a read-only transaction with a time limit, always rolled back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from .duck import tables_of
from .model import Bounds, Fault, Result, Schema, taken

__all__ = ["Postgres", "open_url"]

COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END, n.nspname = current_schema()
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname, a.attnum LIMIT 20000
"""
KEYS = """
SELECT n.nspname, c.relname,
       CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY x(num, ord)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.num ORDER BY x.ord),
       f.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY x(num, ord)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.num ORDER BY x.ord)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype IN ('p', 'u', 'f') ORDER BY k.oid LIMIT 20000
"""
# Functions that act or read beyond the transaction, or run text as SQL. The name alone is enough, for between it and
# its parenthesis there may be comments; names written with Unicode escapes are refused altogether.
FORBIDDEN = re.compile(
    r"\b(pg_(?:read_(?:binary_)?file|ls_\w+|stat_file|terminate_backend|cancel_backend|reload_conf|rotate_logfile\w*|"
    r"promote|switch_wal|logical_\w+|create_\w+|drop_\w+|file_\w+|execute_server_program|notify|log_\w+|"
    r"(?:try_)?advisory_\w+|start_backup|stop_backup|backup_\w+|wal_\w+|export_snapshot)|"
    r"lo_(?:import|export|creat|create|unlink|put|from_bytea|open|truncate\w*)|loread|lowrite|dblink\w*|set_config|"
    r"(?:query|database|schema|table|cursor)_to_xml\w*|ts_stat|ts_rewrite)\b|\bu&\"",
    re.IGNORECASE,
)
PORTION = 200
OPTIONS = "-c default_transaction_read_only=on -c lock_timeout=2000 -c idle_in_transaction_session_timeout=60000"
READS = re.compile(r"[\s(]*(select|with|values|table|explain)\b", re.IGNORECASE)


def open_url(url: str, seconds: float) -> Postgres:
    try:
        import psycopg
    except ImportError:
        raise Fault("unreachable", "psycopg is not installed: pip install 'revet[postgres]'") from None
    try:
        connection = psycopg.connect(
            url,
            connect_timeout=max(2, int(min(seconds, 10))),
            application_name="revet",
            autocommit=True,
            options=OPTIONS,
        )
    except (psycopg.Error, OSError, UnicodeError) as error:
        raise Fault("unreachable", f"the server cannot be asked: {_safe(str(error), url)}") from None
    return Postgres(connection)


class Postgres:
    dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def schema(self) -> Schema:
        bounds = Bounds(seconds=10.0, rows=20_000)
        columns = self._run(COLUMNS, bounds).rows
        default = next((row[0] for row in columns if row[5]), "public")
        keys = self._run(KEYS, bounds).rows
        return Schema.of(tables_of([tuple(row[:5]) for row in columns], [tuple(row) for row in keys], default))

    def explain(self, sql: str) -> str:
        self._refuse(sql)
        rows = self._run(f"EXPLAIN {sql}", Bounds(seconds=5.0, rows=200)).rows
        return "\n".join(str(row[0]) for row in rows)

    def query(self, sql: str, bounds: Bounds) -> Result:
        self._refuse(sql)
        return self._run(sql.replace("%", "%%"), bounds)

    def close(self) -> None:
        with suppress(Exception):
            self._connection.close()

    def _refuse(self, sql: str) -> None:
        if not READS.match(_bare(sql)):
            raise Fault("refused", "it would do more than read: only SELECT, WITH, VALUES and TABLE are run")
        found = FORBIDDEN.search(sql)
        if found:
            raise Fault("refused", f"it would do more than read: {found[1] or 'a name in Unicode escapes'}")

    def _run(self, sql: str, bounds: Bounds) -> Result:
        """With (no) parameters, so that the extended protocol is used, which takes one statement alone."""
        import psycopg

        start = time.monotonic()
        connection = self._connection
        try:
            connection.execute("BEGIN READ ONLY")
            try:
                connection.execute(f"SET LOCAL statement_timeout = {max(1, int(bounds.seconds * 1000))}")
                cursor = connection.cursor()
                if re.match(r"\s*explain\b", sql, re.IGNORECASE):
                    cursor.execute(sql.replace("%", "%%"), ())
                    found = iter(cursor.fetchall())
                else:
                    cursor.execute(f"DECLARE revet NO SCROLL CURSOR FOR {sql}", ())
                    found = _fetched(cursor)
                rows, more = taken(found, bounds)
                columns = tuple(each.name for each in cursor.description or ())
            finally:
                connection.execute("ROLLBACK")
        except (psycopg.Error, ValueError, OverflowError, MemoryError, UnicodeError) as error:
            raise _fault(error, bounds) from None
        return Result(columns, rows, more, time.monotonic() - start)


def _fetched(cursor: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of the open cursor, in portions."""
    while True:
        cursor.execute(f"FETCH {PORTION} FROM revet")
        portion = cursor.fetchall()
        yield from portion
        if len(portion) < PORTION:
            return


def _fault(error: BaseException, bounds: Bounds) -> Fault:
    state = getattr(error, "sqlstate", None) or ""
    text = " ".join(str(error).split("\n")[0].split())[:400]
    if state == "57014":
        return Fault("timeout", f"it did not end within {bounds.seconds:g} s")
    if state in ("25006", "42501"):
        return Fault("refused", f"it would do more than read, or is not permitted: {text}")
    if state == "42601" and "multiple commands" in text:
        return Fault("refused", "it holds several statements; give one query")
    if state.startswith("53") or state == "54001" or isinstance(error, MemoryError):
        return Fault("too-large", f"it needs more than it may use: {text}")
    if state.startswith(("08", "57P", "55P")) or not state:
        return Fault("unreachable", f"the server did not answer: {text}" if text else "the server did not answer")
    return Fault("invalid", text)


def _bare(sql: str) -> str:
    """Without the comments that a query starts with."""
    return re.sub(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", "", sql, flags=re.DOTALL)


def _safe(text: str, url: str) -> str:
    """Without the password of the URL, which libpq may quote."""
    secret = re.search(r"//[^:/@]*:([^@]*)@", url)
    text = " ".join(text.split())[:400]
    return text.replace(secret[1], "***") if secret and secret[1] else text
