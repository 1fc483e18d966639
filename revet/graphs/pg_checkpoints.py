"""Checkpoints in PostgreSQL: the tables of LangGraph's saver, in the schema of the store, with the writes of all runs
of a process gathered.

As in SQLite (see `checkpoints`), large parts of the state are written once for each run: among LangGraph's blobs, as
those of a channel that no state has, with their digest for a version.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)

from revet.errors import MissingDependency, StoreError
from revet.graphs.batches import Batches
from revet.graphs.packing import Packer
from revet.store.postgres import Postgres, escaped, unescaped
from revet.store.postgres.leases import PostgresLeases

try:
    from langgraph.checkpoint.postgres import PostgresSaver
    from langgraph.checkpoint.postgres.base import BasePostgresSaver
    from psycopg import Connection
    from psycopg.rows import DictRow
    from psycopg.types.json import Jsonb
except ImportError as error:
    raise MissingDependency(
        f"checkpoints in PostgreSQL need a package that is missing: {error}", hint="pip install 'revet[postgres]'"
    ) from error

__all__ = ["PgCheckpoints", "reading"]

PARTS = "revet.parts"
"""Stands for the channel of the parts. No channel of a state has a dot in its name."""

_HERE = "SET LOCAL search_path TO revet, pg_catalog"
_ONE_INSTANT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('revet.checkpoints', 0))"
_PARTS_OF = "SELECT version, blob FROM checkpoint_blobs WHERE thread_id = %s AND checkpoint_ns = '' AND channel = %s"
_NO_TABLE: Sequence[list[tuple[Any, ...]]] = ([], [(None,)])
_TABLES = ("checkpoints", "checkpoint_writes", "checkpoint_blobs")

Statements = tuple[str, Sequence[tuple[str, Sequence[tuple[Any, ...]]]]]
"""Of a run: SQL, and the rows to carry it out for."""


@contextmanager
def reading(url: str) -> Iterator[PostgresSaver | None]:
    """The checkpoints in the database at `url` as they are at one instant; None where there are none yet.

    Nothing is written. Raises `StoreError` for a database that cannot be read.
    """
    postgres = Postgres(url)
    if postgres.query("SELECT to_regclass('revet.checkpoints')") in _NO_TABLE:
        yield None
        return
    with postgres.transaction() as connection:
        connection.execute(_ONE_INSTANT)
        connection.execute(_HERE)
        yield _Reader(connection)


class PgCheckpoints(BasePostgresSaver):
    """The checkpoints in the database at `url`, for one event loop. `prepare` makes their tables.

    A run whose lease was held here gets no more of them once another process has taken it over.
    """

    def __init__(self, url: str, leases: PostgresLeases) -> None:
        self._packer = Packer(_no_part)
        super().__init__(serde=self._packer)
        self._url, self._postgres, self._leases = url, Postgres(url), leases
        self._written: dict[str, set[str]] = {}
        self._new: set[str] = set()
        self._batches: Batches[Statements] = Batches(self._write)

    def prepare(self) -> None:
        """Make the tables, or bring those of an older LangGraph to this one's form. Blocking.

        Not by LangGraph's `setup`: it makes indexes concurrently, and a process that does waits for all that wait for
        their turn to do the same.
        """
        if _version(self._postgres) < len(self.MIGRATIONS):
            self._postgres.write(self._migrate)

    def _migrate(self, connection: Connection[Any]) -> None:
        connection.execute(_LOCK)
        connection.execute(_HERE)
        connection.execute(self.MIGRATIONS[0].encode())
        found = connection.execute("SELECT count(*) FROM checkpoint_migrations").fetchone()
        for number in range(int(found[0]) if found else 0, len(self.MIGRATIONS)):
            connection.execute(self.MIGRATIONS[number].replace("CONCURRENTLY", "").encode())
            connection.execute("INSERT INTO checkpoint_migrations (v) VALUES (%s)", (number,))

    def begins(self, run: str) -> None:
        """Of a run that is new there is nothing to read before its first checkpoint is put."""
        self._new.add(run)

    def leaves(self, run: str) -> None:
        """Keep nothing in memory of a run that nobody here works on any more."""
        self._new.discard(run)
        self._written.pop(run, None)

    # --- reading -------------------------------------------------------------------------------------------

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        if config["configurable"]["thread_id"] in self._new:
            return None

        def get() -> CheckpointTuple | None:
            with reading(self._url) as saver:
                return None if saver is None else saver.get_tuple(config)

        return await asyncio.to_thread(get)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        def get() -> list[CheckpointTuple]:
            with reading(self._url) as saver:
                return [] if saver is None else [*saver.list(config, filter=filter, before=before, limit=limit)]

        for each in await asyncio.to_thread(get):
            yield each

    def runs(self) -> frozenset[str]:
        """The runs of which checkpoints are kept. Can be called in any thread."""
        found = self._postgres.query("SELECT DISTINCT thread_id FROM revet.checkpoints")
        return frozenset(unescaped(run) for (run,) in found)

    # --- writing -------------------------------------------------------------------------------------------

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        here = config["configurable"]
        run, namespace = str(here["thread_id"]), str(here["checkpoint_ns"])
        thread = escaped(run)
        self._new.discard(run)
        plain = {name: value for name, value in checkpoint["channel_values"].items() if _is_plain(value)}
        written = self._written.setdefault(run, set())
        blobs, parts = [], {}
        for name, value in checkpoint["channel_values"].items():
            if name not in plain and name in new_versions:
                packed, needed = self._packer.dumps_value(value, thread)
                blobs.append((thread, namespace, name, new_versions[name], *packed))
                parts.update(needed)
        new = [digest for digest in parts if digest not in written]
        blobs += [(thread, "", PARTS, digest, "part", parts[digest]) for digest in new]
        kept = Jsonb({**checkpoint, "channel_values": plain})
        about = Jsonb(get_serializable_checkpoint_metadata(config, metadata))
        row = (thread, namespace, checkpoint["id"], here.get("checkpoint_id"), kept, about)
        await self._batches.put(
            (run, [(self.UPSERT_CHECKPOINT_BLOBS_SQL, blobs), (self.UPSERT_CHECKPOINTS_SQL, [row])])
        )
        written.update(new)
        return {"configurable": {"thread_id": run, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a step was interrupted with, answered or failed on; leave out what an ended node wrote, which the
        checkpoint that follows at once holds.
        """
        if not all(channel in WRITES_IDX_MAP for channel, _ in writes):
            return
        here = config["configurable"]
        run, namespace = str(here["thread_id"]), str(here["checkpoint_ns"])
        rows = self._dump_writes(escaped(run), namespace, str(here["checkpoint_id"]), task_id, task_path, writes)
        await self._batches.put((run, [(self.UPSERT_CHECKPOINT_WRITES_SQL, rows)]))

    async def adelete_thread(self, thread_id: str) -> None:
        run = str(thread_id)
        self._written.pop(run, None)
        rows = [(escaped(run),)]
        await self._batches.put((run, [(f"DELETE FROM {table} WHERE thread_id = %s", rows) for table in _TABLES]))

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._batches.drain()

    def _write(self, batch: Sequence[Statements]) -> None:
        def act(connection: Connection[Any]) -> None:
            self._leases.fence(connection, [run for run, _ in batch])
            with connection.pipeline():
                connection.execute(_HERE)
                for _, statements in batch:
                    for sql, rows in statements:
                        for row in rows:
                            connection.execute(sql.encode(), row)

        self._postgres.write(act)


