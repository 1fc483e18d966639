"""How far a run is: seen by others while it goes on, and after it broke off."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from revet import Agent, Task
from revet.errors import InputError, StoreError
from revet.graphs.progress import DOING, SoFar, so_far
from revet.graphs.turn import alone
from revet.report import make_console, print_run
from revet.schema import Critique, Draft, RunOutcome, Verdict, WriteFile
from revet.store import Store


def draft(text: str) -> Draft:
    return Draft(author="me", actions=(WriteFile(path="names.txt", content=text),), notes=text)


class Writer:
    """Says how far the run is whenever it is asked for a draft; `stop` drafts are made, then it waits for ever."""

    name = "writer"

    def __init__(self, store: Store, stop: int = 9) -> None:
        self.store, self.stop = store, stop
        self.seen: list[SoFar | None] = []
        self.waiting = asyncio.Event()

    async def propose(self, view: Any) -> Draft:
        return await self.revise(view, None)

    async def revise(self, view: Any, critique: Any) -> Draft:
        self.seen.append(so_far(self.store, view.run))
        if len(self.seen) > self.stop:
            self.waiting.set()
            await asyncio.sleep(3600)
        return draft(f"draft {len(self.seen)}\n")


class Reader:
    """Says how far the run is when it judges, and accepts the second draft."""

    name = "reader"

    def __init__(self, store: Store) -> None:
        self.store = store
        self.seen: list[SoFar | None] = []

    async def criticise(self, view: Any, *more: Any) -> Critique:
        self.seen.append(so_far(self.store, view.run))
        good = len(self.seen) > 1
        return Critique(critic=self.name, verdict=Verdict.accept if good else Verdict.revise, possible_result="bad")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "work").mkdir()
    return Store(tmp_path / ".revet")


def agent_of(store: Store, writer: Writer, reader: Reader | None = None) -> Agent:
    return Agent(writer, critics=[reader] if reader else [], tools=[], sandbox=None, store=store)


def task_of(store: Store) -> Task:
    return Task(id="names", goal="List them.", workspace=str(store.folder.parent / "work"))


def test_each_step_can_be_followed_while_it_goes_on(store: Store) -> None:
    writer, reader = Writer(store), Reader(store)
    agent = agent_of(store, writer, reader)
    run = agent.run(task_of(store))
    assert run.outcome is RunOutcome.asked
    first, second = writer.seen
    assert first is not None and second is not None
    assert (first.step, first.doing, first.round, first.work) == ("propose", DOING["propose"], 0, "at work")
    assert first.run.attempts == () and first.run.id == run.id and first.run.task == run.task
    assert (second.step, second.round, len(second.run.attempts)) == ("revise", 0, 1)
    assert second.run.attempts[0].decision is not None, "a round that was decided is no draft in work"
    for number, seen in enumerate(reader.seen):
        assert seen is not None and seen.changed_at is not None
        assert (seen.step, seen.round, len(seen.run.attempts)) == ("criticise", number, number + 1)
        last = seen.run.attempts[-1]
        assert last.decision is None and last.changes is not None and last.draft.notes == f"draft {number + 1}\n"
        assert seen.run.setup == agent.setup and seen.run.started_at == run.started_at
    assert run.setup == agent.setup
    waiting = so_far(store, run.id)
    assert waiting is not None and (waiting.step, waiting.work) == ("ask", "stopped")
    run.resume(False)
    assert so_far(store, run.id) is None, "of what has ended nothing is kept but the record"


async def test_what_broke_off_is_known_as_far_as_it_came(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer(store, stop=1)

    async def go_on() -> None:
        async for _ in agent_of(store, writer, Reader(store)).astream(task_of(store)):
            pass

    going = asyncio.create_task(go_on())
    await writer.waiting.wait()
    run_id = store.rows()[0].id
    at_work = so_far(store, run_id)
    assert at_work is not None and at_work.work == "at work"
    going.cancel()
    with suppress(asyncio.CancelledError):
        await going
    assert store.find(run_id) is None
    known = so_far(store, run_id)
    assert known is not None and (known.work, known.step, len(known.run.attempts)) == ("stopped", "revise", 1)
    assert SoFar.model_validate_json(known.model_dump_json()) == known
    for seen, told in ((at_work, "revet view"), (known, f"revet undo {run_id}")):
        print_run(make_console(), seen)
        shown = capsys.readouterr().out
        assert told in shown and "Round 1: it writes the next draft." in shown and "draft 1" in shown
        assert "Made with" in shown and "proposer    writer" in shown and "… not ended" in shown


def test_looking_writes_nothing(store: Store) -> None:
    assert so_far(store, "nobody") is None and not store.folder.exists()
    run = agent_of(store, Writer(store)).run(task_of(store))
    assert run.outcome is RunOutcome.asked
    before = {path: path.read_bytes() for path in files(store.folder)}
    assert so_far(store, run.id) is not None and so_far(store, "nobody") is None
    kept = {path: path.read_bytes() for path in files(store.folder)}
    assert kept == before


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix == ".db")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("DELETE FROM parts", "lacks a part"),
        ("UPDATE checkpoints SET checkpoint = x'00ff'", "cannot be read"),
        ("DROP TABLE checkpoints", "cannot be used: no such table"),
    ],
)
def test_what_is_damaged_is_told(store: Store, harm: str, told: str) -> None:
    class Long(Writer):
        async def propose(self, view: Any) -> Draft:
            return draft("x" * 5000)

    run = agent_of(store, Long(store)).run(task_of(store))
    with closing(sqlite3.connect(store.checkpoints)) as db, db:
        db.execute(harm)
    with pytest.raises(StoreError, match=told):
        so_far(store, run.id)


async def test_an_answer_is_to_what_was_seen(store: Store) -> None:
    run = await agent_of(store, Writer(store)).arun(task_of(store))
    seen = store.get(run.id)
    async with alone(store, run.id, seen):
        assert store.worked_on(run.id) is True
    store.save(seen.model_copy(update={"question": {"asks": "something else"}}))
    with pytest.raises(InputError, match="has gone on since it was answered"):
        async with alone(store, run.id, seen):
            raise AssertionError("it was not as it was seen")
