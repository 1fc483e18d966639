"""Runs with everything in PostgreSQL: looked at, asked, answered by another process, taken back, many at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.base import ERROR, empty_checkpoint

from revet import Agent, Task
from revet.agents import Scripted
from revet.errors import StoreError
from revet.graphs.batches import Batches
from revet.graphs.persistence import open_memory
from revet.graphs.pg_checkpoints import PgCheckpoints, reading
from revet.graphs.progress import so_far
from revet.graphs.turn import taken_up
from revet.schema import Draft, RunOutcome, WriteFile
from revet.store import Corrections, Store
from revet.store.postgres import Postgres
from revet.store.postgres.leases import PostgresLeases
from tests.graphs.speaking import RIGHT, Checker, task_in
from tests.graphs.test_progress import Reader as Judge
from tests.graphs.test_progress import Writer as Looking
from tests.graphs.test_progress import agent_of
from tests.graphs.test_remembering import writes
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]

ROOT = Path(__file__).resolve().parents[2]
HARD = "a\0b \ud800 \ufffe ä 𝄞"
"""What PostgreSQL and UTF-8 do not take as it is."""


@pytest.fixture
def store(database: str, tmp_path: Path) -> Store:
    (tmp_path / "work").mkdir()
    return Store(database, folder=tmp_path / ".revet")


def task_of(tmp_path: Path) -> Task:
    return Task(id="names", goal="List them.", workspace=str(tmp_path / "work"))


def left(url: str, table: str) -> int:
    with psycopg.connect(url) as db:
        row = db.execute(f"SELECT count(*) FROM revet.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


# --- runs --------------------------------------------------------------------------------------------------


def test_each_step_can_be_followed_while_it_goes_on(store: Store, tmp_path: Path) -> None:
    writer, judge = Looking(store), Judge(store)
    assert so_far(store, "nobody") is None
    run = agent_of(store, writer, judge).run(task_of(tmp_path))
    first, second = writer.seen
    assert first is not None and second is not None and run.outcome is RunOutcome.asked
    assert (first.step, first.round, first.work) == ("propose", 0, "at work")
    assert (second.step, second.round, len(second.run.attempts)) == ("revise", 0, 1)
    for number, seen in enumerate(judge.seen):
        assert seen is not None and (seen.step, seen.round) == ("criticise", number)
        assert seen.run.attempts[-1].draft.notes == f"draft {number + 1}\n"
    waiting = so_far(store, run.id)
    assert waiting is not None and (waiting.step, waiting.work) == ("ask", "stopped")
    assert not taken_up(store, store.get(run.id))
    run.resume(False)
    assert so_far(store, run.id) is None and left(store.url or "", "checkpoint_blobs") == 0


def test_a_run_that_asks_is_answered_by_another_agent_and_taken_back(store: Store, tmp_path: Path) -> None:
    asked = agent_of(store, Looking(store)).run(task_of(tmp_path))
    assert asked.outcome is RunOutcome.asked and (tmp_path / "work" / "names.txt").exists() is False
    other = Store(store.url or "", folder=tmp_path / "elsewhere")
    run = agent_of(other, Looking(other)).resume(asked.id, True)
    assert run.outcome is RunOutcome.committed and (tmp_path / "work" / "names.txt").read_text() == "draft 1\n"
    run.undo()
    assert not (tmp_path / "work" / "names.txt").exists() and store.undone() == {asked.id}


def test_answers_and_drafts_may_hold_any_character(store: Store, tmp_path: Path) -> None:
    class Odd(Looking):
        async def propose(self, view: Any) -> Draft:
            return Draft(author="me", actions=(WriteFile(path="names.txt", content="x\n"),), notes=HARD * 200)

    agent = agent_of(store, Odd(store))
    asked = agent.run(task_of(tmp_path), run_id=f"r-{HARD[:3]}")
    again = agent.resume(asked.id, {"type": "respond", "message": HARD.replace("\ud800", "")})
    assert again.outcome is RunOutcome.asked and so_far(store, asked.id) is not None
    assert [attempt.draft.notes[:3] for attempt in again.attempts][:1] == [HARD[:3]]
    assert agent.resume(asked.id, False).outcome is not RunOutcome.asked
    assert left(store.url or "", "checkpoints") == 0


async def test_a_string_of_the_state_that_postgresql_refuses_comes_back(database: str) -> None:
    saver = PgCheckpoints(database, PostgresLeases(Postgres(database), 30))
    saver.prepare()
    run = "r\0\ud800"
    config: Any = {"configurable": {"thread_id": run, "checkpoint_ns": ""}}
    plain = {"world": "plain", "nothing": None}
    values: dict[str, Any] = {**plain, "misheard": "a\0b", "round": 3, "answer": float("inf"), "queue": ["x" * 900]}
    checkpoint = empty_checkpoint() | {"channel_values": values}
    versions: dict[str, str | int | float] = {name: str(number) for number, name in enumerate(values)}
    checkpoint["channel_versions"] = versions
    await saver.aput(config, checkpoint, {}, versions)
    found = await saver.aget_tuple({"configurable": {"thread_id": run}})
    assert found is not None and found.checkpoint["channel_values"] == values
    assert found.config["configurable"]["thread_id"] == run and saver.runs() == {run}
    assert [each.config async for each in saver.alist({"configurable": {"thread_id": run}})] == [found.config]
    await saver.adelete_thread(run)
    assert await saver.aget_tuple({"configurable": {"thread_id": run}}) is None


async def test_what_a_run_taught_is_recalled_from_there_and_forgotten_when_it_is_undone(
    store: Store, tmp_path: Path
) -> None:
    def remembering(*drafts: Draft) -> Agent:
        more: dict[str, Any] = {"tools": [Checker()], "options": {"memory": True}, "sandbox": None}
        return Agent(Scripted(drafts), store=store, **more)

    url = store.url or ""
    first = await remembering(writes("answer = 41\n"), writes(RIGHT)).arun(task_in(tmp_path / "one"))
    taught = Corrections(url).all()
    assert {(note.kind, note.run) for note in taught} == {("trajectory", first.id), ("correction", first.id)}
    second = await remembering(writes(RIGHT)).arun(task_in(tmp_path / "two"))
    assert second.outcome is RunOutcome.committed and sum(note.uses for note in Corrections(url).all()) == 2
    await asyncio.to_thread(second.undo)
    await asyncio.to_thread(first.undo)
    assert Corrections(url).all() == [] and not list(tmp_path.rglob("*.db"))


# --- many at once ------------------------------------------------------------------------------------------


def test_several_may_make_the_tables_at_the_same_time(database: str) -> None:
    def prepare(_: int) -> None:
        Store(database).prepare()
        PgCheckpoints(database, PostgresLeases(Postgres(database), 30)).prepare()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prepare, range(8)))
    with reading(database) as saver:
        assert saver is not None and list(saver.list(None)) == []
    assert left(database, "checkpoint_migrations") == len(PgCheckpoints.MIGRATIONS)


SHARING = """
import asyncio, sys
from pathlib import Path
from revet.store import Store
from tests.graphs.speaking import Teller, agent, story, task_in

