"""Notes in PostgreSQL: the tables of `Corrections`, found with a text search of its own whose ranking is SQLite's.

Words are split and stemmed as FTS5 does it (letters and digits, without accents, English stems), and what is found is
in the order of BM25 with the constants of FTS5: PostgreSQL's own ranks do not count how rare a word is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Cursor

from revet.schema import Note
from revet.store.notes import COLUMNS, among
from revet.store.postgres.connection import Postgres
from revet.store.postgres.text import escaped, unescaped

__all__ = ["PostgresNotes"]

_HERE = "SET LOCAL search_path TO revet, pg_catalog"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('revet.notes', 0))"
_WORD = re.compile(r"[^\W_]+")

_INDEX = """
UPDATE revet.notes SET length = %s,
    words = setweight(to_tsvector('revet.words', %s), 'A') || setweight(to_tsvector('revet.words', %s), 'B')
WHERE id = %s
"""
# BM25 with k1 = 1.2 and b = 0.75; a word of the goal (A) counts twice. What is rare is so among the notes of all kinds.
_NEAREST = f"""
WITH asked AS (
    SELECT lexeme, cardinality(positions) AS times FROM unnest(to_tsvector('revet.words', %s))
), question AS (
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS query FROM asked
), met AS (
    SELECT n.number, n.length, asked.lexeme, asked.times,
        (SELECT sum(CASE weight WHEN 'A' THEN 2.0 ELSE 1.0 END) FROM unnest(held.weights) AS weight)::float8 AS often
    FROM revet.notes AS n, question, unnest(n.words) AS held JOIN asked ON asked.lexeme = held.lexeme
    WHERE n.words @@ question.query
), world AS (
    SELECT count(*)::float8 AS notes, avg(length)::float8 AS length FROM revet.notes
), rare AS (
    SELECT lexeme, greatest(ln((max(world.notes) - count(*) + 0.5) / (count(*) + 0.5)), 1e-6) AS worth
    FROM met, world GROUP BY lexeme
), near AS (
    SELECT number, sum(times * worth * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * met.length / world.length))) AS score
    FROM met JOIN rare USING (lexeme), world GROUP BY number
)
SELECT {COLUMNS}, near.score FROM near JOIN revet.notes AS n USING (number) WHERE TRUE{{condition}}
ORDER BY near.score DESC, n.number LIMIT %s
"""
_UNDONE = "SELECT DISTINCT s.run FROM revet.sources AS s JOIN revet.runs AS r ON r.id = s.run WHERE r.undone"


class PostgresNotes:
    """`revet.store.corrections.Notes` in the database at `url`."""

    def __init__(self, url: str) -> None:
        self._postgres = Postgres(url)
        self._there = False

    @property
    def exists(self) -> bool:
        self._there = self._there or bool(self._postgres.query("SELECT 1"))
        return self._there

    def rows(self, sql: str, values: Sequence[str | int] = ()) -> list[tuple[Any, ...]]:
        if not self.exists:
            return []
        return self._postgres.write(lambda connection: list(_Writing(connection).execute(sql, values)))

    def index(self, db: Any, note: Note) -> None:
        goal, text = _said(note.goal), _said(note.text)
        db.connection.execute(_INDEX, (len(goal) + len(text), " ".join(goal), " ".join(text), escaped(note.id)))

    def nearest(self, words: Sequence[str], kinds: Sequence[str], limit: int) -> list[tuple[Any, ...]]:
        asked = _said(" ".join(words))
        condition, values = among(kinds)
        sql = _NEAREST.format(condition=condition.replace("?", "%s"))
        found = self._postgres.query(sql, " ".join(asked), *map(escaped, values), limit) if asked else []
        return [_read(row) for row in found]

    def undone(self) -> frozenset[str]:
        return frozenset(unescaped(run) for (run,) in self._postgres.query(_UNDONE))

    @contextmanager
    def write(self) -> Iterator[_Writing]:
        with self._postgres.transaction() as connection:
            connection.execute(_LOCK)  # one writer at a time, as in SQLite: nobody meets half of what another does
            yield _Writing(connection)


class _Writing:
    """A connection to the tables of the schema, for statements whose marks are ``?``."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self.connection = connection
        connection.execute(_HERE)

    def execute(self, sql: str, values: Sequence[str | int] = ()) -> _Rows:
        held = [escaped(value) if isinstance(value, str) else value for value in values]
        return _Rows(self.connection.execute(sql.replace("?", "%s").encode(), held))


class _Rows:
    """The rows of a statement, with their texts as they were."""

    def __init__(self, found: Cursor[tuple[Any, ...]]) -> None:
        self._found = found

    @property
    def rowcount(self) -> int:
        return self._found.rowcount

    def fetchone(self) -> tuple[Any, ...] | None:
        row = self._found.fetchone()
        return None if row is None else _read(row)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return map(_read, self._found.fetchall())


def _read(row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(unescaped(value) if isinstance(value, str) else value for value in row)


def _said(text: str) -> list[str]:
    """The words of a text in their order: runs of letters and digits in lower case, without accents."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return _WORD.findall(plain.lower())
