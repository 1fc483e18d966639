"""PostgreSQL: a REPEATABLE READ transaction, and a second session that sees the same snapshot without its changes.

Which tables were written the transaction's own locks tell, so triggers, cascades and partitions count. New versions of
rows are those with the transaction's id (or a later one: of its savepoints); old ones those that the second session
finds locked and the first does not see any more. Rows travel as the texts that the server itself writes and reads.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .base import MARKS, Bounds, Fault, Row, TableDifference, compared, quoted
from .catalog import (
    COLUMNS,
    KEY,
    MOST_LOCKED,
    PORTION,
    SCHEMA,
    SEQUENCES,
    SETTINGS,
    TABLES,
    WRITING,
    fired,
    named,
    reaching,
    secrets_of,
    shown,
    unreached,
)

__all__ = ["Postgres"]

READS = re.compile(r"(select|values|table)\b", re.IGNORECASE)
THINGS = {"r": "table", "p": "table", "v": "view", "m": "materialized view", "i": "index", "S": "sequence"}


class Postgres:
    kind = "postgresql"

    def __init__(self, url: str, shown: str, bounds: Bounds, *, shield: bool = False) -> None:
        self.shown, self.bounds, self._shield = shown, bounds, shield
        self._writer = self._connect(url)
        try:
            self._reader = self._connect(url)
        except Fault:
            self._writer.close()
            raise
        self._schema_before: dict[tuple[str, str, str], str] = {}
        self._kept: dict[tuple[str, str], tuple[list[str], list[str], list[Row]]] = {}
        self._many: dict[tuple[str, str], int] = {}
        self._shielded: set[tuple[str, str]] = set()
        self._told: list[str] = []
        self._replayed, self._straight = False, True

    def _connect(self, url: str) -> Any:
        try:
            import psycopg
        except ImportError:
            raise Fault("dependency", "psycopg is not installed: pip install 'revet[postgres]'") from None
        try:
            return psycopg.connect(
                url,
                connect_timeout=max(2, int(min(self.bounds.seconds, 10))),
                application_name="revet",
                autocommit=True,
                prepare_threshold=None,
                options=f"{SETTINGS} -c lock_timeout={int(self.bounds.lock * 1000)} "
                f"-c statement_timeout={int(self.bounds.seconds * 1000)}",
            )
        except (psycopg.Error, OSError, UnicodeError) as error:
            raise unreached(error, self.shown, secrets_of(url)) from None

    def begin(self, statements: Sequence[str] = ()) -> None:
        self._writer.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        snapshot = self._writer.execute("SELECT pg_export_snapshot()").fetchone()[0]
        self._reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._reader.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        self._writer.execute("SELECT pg_current_xact_id()")
        self._schema_before = self._schema(self._writer)
        self._straight = not any("rollback" in sql.lower() for sql in statements)
        self._kept, self._many, self._shielded, self._told, self._replayed = {}, {}, set(), [], False
        if self._shield:
            self._keep_sequences(statements)
        self._writer.execute("SAVEPOINT revet_text")

    def _keep_sequences(self, statements: Sequence[str]) -> None:
        """What nextval does is never rolled back; a sequence that was restarted in the transaction is."""
        import psycopg

        names = {word.lower() for sql in statements for word in re.findall(r'[^\W\d]\w*|"[^"]+"', sql)}
        if not names & {"insert", "merge", "call", "do"}:
            return
        rows = self._writer.execute(SEQUENCES, (sorted(name.strip('"') for name in names),)).fetchall()
        for schema, name in rows[:50]:
            self._writer.execute("SAVEPOINT revet_sequence")
            try:
                value, called = self._writer.execute(
                    f"SELECT last_value, is_called FROM {quoted(schema, name)}"
                ).fetchone()
                step = self._writer.execute(
                    "SELECT seqincrement FROM pg_sequence WHERE seqrelid = %s::regclass", (quoted(schema, name),)
                ).fetchone()[0]
                next_value = value + step if called else value
                self._writer.execute(f"ALTER SEQUENCE {quoted(schema, name)} RESTART WITH {int(next_value)}")
                self._shielded.add((schema, name))
            except psycopg.Error:
                self._writer.execute("ROLLBACK TO SAVEPOINT revet_sequence")

    def run(self, sql: str) -> int | None:
        cursor = self._writer.cursor()
        # With (no) parameters, for then the server takes one statement alone, whatever the text was split into.
        text = sql.replace("%", "%%")
        if READS.match(sql):
            for _ in cursor.stream(text, ()):  # row by row: there may be more than memory holds
                pass
        else:
            cursor.execute(text, ())
        if self._writer.info.transaction_status.name != "INTRANS":
            raise Fault("refused", "it ends the transaction that it is tried in")
        return cursor.rowcount if cursor.rowcount >= 0 and not str(cursor.statusmessage).startswith("SELECT") else None

    def fault(self, error: BaseException) -> tuple[str, bool]:
        state = getattr(error, "sqlstate", None) or ""
        text = " ".join(str(error).split())[:500]
        if state == "55P03":
            text = f"somebody holds a lock that it needs, and did not let go within {self.bounds.lock:g} s: {text}"
        elif state == "57014":
            text = f"it did not end within {self.bounds.seconds:g} s"
        elif state == "40001":
            text = f"somebody changed the same rows meanwhile: {text}"
        return text, state.startswith("23")

    def replay(self) -> bool:
        """Tables that nobody else can read now are read first, from before the text; then it is run again."""
        if self._replayed:
            return False
        closed = [row for row in self._tables() if row[3] == "r" and row[4] and not row[6]]
        closed = [row for row in closed if (row[1], row[2], "r") in self._schema_before]
        gone = [key for key in self._schema_before if key[2] == "r" and key not in self._schema(self._writer)]
        if not closed and not gone:
            return False
        self._replayed = True
        self._writer.execute("ROLLBACK TO SAVEPOINT revet_text")
        for schema, name in {(row[1], row[2]) for row in closed} | {key[:2] for key in gone}:
            oid = self._oid(self._writer, schema, name)
            columns, key = self._shape(self._writer, oid)
            self._kept[schema, name] = columns, key, self._all(self._writer, schema, name, columns, "")
            if len(self._kept[schema, name][2]) > self.bounds.rows:
                self._many[schema, name] = self._number(schema, name)
        return True

    def difference(self) -> list[TableDifference]:
        after = self._schema(self._writer)
        found: dict[str, TableDifference] = {}
        for _, schema, name, kind, _, wrote, made in self._tables():
            if kind == "f" and wrote:
                raise Fault("refused", f"{name} is a table of another server: what is done there is not taken back")
            if kind == "S" and (schema, name) not in self._shielded and not made and self._shield:
                self._told.append(
                    f"the sequence {shown(schema, name)} was advanced by the trial; that is never rolled back"
                )
            if kind == "r" and name != MARKS and (wrote or (schema, name) in self._kept):
                each = self._compared(schema, name, (schema, name, "r") in self._schema_before)
                if not each.empty:
                    found[each.table] = each
        for schema, name, kind in sorted(after.keys() ^ self._schema_before.keys()):
            self._changed(found, (schema, name, kind), after)
        for thing in sorted(
            key for key in after.keys() & self._schema_before.keys() if after[key] != self._schema_before[key]
        ):
            if (thing[0], thing[1]) not in self._shielded or thing[2] != "S":
                each = found.setdefault(shown(*thing[:2]), TableDifference(shown(*thing[:2]), []))
                each.shape, each.thing, each.form = True, THINGS.get(thing[2], thing[2]), after[thing]
        return [found[name] for name in sorted(found)]

    def _changed(self, found: dict[str, TableDifference], thing: tuple[str, str, str], after: dict[Any, str]) -> None:
        schema, name, kind = thing
        if name == MARKS or name.startswith(f"{MARKS}_"):
            return
        label = shown(schema, name)
        if thing not in after and kind == "r" and (schema, name) in self._kept and label not in found:
            columns, key, rows = self._kept[schema, name]
            places = [columns.index(each) for each in key]
            found[label] = compared(label, columns, places, rows, [], self.bounds.rows)
            found[label].deleted = self._many.get((schema, name), len(rows))
        each = found.setdefault(label, TableDifference(label, []))
        each.made, each.dropped = thing in after, thing not in after
        each.thing, each.form = THINGS.get(kind, kind), after.get(thing, "")

    def _tables(self) -> list[Any]:
        rows: list[Any] = self._writer.execute(TABLES, (list(WRITING),)).fetchall()
        return rows

    def _schema(self, connection: Any) -> dict[tuple[str, str, str], str]:
        rows = connection.execute(SCHEMA, ()).fetchall()
        return {(schema, name, kind): text for schema, name, kind, text in rows if MARKS not in name}

    def _oid(self, connection: Any, schema: str, name: str) -> int:
        return int(connection.execute("SELECT %s::regclass::oid", (quoted(schema, name),)).fetchone()[0])

    def _shape(self, connection: Any, oid: int) -> tuple[list[str], list[str]]:
        columns = [row[0] for row in connection.execute(COLUMNS, (oid,)).fetchall() if not row[2]]
        return columns, [row[0] for row in connection.execute(KEY, (oid,)).fetchall()]

    def _all(self, connection: Any, schema: str, name: str, columns: Sequence[str], where: str) -> list[Row]:
        chosen = ", ".join(f"{quoted(each)}::text" for each in columns) or "''"
        rows = connection.execute(
            f"SELECT {chosen} FROM ONLY {quoted(schema, name)} {where} LIMIT {self.bounds.rows + 1}".replace("%", "%%"),
            (),
        )
        return [tuple(row) for row in rows.fetchall()]

    def _compared(self, schema: str, name: str, before: bool) -> TableDifference:
        columns, key = self._shape(self._writer, self._oid(self._writer, schema, name))
        kept, label = self._kept.get((schema, name)), shown(schema, name)
        if kept is None and self._straight and max(self._counts(schema, name)) > self.bounds.rows:
            return self._counted(label, schema, name, columns)  # rather than look at each
        if kept is not None:
            columns = [each for each in columns if each in kept[0]]
            order = [kept[0].index(each) for each in columns]
            old = [tuple(row[place] for place in order) for row in kept[2]]
            new = self._all(self._writer, schema, name, columns, "")
        else:
            new = self._all(self._writer, schema, name, columns, "WHERE age(xmin) <= 0")
            old = self._gone(schema, name, columns) if before else []
        places = [columns.index(each) for each in key if each in columns]
        if max(len(old), len(new)) > self.bounds.rows:
            return self._counted(label, schema, name, columns)
        found = compared(label, columns, places, old, new, self.bounds.rows)
        found.made = not before
        return found

    def _gone(self, schema: str, name: str, columns: Sequence[str]) -> list[Row]:
        """The rows that the transaction deleted, or replaced by a new version, as they were."""
        table = quoted(schema, name).replace("%", "%%")
        rows = self._reader.execute(
            f"SELECT ctid::text FROM ONLY {table} WHERE xmax::text <> '0' LIMIT %s", (MOST_LOCKED,)
        )
        locked = [row[0] for row in rows.fetchall()]
        if len(locked) == MOST_LOCKED:
            raise Fault("failed", f"more than {MOST_LOCKED:,} rows of {name} are locked or replaced: that is too many")
        gone: list[str] = []
        for start in range(0, len(locked), PORTION):
            portion = locked[start : start + PORTION]
            still = self._writer.execute(
                f"SELECT ctid::text FROM ONLY {table} WHERE ctid = ANY(%s::tid[]) AND age(xmin) > 0", (portion,)
            ).fetchall()
            left = {row[0] for row in still}
            gone += [place for place in portion if place not in left]
        chosen = ", ".join(f"{quoted(each)}::text" for each in columns).replace("%", "%%") or "''"
        found: list[Row] = []
        for start in range(0, min(len(gone), self.bounds.rows + PORTION), PORTION):
            portion = gone[start : start + PORTION]
            seen = self._reader.execute(f"SELECT {chosen} FROM ONLY {table} WHERE ctid = ANY(%s::tid[])", (portion,))
            found += [tuple(row) for row in seen.fetchall()]
        return found

    def _counts(self, schema: str, name: str) -> tuple[int, int, int]:
        """How many rows were added, changed, deleted, by the server's own count: taken back or not."""
        total = self._writer.execute(
            "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables WHERE relid = %s::regclass",
            (quoted(schema, name),),
        ).fetchone()
        return total or (0, 0, 0)

    def _number(self, schema: str, name: str) -> int:
        rows = self._writer.execute(f"SELECT count(*) FROM ONLY {quoted(schema, name)}".replace("%", "%%"), ())
        return int(rows.fetchone()[0])

    def _counted(self, label: str, schema: str, name: str, columns: Sequence[str]) -> TableDifference:
        """Too many rows to keep."""
        found = TableDifference(label, list(columns), complete=False)
        found.inserted, found.updated, found.deleted = self._counts(schema, name)
        if (schema, name) in self._many:  # emptied as a whole: no row of it is counted
            fewer = self._many[schema, name] - self._number(schema, name)
            found.inserted, found.deleted = max(found.inserted, -fewer), max(found.deleted, fewer)
        found.why = f"more than {self.bounds.rows:,} rows differ: they are counted, not kept"
        return found

    def locks(self) -> list[str]:
        rows = self._writer.execute(
            "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE l.pid = pg_backend_pid() AND l.granted "
            "AND n.nspname NOT IN ('pg_catalog', 'pg_toast') AND l.mode <> 'AccessShareLock' ORDER BY 1, 2 LIMIT 50"
        ).fetchall()
        own = {name for _, name in self._shielded}
        return [f"{mode} on {name}" for name, mode in rows if not name.startswith(MARKS) and name not in own]

    def notes(self) -> list[str]:
        return self._told

    def reaching(self, names: Sequence[str], words: Sequence[str]) -> list[str]:
        """What reaches beyond the transaction: of the functions of these names, and of triggers on these tables."""
        return [*(reaching(self._reader, names) if names else ()), *(fired(self._reader, words) if words else ())]

    # --- undo ---------------------------------------------------------------------------

    def before_undo(self) -> None:
        """Rows are put back as they were: triggers would do more. Only a superuser may say so."""
        import psycopg

        with suppress(psycopg.Error):
            self._writer.execute("SET session_replication_role = replica")

    def apply(self, differences: Sequence[TableDifference]) -> None:
        import psycopg

        for each in differences:
            for change in sorted(each.changes, key=lambda change: (change[1] is not None, change[0] is None)):
                try:
                    self._change(each, *change)
                except psycopg.IntegrityError as error:
                    text = f"a row of {each.table} cannot be put back: {self.fault(error)[0]}"
                    raise Fault("conflict", text, tables=[each.table]) from None
        for made in sorted((each for each in differences if each.dropped), key=lambda each: each.thing != "view"):
            if made.thing == "table" and self._writer.execute(f"SELECT 1 FROM {named(made.table)} LIMIT 1").fetchall():
                raise Fault("conflict", f"{made.table} holds rows that came later", tables=[made.table])
            self._writer.execute(f"DROP {made.thing} IF EXISTS {named(made.table)}")

    def _change(self, each: TableDifference, before: Row | None, after: Row | None) -> None:
        names, table = [quoted(name) for name in each.columns], named(each.table)
        if before is None:
            assert after is not None
            self._writer.execute(
                f"INSERT INTO {table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
                f"VALUES ({', '.join(['%s'] * len(names))})".replace("%%", "%"),
                after,
            )
            return
        same = " AND ".join(f"{name.replace('%', '%%')}::text IS NOT DISTINCT FROM %s::text" for name in names)
        where = f"ctid = (SELECT ctid FROM ONLY {table} WHERE {same} LIMIT 1)" if names else "true"
        if after is None:
            done = self._writer.execute(f"DELETE FROM ONLY {table} WHERE {where}", before)
        else:
            to = ", ".join(
                f"{name.replace('%', '%%')} = %s"
                for name, old, new in zip(names, before, after, strict=True)
                if old != new
            )
            values = [new for old, new in zip(before, after, strict=True) if old != new]
            done = self._writer.execute(f"UPDATE ONLY {table} SET {to} WHERE {where}", [*values, *before])
        if done.rowcount != 1:
            raise Fault("conflict", f"a row of {each.table} is not as the commit left it", tables=[each.table])

    # --- marks ----------------------------------------------------------------------------

    def hold(self, key: str) -> None:
        """Wait until a session that was cut off in this very commit has ended: it may still be committing."""
        self._writer.execute("SELECT pg_advisory_lock(hashtextextended(%s, 7))", (f"revet {key}",))

    def marks(self, key: str) -> set[str]:
        if self._writer.execute("SELECT to_regclass(%s)", (MARKS,)).fetchone()[0] is None:
            return set()
        rows = self._writer.execute(f"SELECT what FROM {MARKS} WHERE key = %s", (key,)).fetchall()
        return {row[0] for row in rows}

    def mark(self, key: str, what: str) -> None:
        self._writer.execute(f"INSERT INTO {MARKS} VALUES (%s, %s)", (key, what))

    def prepare_marks(self) -> None:
        """In a transaction of its own, before: two sessions that make one table at a time fail."""
        import psycopg

        with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable):
            self._writer.execute(
                f"CREATE TABLE IF NOT EXISTS {MARKS} (key text NOT NULL, what text NOT NULL, PRIMARY KEY (key, what))"
            )

    def unmark(self, key: str) -> None:
        if self._writer.execute("SELECT to_regclass(%s)", (MARKS,)).fetchone()[0] is None:
            return
        self._writer.execute(f"DELETE FROM {MARKS} WHERE key = %s", (key,))
        self._writer.execute(f"LOCK TABLE {MARKS} IN ACCESS EXCLUSIVE MODE")
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
        for each in (self._reader, self._writer):
            with suppress(Exception):
                each.close()
