"""Checkpoints in SQLite: LangGraph's saver, with the writes of all runs gathered.

It keeps the tables of `AsyncSqliteSaver`, which reads them, and adds one: large parts of the state (a draft that was
tried, what a tool saw) are written once for each run, however many checkpoints hold them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from revet.errors import StoreError
from revet.graphs.batches import Batches
from revet.graphs.packing import Packer
from revet.store import BUSY_SECONDS, use_wal

__all__ = ["Checkpoints", "open_checkpoints"]

_PUT = (
    "INSERT OR REPLACE INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type,"
    " checkpoint, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_WRITE = (
    "INSERT OR REPLACE INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type,"
    " value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_PARTS = (
    "CREATE TABLE IF NOT EXISTS parts"
    " (thread_id TEXT NOT NULL, digest TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (thread_id, digest))"
)
_PUT_PART = "INSERT OR IGNORE INTO parts (thread_id, digest, data) VALUES (?, ?, ?)"

Statements = Sequence[tuple[str, Sequence[tuple[Any, ...]]]]
"""SQL, and the rows to carry it out for."""


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[Checkpoints]:
    """The checkpoints kept in the file `path`, made if it is not there.

    What was put outlives the process (kill -9). It is not flushed to the disk each time: what must survive a power
    cut, the commit, has a journal of its own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    async with aiosqlite.connect(path, timeout=BUSY_SECONDS) as reading:
        with closing(
            sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        ) as writing:
            use_wal(writing)
            saver = Checkpoints(path, reading, writing)
            await saver.setup()
            writing.execute(_PARTS)
            writing.execute("PRAGMA synchronous = NORMAL")
            try:
                yield saver
            finally:
                await saver.drain()


class Checkpoints(AsyncSqliteSaver):
    """Made by `open_checkpoints`."""

    def __init__(self, path: Path, reading: aiosqlite.Connection, writing: sqlite3.Connection) -> None:
        self._packer = Packer(self._part)
        super().__init__(reading, serde=self._packer)
        self._db, self._path = writing, path
        self._written: dict[str, set[str]] = {}
        self._new: set[str] = set()
        self._batches: Batches[Statements] = Batches(self._write)

    def begins(self, run: str) -> None:
        """Of a run that is new there is nothing to read before its first checkpoint is put."""
        self._new.add(run)

    def leaves(self, run: str) -> None:
        """Keep nothing in memory of a run that nobody here works on any more."""
        self._new.discard(run)
        self._written.pop(run, None)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return None if config["configurable"]["thread_id"] in self._new else await super().aget_tuple(config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        here = config["configurable"]
        thread, namespace = str(here["thread_id"]), here["checkpoint_ns"]
        about = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode("utf-8", "ignore")
        parent = here.get("checkpoint_id")
        packed, parts = self._packer.dumps_checkpoint(checkpoint, thread)
        self._new.discard(thread)
        written = self._written.setdefault(thread, set())
        new = [(thread, digest, data) for digest, data in parts.items() if digest not in written]
        row = (thread, namespace, checkpoint["id"], parent, *packed, about)
        await self._batches.put([(_PUT_PART, new), (_PUT, [row])])
        written.update(digest for _, digest, _ in new)
        named = {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}
        return {"configurable": named}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a step was interrupted with, answered or failed on; leave out what an ended node wrote.

        That is for steps in which several nodes run and one fails. In the loop a step is one node, and the checkpoint
        that follows at once holds what it wrote.
        """
        if not all(channel in WRITES_IDX_MAP for channel, _ in writes):
            return
        here = config["configurable"]
        step = (str(here["thread_id"]), str(here["checkpoint_ns"]), str(here["checkpoint_id"]), task_id, task_path)
        rows = [(*step, WRITES_IDX_MAP[channel], channel, *self.serde.dumps_typed(value)) for channel, value in writes]
        await self._batches.put([(_WRITE, rows)])

    async def adelete_thread(self, thread_id: str) -> None:
        rows = [(str(thread_id),)]
        tables = ("checkpoints", "writes", "parts")
        self._written.pop(str(thread_id), None)
        await self._batches.put([(f"DELETE FROM {table} WHERE thread_id = ?", rows) for table in tables])

    def runs(self) -> frozenset[str]:
        """The runs of which checkpoints are kept. Can be called in any thread."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as db:
            return frozenset(str(run) for (run,) in db.execute("SELECT DISTINCT thread_id FROM checkpoints"))

    async def drain(self) -> None:
        """Wait until everything is written."""
        await self._batches.drain()

    def _part(self, thread: str, digest: str) -> bytes:
        """Read when a run is continued, from where this or another process wrote it."""
        with closing(sqlite3.connect(self._path, timeout=BUSY_SECONDS)) as db:
            row = db.execute("SELECT data FROM parts WHERE thread_id = ? AND digest = ?", (thread, digest)).fetchone()
        if row is None:
            raise StoreError(f"a checkpoint of run {thread} in {self._path} lacks a part", hint="start the task anew")
        return bytes(row[0])

    def _write(self, batch: Sequence[Statements]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                for statements in batch:
                    for sql, rows in statements:
                        self._db.executemany(sql, rows)
        except sqlite3.OperationalError as error:
            hint = "check its permissions and the free space, or name another folder with --out DIR"
            raise StoreError(f"the store {self._path} cannot be used: {error}", hint=hint) from error
