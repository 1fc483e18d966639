"""A run whose process ended after it was answered: what was shown is not what would come of another answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from revet import Agent, Task
from revet.report.view import Desk, Refused
from revet.report.view.desk import mark_of
from revet.report.view.pages import Seen, run_part
from revet.schema import Draft, Run, RunOutcome, WriteFile
from revet.store import Store
from tests.report.view.conftest import Person


class Writer:
    """Proposes at once, and never comes to the end of a revision."""

    name = "writer"

    def __init__(self) -> None:
        self.revising = asyncio.Event()

    async def propose(self, view: Any) -> Draft:
        return Draft(author=self.name, actions=(WriteFile(path="a.txt", content="a\n"),))

    async def revise(self, view: Any, critique: Any) -> Draft:
        self.revising.set()
        await asyncio.sleep(3600)
        raise AssertionError


class Nobody(Person):
    async def answer(self, run: Run, reply: Any) -> None:
        raise AssertionError("it is not to be carried out")


def seen(store: Store, run_id: str) -> Seen:
    return Seen.of(store, run_id, folder=None, busy=False, failure=None)


async def test_what_was_answered_and_broke_off_is_not_asked_again(tmp_path: Path) -> None:
    writer, store = Writer(), Store(tmp_path / ".revet")
    agent = Agent(writer, critics=[], tools=[], sandbox=None, store=store)
    run = await agent.arun(Task(goal="?", workspace=str(tmp_path)))
    asked = seen(store, run.id)
    assert asked.waits is not None and not asked.answered and not asked.goes_on

    async def answer() -> None:
        async for _ in agent.aresume(run.id, {"type": "respond", "message": "otherwise"}):
            pass

    answering = asyncio.create_task(answer())
    await writer.revising.wait()
    assert seen(store, run.id).goes_on and seen(store, run.id).waits is None
    answering.cancel()
    with suppress(asyncio.CancelledError):
        await answering
    left = seen(store, run.id)
    assert left.run is not None and left.run.outcome is RunOutcome.asked, "the record is of the question"
    assert left.answered and left.waits is None and not left.goes_on
    page = run_part(left)
    with pytest.raises(Refused, match=r"It was answered already.*--resume"):  # by a form that was opened before
        Desk(store, Nobody(store)).take(run.id, mark_of(run), True)
    assert "No process is at work on it" in page and "--resume" in page and "It broke off. Round 1" in page
