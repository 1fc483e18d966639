"""Drafts of files, commands, rows and calls in the loop: committed as one unit, taken back as far as that goes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from revet.actions import action, calls
from revet.actions.calls import functions as registry
from revet.agents import Scripted
from revet.errors import CommitError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import CallTool, Draft, ExecuteSQL, RunCommand, RunOutcome, Task, WriteFile
from tests.actions.action_worlds import look

SENT: list[str] = []


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    monkeypatch.setattr(registry, "_declared", {})
    SENT.clear()
    yield SENT


async def post(to: str) -> str:
    """Asynchronous, as most that reach elsewhere are; in the loop of the run."""
    await asyncio.sleep(0)
    SENT.append(f"post {to} in {asyncio.get_running_loop().is_running()}")
    return to


def recall(args: dict[str, Any], result: str) -> None:
    SENT.append(f"recall {result}")


def mail(to: str) -> None:
    SENT.append(f"mail {to}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws" / "old.txt").write_text("old\n")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, count INTEGER)")
        database.execute("INSERT INTO stock VALUES ('a', 10), ('b', 20)")
    return tmp_path


def rows(home: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(home / "shop.db")) as database:
        return database.execute("SELECT * FROM stock ORDER BY sku").fetchall()


def agent(home: Path, *actions: Any, **more: Any) -> Agent:
    draft = Draft(author="scripted", actions=actions)
    settings = {"policy": Policy(rounds=2), "store": home / "store", "sandbox": None, **more}
    functions = [action(effects=["remote_create"], undo=recall)(post), action(effects=["send"])(mail)]
    return Agent(Scripted([draft]), actions=functions, database=f"sqlite:///{home}/shop.db", **settings)


def task(home: Path, **more: Any) -> Task:
    return Task(goal="Sell one a, post and mail the news.", workspace=str(home / "ws"), **more)


POST, MAIL = CallTool(name="post", arguments={"to": "x"}), CallTool(name="mail", arguments={"to": "y"})
SELL = ExecuteSQL(sql="UPDATE stock SET count = count - 1 WHERE sku = 'a'")
NOTE = WriteFile(path="note.txt", content="sold\n")


def test_all_as_one_unit_and_back(home: Path, sent: list[str]) -> None:
    before = look(home / "ws")
    run = agent(home, POST, SELL, NOTE).run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and run.receipt is not None
    assert rows(home)[0] == ("a", 9) and sent == ["post x in True"] and (home / "ws" / "note.txt").exists()
    assert [e.kind for e in run.receipt.effects] == ["call_tool", "execute_sql"] and run.receipt.undoable
    run.undo()
    assert rows(home)[0] == ("a", 10) and sent[1:] == ["recall x"] and look(home / "ws") == before


def test_what_cannot_be_taken_back_waits_for_a_person_and_stays(home: Path, sent: list[str]) -> None:
    made = agent(home, MAIL, NOTE)
    run = made.run(task(home))
    assert run.outcome is RunOutcome.asked and sent == []
    run = made.resume(run, True)
    assert run.outcome is RunOutcome.committed and sent == ["mail y"]
    with pytest.raises(CommitError, match=r"not all of .* can be taken back: mail"):
        run.undo()
    receipt = made.undo(run, partial=True)
    assert [e.what for e in receipt.irreversible] == ['mail(to="y")'] and not (home / "ws" / "note.txt").exists()
    kept = made.store.get(run.id).receipt
    assert kept == receipt


def test_rows_that_changed_after_the_examination_have_it_examined_again(home: Path, sent: list[str]) -> None:
    made = agent(home, SELL, NOTE)
    run = made.run(task(home))
    assert run.outcome is RunOutcome.asked and run.best is not None
    with closing(sqlite3.connect(home / "shop.db")) as database, database:
        database.execute("UPDATE stock SET count = 5 WHERE sku = 'a'")
    run = made.resume(run, True)
    assert rows(home)[0] == ("a", 5) and run.outcome is RunOutcome.asked, "what is asked for now is another difference"
    [table] = run.attempts[-1].changes.tables  # type: ignore[union-attr]
    assert table.rows[0].before is not None and table.rows[0].before["count"] == 5
    assert made.resume(run, True).outcome is RunOutcome.committed and rows(home)[0] == ("a", 4)


def test_a_call_that_fails_takes_all_of_it_back(home: Path, sent: list[str]) -> None:
    before = look(home / "ws")

    @action(effects=["send"])
    def bounce() -> None:
        raise ValueError("no such address")

    draft = Draft(author="scripted", actions=(SELL, NOTE, CallTool(name="bounce")))
    made = Agent(
        Scripted([draft]),
        actions=[bounce],
        database=f"sqlite:///{home}/shop.db",
        sandbox=None,
        store=home / "store",
        policy=Policy(rounds=2),
    )
    with pytest.raises(CommitError, match="bounce failed: ValueError: no such address"):
        made.run(task(home), approve=lambda asked: True)
    assert rows(home)[0] == ("a", 10) and look(home / "ws") == before


def test_only_the_agents_functions_may_be_called(home: Path, sent: list[str]) -> None:
    action(effects=["read"], name="elsewhere")(lambda: None)
    assert calls.find("elsewhere")
    run = agent(home, CallTool(name="elsewhere")).run(task(home))
    assert run.outcome is RunOutcome.abstained
    assert "there is no function 'elsewhere'" in run.attempts[0].evidence[0].observation


def test_the_tasks_database_comes_before_the_agents(home: Path, sent: list[str]) -> None:
    with closing(sqlite3.connect(home / "other.db")) as database, database:
        database.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY, count INTEGER)")
        database.execute("INSERT INTO stock VALUES ('a', 1)")
    own = task(home, inputs={"database": f"sqlite:///{home}/other.db"})
    run = agent(home, SELL).run(own, approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and rows(home)[0] == ("a", 10)


@pytest.mark.sandbox
def test_a_command_that_changes_nothing_ends_well(home: Path, sent: list[str]) -> None:
    run = agent(home, RunCommand(command="ls"), sandbox="local", policy=Policy(rounds=2, unproven="commit")).run(
        task(home).model_copy(update={"goal": "List the files."})
    )
    assert run.outcome is RunOutcome.answered and run.receipt is None and run.best is not None
    assert run.best.changes is not None and run.best.changes.commands[0].stdout == "old.txt\n"


@pytest.mark.sandbox
def test_a_command_with_rows(home: Path, sent: list[str]) -> None:
    before = look(home / "ws")
    command = RunCommand(command="mkdir -p out/empty && mv old.txt out/new.txt")
    run = agent(home, command, SELL, sandbox="local").run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and rows(home)[0] == ("a", 9)
    assert (home / "ws" / "out" / "empty").is_dir() and (home / "ws" / "out" / "new.txt").read_text() == "old\n"
    run.undo()
    assert look(home / "ws") == before and rows(home)[0] == ("a", 10)


@pytest.mark.sandbox
async def test_what_a_model_is_told_that_it_may_do(home: Path, sent: list[str]) -> None:
    async with agent(home, sandbox="local").bench(task(home)) as bench:
        assert list(bench.offers)[3:] == ["run_command", "execute_sql", "call_tool"]
        assert '- post, arguments {"properties": {"to": ' in bench.offers["call_tool"]
        assert "Asynchronous, as most" in bench.offers["call_tool"] and "it does send" in bench.offers["call_tool"]
    async with Agent(Scripted([]), sandbox="local", store=home / "s").bench(task(home, checks=("true",))) as bench:
        assert list(bench.offers) == ["write_file", "edit_file", "delete_file"], "mending code needs no more"
    async with Agent(Scripted([]), sandbox=None, store=home / "s").bench(Task(goal="What is 1 + 1?")) as bench:
        assert bench.offers == {}