async def main():
    folder, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    one = agent(Teller(story), Store(url, folder=folder))
    runs = [one.arun(task_in(folder / name / str(n)), run_id=f"{name}-{n}") for n in range(12)]
    done = await asyncio.gather(*runs)
    print(sum(run.outcome == "committed" for run in done))

asyncio.run(main())
"""


def test_two_processes_share_a_store(database: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", SHARING, str(tmp_path), database]
    both = [
        subprocess.Popen([*words, name], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for name in "ab"
    ]
    assert [each.communicate(timeout=120)[0].strip() for each in both] == ["12", "12"]
    store = Store(database)
    assert store.count() == 24 and {row.outcome for row in store.rows(-1)} == {RunOutcome.committed}
    assert [left(database, table) for table in ("checkpoints", "checkpoint_blobs", "replies")] == [0, 0, 0]


async def test_what_others_are_at_is_not_tidied_away(store: Store, tmp_path: Path) -> None:
    writer = Looking(store, stop=1)

    async def go_on() -> None:
        async for _ in agent_of(store, writer, Judge(store)).astream(task_of(tmp_path), run_id="r-1"):
            pass

    going = asyncio.create_task(go_on())
    await writer.waiting.wait()
    before = left(store.url or "", "checkpoint_blobs")
    other = Store(store.url or "", folder=tmp_path)
    async with open_memory(other) as memory:
        await memory.tidy()
    assert left(store.url or "", "checkpoint_blobs") == before > 0
    with pytest.raises(StoreError, match="another process is at work on run r-1"):
        await agent_of(other, Looking(other)).arun(task_of(tmp_path), run_id="r-1")
    going.cancel()
    with suppress(asyncio.CancelledError):
        await going
    seen = so_far(other, "r-1")
    assert seen is not None and seen.work == "stopped" and seen.step == "revise"


async def test_a_run_that_was_taken_over_gets_no_more_checkpoints(database: str) -> None:
    Store(database).prepare()
    leases = PostgresLeases(Postgres(database), 30)
    saver = PgCheckpoints(database, leases)
    saver.prepare()
    mine, lost = ({"configurable": {"thread_id": run, "checkpoint_ns": ""}} for run in ("r-1", "r-2"))
    taken = pytest.raises(StoreError, match="another one may have taken")
    with leases.hold("r-1", StoreError("x")), leases.hold("r-2", StoreError("x")):
        at = await saver.aput(lost, empty_checkpoint(), {}, {})
        with psycopg.connect(database) as db:
            db.execute("UPDATE revet.leases SET holder = 'elsewhere 1 x' WHERE key = 'r-2'")
        others = await asyncio.gather(
            saver.aput(lost, empty_checkpoint(), {}, {}),
            saver.aput(mine, empty_checkpoint(), {}, {}),
            saver.aput_writes(at, [(ERROR, "it was stopped")], "t"),
            return_exceptions=True,
        )
        assert [type(each) for each in others] == [StoreError, dict, StoreError], "and nobody else is held up"
        with taken:
            await saver.adelete_thread("r-2")
    assert saver.runs() == {"r-1", "r-2"} and left(database, "checkpoints") == 2
    assert left(database, "checkpoint_writes") == 0


async def test_what_is_wrong_with_one_item_of_a_batch_is_not_held_against_the_others() -> None:
    written, batches = list[int](), list[int]()

    def write(items: Sequence[int]) -> None:
        batches.append(len(items))
        if 3 in items:
            raise StoreError("three")
        written.extend(items)

    gathering: Batches[int] = Batches(write)
    done = await asyncio.gather(*(gathering.put(n) for n in range(6)), return_exceptions=True)
    await gathering.drain()
    assert [type(each) for each in done] == [type(None)] * 3 + [StoreError] + [type(None)] * 2
    assert written == [0, 1, 2, 4, 5] and batches == [1, 5, 1, 1, 1, 1, 1]


# --- a whole run -------------------------------------------------------------------------------------------


@pytest.mark.sandbox
def test_a_whole_run_of_repair_is_kept_shown_and_taken_back(
    task: Task, workspace: Path, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    agent = Agent("builtin:repair", store=database)
    run = agent.run(task, progress=False)
    assert run.outcome is RunOutcome.committed and "result + shipping" in (workspace / "shop.py").read_text()
    assert agent.store.get(run.id[:6]).receipt is not None and not (tmp_path / ".revet").exists()
    assert agent.run(task, run_id=run.id, progress=False).outcome is RunOutcome.committed
    run.undo()
    assert "result - shipping" in (workspace / "shop.py").read_text()
    agent.close()
