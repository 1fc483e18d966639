"""What runs leave behind: their records, and until they end, checkpoints and the replies of models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot
from pydantic import JsonValue, TypeAdapter, ValidationError

from revet.graphs import core
from revet.graphs.batches import Batches
from revet.graphs.checkpoints import Checkpoints, open_checkpoints
from revet.graphs.notebook import Loop
from revet.graphs.packing import serializer
from revet.graphs.state import Context, State
from revet.models.wire import Reply
from revet.schema import Run, Setup, Task
from revet.schema.base import to_json
from revet.store import Leases, Replies, Store

if TYPE_CHECKING:
    from revet.graphs.pg_checkpoints import PgCheckpoints
    from revet.store.postgres.leases import PostgresLeases

__all__ = ["Graph", "Memory", "RunReplies", "asked_in", "compiled", "open_checkpoints", "open_memory", "serializer"]

Graph = CompiledStateGraph[State, Context, State, State]

_question: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@cache
def _blank() -> Graph:
    return Loop.of(core.build().compile(name="revet"))


def compiled(checkpointer: BaseCheckpointSaver[str] | None) -> Graph:
    """The loop, compiled once for all; the roles come with the context of each run."""
    return _blank().copy({"checkpointer": checkpointer})


def asked_in(snapshot: StateSnapshot) -> dict[str, JsonValue] | None:
    """What a role or tool asks a person where a run stopped; None where it is the gate that asks, or nobody."""
    if not snapshot.next or "ask" in snapshot.next:
        return None
    asked = next((each.value for task in snapshot.tasks for each in task.interrupts), None)
    try:
        return _question.validate_python(asked if isinstance(asked, Mapping) else {"asks": str(asked)})
    except ValidationError:
        return {"asks": f"{asked!r:.2000}"}


class Memory:
    """What all runs of one store share in one event loop. What they want written at the same time is written at once:
    SQLite has one writer at a time, and PostgreSQL is far away.
    """

    def __init__(self, store: Store, checkpoints: Checkpoints | PgCheckpoints, replies: Replies) -> None:
        self.checkpoints = checkpoints
        self.graph = compiled(checkpoints)
        self._store, self._replies = store, replies
        self._records: Batches[Run | tuple[str, Task, Setup | None]] = Batches(store.record)
        self._answers: Batches[tuple[str, str, str] | str] = Batches(replies.write)

    @asynccontextmanager
    async def at_work(self, run: str, *, new: bool) -> AsyncIterator[None]:
        """Inside, this process is at work on the run. Of a `new` one there is nothing to be read."""
        if new:
            self.checkpoints.begins(run)
        try:
            yield
        finally:
            self.checkpoints.leaves(run)

    async def begin(self, run: str, task: Task, setup: Setup | None = None) -> None:
        """Record that a run is under way. StoreError if this process had it and another one took it over."""
        await self._records.put((run, task, setup))

    async def save(self, run: Run) -> None:
        """Record how a run ended, or that it waits. StoreError if this process had it and another one took it over:
        what that one writes down counts.
        """
        await self._records.put(run)

    async def replies_of(self, run: str, *, new: bool = False) -> RunReplies:
        """What models answered in this run before; nothing in a `new` one."""
        return RunReplies(self, run, {} if new else await asyncio.to_thread(self._replies.load, run))

    async def put_reply(self, run: str, key: str, reply: str) -> None:
        await self._answers.put((run, key, reply))

    async def asked(self, run: str) -> dict[str, JsonValue] | None:
        """What a role or tool asks a person by an interrupt of its own, whose answer may be anything; None if the run
        waits for something else: the gate's question. A question that is no plain data is the text that it shows as."""
        config: RunnableConfig = {"configurable": {"thread_id": run}}
        if await self.checkpoints.aget_tuple(config) is None:
            return None
        return asked_in(await self.graph.aget_state(config))

    async def forget(self, run: str) -> None:
        """Remove what was kept to continue a run."""
        await asyncio.gather(self.checkpoints.adelete_thread(run), self._answers.put(run))

    async def tidy(self) -> None:
        """Forget what is left of runs that ended in a process that was killed before it forgot them itself."""

        def ended() -> tuple[str, ...]:
            return self._store.ended(self.checkpoints.runs() | self._replies.runs())

        await asyncio.gather(*(self.forget(run) for run in await asyncio.to_thread(ended)))

    async def drain(self) -> None:
        """Wait until everything is written."""
        try:
            await self._records.drain()
        finally:
            await self._answers.drain()


class RunReplies:
    """What models answered in one run (`revet.models.Replies`). What is put is found at once, and by the next process.

    What a role makes once in a run and keeps (a checklist) is found in later rounds that way.
    """

    def __init__(self, memory: Memory, run: str, known: Mapping[str, str]) -> None:
        self._memory, self._run, self._known = memory, run, dict(known)

    async def get(self, key: str) -> Reply | None:
        kept = self._known.get(key)
        if kept is None:
            return None
        try:
            return Reply.model_validate_json(kept)
        except ValidationError:
            return None  # kept by another version: asked again

    async def put(self, key: str, reply: Reply) -> None:
        kept = to_json(reply)
        await self._memory.put_reply(self._run, key, kept)
        self._known[key] = kept


@dataclass
class _Shared:
    """A memory that is open as long as somebody uses it."""

    users: int = 0
    memory: Memory | None = None
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Path | Leases, _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def open_memory(store: Store) -> AsyncIterator[Memory]:
    """The memory of `store`, shared with whoever else has it open in this event loop."""
    here = _open.setdefault(asyncio.get_running_loop(), {})
    place = store.leases if store.url else store.folder.absolute()  # what is written counts while its lease is held
    shared = here.setdefault(place, _Shared())
    shared.users += 1
    try:
        async with shared.turn:
            if shared.memory is None:
                shared.memory = await _opened(store, shared.closing)
        yield shared.memory
    finally:
        shared.users -= 1
        if not shared.users:
            del here[place]
            await shared.closing.aclose()


async def _opened(store: Store, closing: AsyncExitStack) -> Memory:
    closing.enter_context(store.held())
    replies = store.open_replies()
    closing.callback(replies.close)
    checkpoints = await _checkpoints(store, closing)
    memory = Memory(store, checkpoints, replies)
    closing.push_async_callback(memory.drain)
    await memory.tidy()
    return memory


async def _checkpoints(store: Store, closing: AsyncExitStack) -> Checkpoints | PgCheckpoints:
    if store.url is None:
        with store.errors(store.checkpoints):
            return await closing.enter_async_context(open_checkpoints(store.checkpoints))
    from revet.graphs.pg_checkpoints import PgCheckpoints

    checkpoints = PgCheckpoints(store.url, cast("PostgresLeases", store.leases))
    await asyncio.to_thread(checkpoints.prepare)
    closing.push_async_callback(checkpoints.drain)
    return checkpoints
