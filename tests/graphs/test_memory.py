"""What runs leave behind: checkpoints that LangGraph's own saver reads, batches, and a memory shared by many."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.types import Command

from revet.agents import Scripted
from revet.errors import StoreError
from revet.graphs import Agent, Bench, core, initial_state
from revet.graphs.batches import Batches
from revet.graphs.packing import Packer, serializer
from revet.graphs.persistence import compiled, open_checkpoints, open_memory
from revet.models import Reply
from revet.policy import Policy
from revet.schema import Critique, Draft, Finding, RunOutcome, Task, Verdict, WriteFile, utcnow
from revet.store import ReplyStore, Store
from revet.tools import View

DRAFT = Draft(author="scripted", actions=(WriteFile(path="answer.py", content="42\n"),))


async def asked(agent: Agent, task: Task, saver: Any, answer: bool | None) -> Any:
    """The state after the graph has run on `saver` until it asks, or on from there."""
    graph = agent.compile(saver)
    config: Any = {"configurable": {"thread_id": "r-1"}, "recursion_limit": core.recursion_limit(agent.policy)}
    begin: Any = initial_state(task, "r-1", utcnow()) if answer is None else Command(resume=answer)
    async with Bench(task, None) as bench:
        return await graph.ainvoke(begin, config, context=agent.context(bench), durability="sync")


async def test_what_langgraphs_own_saver_wrote_is_gone_on_with(tmp_path: Path) -> None:
    """What is taken over from it, the tables and the form of what is in them, is as it is."""
    work = tmp_path / "work"
    work.mkdir()
    task = Task(id="t", workspace=str(work))
    agent = Agent(Scripted([DRAFT]), tools=[], sandbox=None, store=tmp_path / "store", policy=Policy(approve="ask"))
    file = tmp_path / "checkpoints.db"
    async with aiosqlite.connect(file) as connection:
        waiting = await asked(agent, task, AsyncSqliteSaver(connection, serde=serializer()), None)
    assert waiting["__interrupt__"] and waiting["result"] is None
    async with open_checkpoints(file) as saver:
        ended = await asked(agent, task, saver, True)
    assert ended["result"].outcome is RunOutcome.committed
    assert ended["attempts"] == waiting["attempts"]
    assert (work / "answer.py").read_text() == "42\n"
    async with aiosqlite.connect(file) as connection:
        plain = AsyncSqliteSaver(connection, serde=serializer())
        threads = [each.config["configurable"]["thread_id"] async for each in plain.alist(None)]
    assert set(threads) == {"r-1"} and len(threads) > 5


async def test_what_was_tried_is_written_once_however_long_the_run_is(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    long = [Draft(author="scripted", answer=f"{number} {'x' * 5000}") for number in range(12)]
    agent = Agent(
        Scripted(long), tools=[], critics=[Never()], sandbox=None, store=store, policy=Policy(rounds=11, approve="ask")
    )
    file = tmp_path / "checkpoints.db"
    task = Task(id="t", goal="?")
    async with open_checkpoints(file) as saver:
        ended = await asked(agent, task, saver, None)
        assert len(ended["attempts"]) == 12
        with closing(sqlite3.connect(file)) as db:
            largest, whole = db.execute(
                "SELECT max(length(checkpoint)), sum(length(checkpoint)) FROM checkpoints"
            ).fetchone()
            parts = db.execute("SELECT sum(length(data)) FROM parts").fetchone()[0]
        # Each draft alone, and in its attempt; and the result, which holds them all.
        assert largest < 20_000 and whole < 1_000_000
        assert 12 * 10_000 < parts < 12 * 11_000 + 12 * 6_000 + 20_000
    async with open_checkpoints(file) as saver:
        again = await agent.compile(saver).aget_state({"configurable": {"thread_id": "r-1"}})
        assert again.values == ended
        with closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("DELETE FROM parts")
        with pytest.raises(StoreError, match=r"r-1 .* lacks a part"):
            await agent.compile(saver).aget_state({"configurable": {"thread_id": "r-1"}})
        await saver.adelete_thread("r-1")
        assert [each async for each in saver.alist(None)] == []


class Never:
    """Never content."""

    name = "never"

    async def criticise(self, view: View) -> Critique:
        return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="no"),))


def test_a_model_is_packed_once_and_forgotten_with_it() -> None:
    kept: dict[tuple[str, str], bytes] = {}
    packer = Packer(lambda thread, digest: kept[thread, digest])
    small, large = Draft(author="a", answer="x"), Draft(author="a", answer="x" * 999)
    checkpoint = {"channel_values": {"draft": small, "list": [large, 1, small], "round": 3, "none": None}, "v": 4}
    data, parts = packer.dumps_checkpoint(checkpoint, "r-1")
    kept.update({("r-1", digest): part for digest, part in parts.items()})
    assert len(parts) == 1 and len(data[1]) < 999
    assert packer.loads_typed(data) == checkpoint
    assert packer.dumps_checkpoint(checkpoint, "r-1") == (data, parts)
    assert packer.dumps_checkpoint(checkpoint, "r-2") != (data, parts)
    for value in (None, large, [small, {"a": large}], b"x"):
        assert packer.loads_typed(packer.dumps_typed(value)) == value
    assert len(packer._packed) == 2
    del small, large, checkpoint, value
    gc.collect()
    assert not packer._packed


async def test_what_waits_while_a_batch_is_written_is_the_next_batch() -> None:
    written: list[Sequence[int]] = []

    def write(batch: Sequence[int]) -> None:
        written.append(batch)
        if 3 in batch:
            raise ValueError("three")

    batches = Batches(write)
    first = asyncio.create_task(batches.put(0))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(batches.put(n)) for n in (1, 2)]
    await asyncio.sleep(0)
    rest[0].cancel()
    await first
    await rest[1]
    assert written == [[0], [1, 2]]
    with pytest.raises(ValueError, match="three"):
        await batches.put(3)
    await batches.put(4)
    await batches.drain()
    assert written[2:] == [[3], [4]]


async def test_what_ends_all_tasks_leaves_no_write_behind() -> None:
    begun, written = threading.Event(), list[int]()

    def write(batch: Sequence[int]) -> None:
        begun.set()
        time.sleep(0.2)
        written.extend(batch)

    batches = Batches(write)
    putting = [asyncio.create_task(batches.put(n)) for n in (1, 2)]
    await asyncio.to_thread(begun.wait)
    draining = asyncio.create_task(batches.drain())
    await asyncio.sleep(0)
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        other.cancel()
    said = await asyncio.gather(*putting, draining, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in said)
    assert written == [1, 2]


async def test_the_next_to_open_a_memory_forgets_what_ended_runs_left(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    outcomes = [*RunOutcome, None]
    names = [str(outcome) for outcome in outcomes]
    agent = Agent(Scripted([DRAFT]), tools=[], critics=[], sandbox=None, store=store, policy=Policy(approve="ask"))
    run = await agent.arun(Task(goal="?", workspace=str(tmp_path)))
    async with open_memory(store) as memory:
        for name, outcome in zip(names, outcomes, strict=True):
            config: Any = {"configurable": {"thread_id": name, "checkpoint_ns": ""}}
            await memory.checkpoints.aput(config, empty_checkpoint(), {}, {})
            await memory.put_reply(name, "k", Reply(text="so").model_dump_json())
            await memory.begin(name, run.task)
            if outcome is not None:
                await memory.save(run.model_copy(update={"id": name, "outcome": outcome}))
        assert memory.checkpoints.runs() == {*names, run.id}
    async with open_memory(store) as memory:
        assert memory.checkpoints.runs() == {"asked", "failed", "None", run.id}
        assert ReplyStore(tmp_path / "store" / "replies.db").runs() == {"asked", "failed", "None"}


def test_processes_may_open_a_new_store_at_the_same_time(tmp_path: Path) -> None:
    """In threads, each with an event loop of its own: to SQLite that is the same."""
    start = threading.Barrier(6)

    async def keep(store: Store, name: str) -> None:
        async with open_memory(store) as memory:
            await memory.put_reply(name, "k", "{}")

    def work(number: int) -> None:
        for turn in range(8):
            start.wait()
            asyncio.run(keep(Store(tmp_path / str(turn)), str(number)))

    with ThreadPoolExecutor(6) as pool:
        _ = list(pool.map(work, range(6)))
    for turn in range(8):
        assert len(ReplyStore(tmp_path / str(turn) / "replies.db").runs()) == 6


async def test_a_memory_is_shared_while_it_is_used_and_closed_after(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    before = asyncio.all_tasks()
    async with open_memory(store) as one:
        async with open_memory(Store(tmp_path / "store")) as two:
            assert one is two
        await one.begin("r-1", Task(goal="?"))
        replies = await one.replies_of("r-1", new=True)
        assert await replies.get("k") is None
        await replies.put("k", Reply(text="so"))
        again = await two.replies_of("r-1")
        assert await again.get("k") == Reply(text="so")
        await one.forget("r-1")
        assert await (await one.replies_of("r-1")).get("k") is None
    assert asyncio.all_tasks() == before
    async with open_memory(store) as three:
        assert three is not one
    assert store.begun("r-1")


def test_replies_are_kept_until_their_run_has_ended(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "replies.db"
    store = ReplyStore(file)
    store.write(["r-0"])
    assert store.load("r-1") == {} and not file.exists(), "nothing is made before there is something to keep"
    store.write([("r-1", "a", "1"), ("r-2", "a", "2"), ("r-1", "a", "3"), ("r-1", "b", "4")])
    assert ReplyStore(file).load("r-1") == {"a": "3", "b": "4"}
    store.write(["r-1", ("r-2", "b", "5")])
    assert store.load("r-1") == {} and store.load("r-2") == {"a": "2", "b": "5"}
    store.close()
    store.close()
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_store_of_replies_is_told(tmp_path: Path) -> None:
    file = tmp_path / "replies.db"
    file.write_bytes(b"this is not a database, but somebody may want it")
    with pytest.raises(StoreError, match="holds no replies"):
        ReplyStore(file).load("r-1")
    with pytest.raises(StoreError, match=r"replies\.db"):
        ReplyStore(tmp_path / "replies.db" / "inside.db").write([("r", "k", "x")])


async def test_a_reply_kept_by_another_version_is_asked_for_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    async with open_memory(store) as memory:
        await memory.put_reply("r-1", "k", '{"text": "so", "mood": "sour"}')
        assert await (await memory.replies_of("r-1")).get("k") is None


async def test_the_graph_is_compiled_once(tmp_path: Path) -> None:
    async with open_checkpoints(tmp_path / "c.db") as saver:
        assert compiled(saver).checkpointer is saver
    assert compiled(None).checkpointer is None
