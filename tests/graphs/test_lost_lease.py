"""A run that another process took over commits nothing more, and writes over nothing of the other one's."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from revet import Agent, Task
from revet.errors import StoreError
from revet.policy import Policy
from revet.schema import Critique, Draft, Run, RunOutcome, Verdict, WriteFile
from revet.store import Store
from revet.tools import View
from tests.store.databases import database
from tests.tools.postgres import postgres

__all__ = ["database", "postgres"]


class Writer:
    """Writes `names.txt`; before that, another process takes the leases of these keys, and writes down how it went."""

    name = "writer"

    def __init__(self, url: str, keys: list[str], other: Run | None) -> None:
        self.url, self.keys, self.other = url, keys, other

    async def propose(self, view: View) -> Draft:
        with psycopg.connect(self.url) as db:
            taken = "UPDATE revet.leases SET holder = 'elsewhere 1 x', until = now() + interval '1 hour' WHERE key = %s"
            assert all(db.execute(taken, (key,)).rowcount == 1 for key in self.keys)
        if self.other is not None:
            Store(self.url).save(self.other)
        return Draft(author=self.name, actions=(WriteFile(path="names.txt", content="new"),))

    async def revise(self, view: View, critique: Critique | None) -> Draft:
        raise AssertionError("nothing is revised")


class Judge:
    name = "judge"

    async def criticise(self, view: View) -> Critique:
        return Critique(critic=self.name, verdict=Verdict.accept)


async def ran(store: Store, task: Task, writer: Writer) -> Run:
    policy = Policy(unproven="commit")
    agent = Agent(writer, critics=[Judge()], tools=[], sandbox=None, policy=policy, store=store)
    return await agent.arun(task, run_id="r-1")


@pytest.mark.parametrize("lost", ["run", "task"])
async def test_what_is_lost_is_not_committed(database: str, tmp_path: Path, lost: str) -> None:
    workspace, store = tmp_path / "ws", Store(database)
    workspace.mkdir()
    task = Task(id="names", goal="Write names.", workspace=str(workspace))
    key = store.task_key(task)
    writer = Writer(database, [{"run": "r-1", "task": key}[lost]], None)
    with store.leases.hold(key, StoreError("it is taken")), pytest.raises(StoreError, match="may have taken over"):
        await ran(store, task, writer)
    assert list(workspace.glob("names*")) == []
    with store.leases.hold(key, StoreError("x")) if lost == "run" else store.alone("r-1"):
        pass  # what was not lost was given back


async def test_the_record_of_who_took_it_over_stays(database: str, tmp_path: Path) -> None:
    workspace, store = tmp_path / "ws", Store(database)
    workspace.mkdir()
    task = Task(id="names", goal="Write names.", workspace=str(workspace))
    (tmp_path / "other").mkdir()
    calm = Writer(database, [], None)
    other = await ran(Store(tmp_path / "other"), task, calm)
    assert other.outcome is RunOutcome.committed
    shutil.rmtree(workspace)  # the other process's is on another machine, and so is its journal
    workspace.mkdir()
    with pytest.raises(StoreError, match="may have taken over"):
        await ran(store, task, Writer(database, ["r-1"], other))
    assert store.get("r-1") == Run.model_validate(dict(other))
