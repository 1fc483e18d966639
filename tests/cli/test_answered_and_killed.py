"""A process that took an answer and was killed: `--resume` goes on from there. Nobody is asked again what was answered,
and no answer is taken for one to a question that nobody has seen.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet import Agent, Policy, Task
from revet.batch.batch import Batch
from revet.errors import InputError
from revet.graphs.persistence import open_memory
from revet.graphs.turn import taken_up
from revet.schema import Draft, Run, RunOutcome, WriteFile
from revet.store import Store
from revet.taskfile import Entry, Settings

NO_TASK = "00000000-0000-0000-0000-000000000000"
"""Whom LangGraph keeps an answer for until a step hears it."""


class Writer:
    """Writes its drafts in turn; the second, with `stuck`, never."""

    name = "writer"

    def __init__(self, stuck: Event | None = None) -> None:
        self.stuck = stuck

    async def propose(self, view: Any) -> Draft:
        return draft("first")

    async def revise(self, view: Any, critique: Any) -> Draft:
        if self.stuck is not None:
            self.stuck.set()
            await asyncio.sleep(3600)
        return draft("second")


def draft(text: str) -> Draft:
    return Draft(author="writer", actions=(WriteFile(path="a.txt", content=text),))


def agent_of(store: Store, stuck: Event | None = None) -> Agent:
    return Agent(Writer(stuck), critics=[], tools=[], sandbox=None, store=store, policy=Policy(approve="ask"))


async def answer(agent: Agent, run: Run | str, said: Any) -> Run:
    last = [event async for event in agent.aresume(run, said)][-1]
    assert last.type == "finished"
    return last.run


def answer_and_hang(folder: str, run_id: str, stuck: Event) -> None:
    asyncio.run(answer(agent_of(Store(folder), stuck), run_id, {"type": "respond", "message": "otherwise"}))


class Quiet:
    """Reports nothing."""

    def heard(self, task: Task, event: Any) -> None: ...

    def ended(self, ended: Any) -> None: ...

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None: ...


class Agents:
    """Gives the agent of this test, whatever the settings."""

    async def ready(self, settings: Settings) -> None: ...

    def __call__(self, settings: Settings, store: Store) -> Any:
        return agent_of(store)

    async def done(self, agent: Any) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def asked(tmp_path: Path) -> Run:
    """A run that waits for a person with its first draft."""
    (tmp_path / "work").mkdir()
    run = agent_of(Store(tmp_path / ".revet")).run(Task(id="t", goal="?", workspace=str(tmp_path / "work")))
    assert run.outcome is RunOutcome.asked and len(run.attempts) == 1
    return Store(tmp_path / ".revet").get(run.id)


def kill_once_answered(store: Store, run: Run) -> None:
    context = multiprocessing.get_context("spawn")
    stuck = context.Event()
    other = context.Process(target=answer_and_hang, args=(str(store.folder), run.id, stuck))
    other.start()
    assert stuck.wait(120) and other.pid is not None
    os.kill(other.pid, signal.SIGKILL)
    other.join(60)
    assert store.get(run.id) == run, "the record is of the question that was answered"


async def test_resume_goes_on_with_what_was_answered(tmp_path: Path, asked: Run, revet: Callable[..., Result]) -> None:
    store, file = Store(tmp_path / ".revet"), tmp_path / "work" / "a.txt"
    assert not taken_up(store, asked)
    await asyncio.to_thread(kill_once_answered, store, asked)
    assert taken_up(store, asked)
    for seen in (asked, asked.id):
        with pytest.raises(InputError, match=r"was answered before(.|\n)*--resume"):
            await answer(agent_of(store), seen, True)
    assert not file.exists() and store.get(asked.id) == asked
    told = revet("show", asked.id, "--out", store.folder)
    assert told.exit_code == 0 and "writes the next draft" in told.stdout and "No process is at work" in told.stdout

    shown: list[Run] = []

    async def asker(run: Run) -> Any:
        shown.append(run)
        return True

    batch = Batch(
        [Entry(task=asked.task, settings=Settings(approve="ask"))],
        store,
        Agents(),
        reporter=Quiet(),
        asker=asker,
        resume=True,
    )
    await batch.run()
    (ended,) = batch.tally.first
    assert ended.error is None and ended.outcome is RunOutcome.committed
    assert [len(run.attempts) for run in shown] == [2], "asked once, about the draft that came of the answer"
    assert file.read_text() == "second"


async def test_an_answer_that_was_kept_and_not_heard_gives_way_to_the_next(tmp_path: Path, asked: Run) -> None:
    """The process was killed between keeping the answer and the step that hears it: the run still asks."""
    store = Store(tmp_path / ".revet")
    async with open_memory(store) as memory:
        config: Any = {"configurable": {"thread_id": asked.id}}
        known = await memory.checkpoints.aget_tuple(config)
        assert known is not None
        await memory.checkpoints.aput_writes(known.config, [("__resume__", {"type": "approve"})], NO_TASK)
    assert not taken_up(store, asked)
    assert (await answer(agent_of(store), asked, False)).outcome is RunOutcome.rejected
    assert not (tmp_path / "work" / "a.txt").exists()


async def test_an_answer_is_to_the_draft_that_was_seen(tmp_path: Path, asked: Run) -> None:
    """Somebody else answers meanwhile, and the run asks about another draft."""
    store, file = Store(tmp_path / ".revet"), tmp_path / "work" / "a.txt"
    agent = agent_of(store)
    again = await answer(agent, asked, {"type": "respond", "message": "otherwise"})
    assert again.outcome is RunOutcome.asked and len(again.attempts) == 2
    with pytest.raises(InputError, match="has gone on since"):
        await answer(agent, asked, True)
    assert not file.exists()
    assert (await answer(agent, again, True)).outcome is RunOutcome.committed and file.read_text() == "second"
