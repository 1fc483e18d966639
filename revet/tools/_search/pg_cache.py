"""What was fetched from the web, kept in PostgreSQL for all who work with that database: the twin of `cache`.

Bounded as the one in SQLite is. Texts that PostgreSQL does not take (NUL, halves of surrogate pairs) are kept escaped.
"""

from __future__ import annotations

import json
import time
from typing import Any

from psycopg import Connection

from revet.errors import StoreError
from revet.store.postgres import Postgres, escaped, unescaped
from revet.tools._search.cache import DAY, Kept, NotKept

__all__ = ["PgCache"]

_PUT = (
    "INSERT INTO revet.answers (kind, key, at, source, body, bytes) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (kind, key) DO UPDATE SET at = excluded.at, source = excluded.source, body = excluded.body,"
    " bytes = excluded.bytes"
)
_IS_OVER = "SELECT COALESCE(sum(bytes), 0) > %s FROM revet.answers"
# The running sum, newest first, says which answers no longer fit.
_OVERFLOW = """
DELETE FROM revet.answers WHERE (kind, key) IN (
    SELECT kind, key FROM (
        SELECT kind, key, sum(bytes) OVER (ORDER BY at DESC, kind, key) AS total FROM revet.answers
    ) AS summed WHERE total > %s
)
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('revet.answers', 0))"


class PgCache:
    """`revet.tools._search.cache.Cache` in the database at `url`. Raises `StoreError` where it cannot be read."""

    def __init__(
        self, url: str, *, most_bytes: int = 256 * 1024 * 1024, most_days: float = 90.0, read_only: bool = False
    ) -> None:
        self.most_bytes, self.most_days, self.read_only = most_bytes, most_days, read_only
        self._postgres = Postgres(url)
        self.shown = self._postgres.shown

    def get(self, kind: str, key: str) -> Kept | None:
        """The answer, whatever its age; None if there is none. Blocking."""
        sql = "SELECT at, source, body FROM revet.answers WHERE kind = %s AND key = %s"
        rows = self._postgres.query(sql, escaped(kind), escaped(key))
        if not rows:
            return None
        at, source, text = rows[0]
        try:
            body = json.loads(unescaped(text))
        except ValueError:
            return None
        return Kept(at=float(at), source=unescaped(source), body=body) if isinstance(body, dict) else None

    def put(self, kind: str, key: str, kept: Kept) -> None:
        """Keep an answer in the place of a former one, and drop what is too old or too much. Raises `NotKept`."""
        if self.read_only:
            return
        body = json.dumps(kept.body, ensure_ascii=False).encode("utf-8", "replace").decode()
        row = (escaped(kind), escaped(key), kept.at, escaped(kept.source), escaped(body), len(body.encode()))

        def act(connection: Connection[Any]) -> None:
            connection.execute(_LOCK)  # what does not fit is dropped by one at a time
            connection.execute(_PUT, row)
            connection.execute("DELETE FROM revet.answers WHERE at < %s", (time.time() - self.most_days * DAY,))
            if connection.execute(_IS_OVER, (self.most_bytes,)).fetchone() == (True,):
                connection.execute(_OVERFLOW, (self.most_bytes,))

        try:
            self._postgres.write(act)
        except StoreError as error:
            raise NotKept(str(error)) from None

    def count(self, kind: str) -> int:
        """How many answers of a kind there are."""
        found = self._postgres.query("SELECT count(*) FROM revet.answers WHERE kind = %s", escaped(kind))
        return int(found[0][0]) if found else 0