class _Reader(PostgresSaver):
    """The checkpoints as a transaction sees them. The parts of a run are read at once, when the first is needed."""

    def __init__(self, connection: Connection[Any]) -> None:
        super().__init__(connection, serde=Packer(self._part))
        self._connection = connection
        self._parts: dict[str, dict[str, bytes]] = {}

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return super().get_tuple(_as_kept(config))

    def list(self, config: RunnableConfig | None, **more: Any) -> Iterator[CheckpointTuple]:
        return super().list(None if config is None else _as_kept(config), **more)

    def _load_checkpoint_tuple(self, value: DictRow) -> CheckpointTuple:
        return super()._load_checkpoint_tuple({**value, "thread_id": unescaped(value["thread_id"])})

    def _part(self, thread: str, digest: str) -> bytes:
        """`thread` is as it is kept: `escaped`."""
        if thread not in self._parts:
            found = self._connection.execute(_PARTS_OF, (thread, PARTS), binary=True).fetchall()
            self._parts[thread] = {str(name): bytes(data) for name, data in found}
        if digest not in self._parts[thread]:
            raise StoreError(f"a checkpoint of run {thread} lacks a part", hint="start the task anew")
        return self._parts[thread][digest]


def _as_kept(config: RunnableConfig) -> RunnableConfig:
    here = config["configurable"]
    return {**config, "configurable": {**here, "thread_id": escaped(str(here["thread_id"]))}}


def _version(postgres: Postgres) -> int:
    """How many of LangGraph's migrations the database has seen."""
    if postgres.query("SELECT to_regclass('revet.checkpoint_migrations')") in _NO_TABLE:
        return 0
    return int(postgres.query("SELECT count(*) FROM revet.checkpoint_migrations")[0][0])


def _is_plain(value: object) -> bool:
    """True for what stands in the checkpoint's JSON itself: there PostgreSQL takes no NUL, no half of a surrogate pair
    and no number that is none.
    """
    if isinstance(value, str):
        return escaped(value) == value
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


def _no_part(thread: str, digest: str) -> bytes:
    raise StoreError(f"the parts of run {thread} are not read here", hint="read checkpoints with `reading`")
