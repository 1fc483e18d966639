"""The runs in PostgreSQL, for many processes on many machines (`revet.store.backend.Backend`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg import Connection

from revet.store.backend import Statement, Value
from revet.store.listing import OLD
from revet.store.postgres.connection import Postgres
from revet.store.postgres.leases import PostgresLeases
from revet.store.postgres.text import escaped, unescaped

__all__ = ["PostgresRuns"]

_WORDS = {
    "runs": "revet.runs AS runs",
    "number": "number",
    "limit": "LIMIT NULLIF(?, -1)",
    "find": "strpos",
    "alone": "",
} | {name: name for name in OLD}


class PostgresRuns:
    """The database at `url`. Making one touches nothing. `lease` is in seconds."""

    words = _WORDS

    def __init__(self, url: str, lease: float) -> None:
        self._db = Postgres(url)
        self.leases = PostgresLeases(self._db, lease)

    @property
    def shown(self) -> str:
        return self._db.shown

    @property
    def source(self) -> str:
        return self._db.shown

    def prepare(self) -> None:
        self._db.prepare()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The connections are kept anyway: what is made here is only the schema."""
        self._db.prepare()
        yield

    def write(self, statements: Sequence[Statement], runs: Sequence[str]) -> None:
        def act(connection: Connection[Any]) -> None:
            self.leases.fence(connection, runs)
            with connection.pipeline():
                for sql, values in statements:
                    connection.execute(_in_dialect(sql), [_kept(each) for each in values])

        self._db.write(act)

    def query(self, sql: str, values: Sequence[Value]) -> list[tuple[Any, ...]]:
        found = self._db.query(_in_dialect(sql).decode(), *(_kept(each) for each in values))
        return [tuple(unescaped(each) if isinstance(each, str) else each for each in row) for row in found]


def _in_dialect(sql: str) -> bytes:
    return sql.format_map(_WORDS).replace("%", "%%").replace("?", "%s").encode()


def _kept(value: Value) -> Value:
    return escaped(value) if isinstance(value, str) else value
