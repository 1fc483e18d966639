"""What language models answered in the runs that have not ended, in PostgreSQL: the twin of `revet.store.replies`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from revet.store.postgres.connection import Postgres
from revet.store.postgres.text import escaped, unescaped

__all__ = ["PostgresReplies"]

_KEEP = (
    "INSERT INTO revet.replies (run, key, reply) VALUES (%s, %s, %s)"
    " ON CONFLICT (run, key) DO UPDATE SET reply = excluded.reply"
)


class PostgresReplies:
    """`revet.store.ReplyStore` in the database at `url`, for any number of processes and threads."""

    def __init__(self, url: str) -> None:
        self._postgres = Postgres(url)

    def load(self, run: str) -> dict[str, str]:
        """The replies of a run, by key."""
        found = self._postgres.query("SELECT key, reply FROM revet.replies WHERE run = %s", escaped(run))
        return {unescaped(key): unescaped(reply) for key, reply in found}

    def runs(self) -> frozenset[str]:
        """The runs of which replies are kept."""
        return frozenset(unescaped(run) for (run,) in self._postgres.query("SELECT DISTINCT run FROM revet.replies"))

    def write(self, news: Sequence[tuple[str, str, str] | str]) -> None:
        """Keep replies, each as (run, key, reply), and forget those of runs that have ended, given by their ids.

        In this order, in one transaction. Raises `StoreError`, and then nothing is written.
        """

        def act(connection: Connection[Any]) -> None:
            with connection.pipeline():
                for each in news:
                    if isinstance(each, str):
                        connection.execute("DELETE FROM revet.replies WHERE run = %s", (escaped(each),))
                    else:
                        connection.execute(_KEEP, [escaped(text) for text in each])

        self._postgres.write(act)

    def close(self) -> None:
        """Nothing to do: the connections are those of all who use this database."""
