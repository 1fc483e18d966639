"""A task with a database: a model's draft of a file and of SQL, examined, committed, and taken back by `revet undo`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from revet.agents import ChatAgent, Scripted
from revet.cli import app
from revet.graphs import Agent
from revet.models import LanguageModel, ScriptedModel
from revet.policy import Policy
from revet.schema import Action, Draft, ExecuteSQL, Run, RunOutcome, Task, WriteFile
from tests.agents.chat_support import said_action, said_draft
from tests.tools.postgres import server

GOAL = "Set the price of tea to 3, and note it in note.txt."
TEA = "UPDATE goods SET price = 3 WHERE name = 'tea'"
NOTE = WriteFile(path="note.txt", content="tea: 3\n")
SECRET = "c0rrect-horse"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace ``ws`` with ``goods.db`` in it, and ``far.db`` beside it."""
    (tmp_path / "ws").mkdir()
    for path in (tmp_path / "ws" / "goods.db", tmp_path / "far.db"):
        with closing(sqlite3.connect(path)) as base, base:
            base.execute("CREATE TABLE goods (name TEXT PRIMARY KEY, price INTEGER)")
            base.execute("INSERT INTO goods VALUES ('tea', 2), ('milk', 1)")
    return tmp_path


def prices(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as base:
        return dict(base.execute("SELECT name, price FROM goods"))


def agent(home: Path, *actions: Action, **more: Any) -> Agent:
    draft = Draft(author="scripted", actions=actions)
    return Agent(Scripted([draft]), **{"sandbox": None, "store": home / "store", "policy": Policy(rounds=1), **more})


def task(home: Path, database: str | None = None) -> Task:
    inputs = {} if database is None else {"database": database}
    return Task(goal=GOAL, workspace=str(home / "ws"), inputs=inputs)


def effects_of(run: Run) -> dict[str, Any]:
    (evidence,) = [each for each in run.attempts[-1].evidence if each.tool == "effects"]
    return {"observation": evidence.observation, **evidence.data}


def test_a_models_draft_is_examined_committed_and_undone(home: Path) -> None:
    said = said_draft(
        actions=[
            said_action("write_file", path="note.txt", content="tea: 3\n"),
            said_action("execute_sql", sql=TEA),
        ]
    )
    model = LanguageModel(ScriptedModel([{"value": said}]))
    made = Agent(ChatAgent(model), sandbox=None, store=home / "store", policy=Policy(rounds=1, unproven="commit"))
    run = made.run(task(home, "sqlite:///goods.db"))
    seen = effects_of(run)
    assert seen["gate"]["decision"] == "allow" and not seen["doubts"], seen["observation"]
    assert "updates 1 row of goods" in seen["observation"] and seen["complete"]
    assert run.outcome is RunOutcome.committed and run.receipt is not None
    assert prices(home / "ws" / "goods.db") == {"tea": 3, "milk": 1} and (home / "ws" / "note.txt").exists()
    result = CliRunner().invoke(app, ["undo", run.id, "--out", str(home / "store")])
    assert result.exit_code == 0, result.output
    assert "note.txt" in result.output and "UPDATE goods" in result.output
    assert prices(home / "ws" / "goods.db") == {"tea": 2, "milk": 1} and not (home / "ws" / "note.txt").exists()
    assert not list((home / "ws").glob("goods.db-*"))


def test_sql_that_the_rules_allow_needs_nobody_and_other_sql_a_person(home: Path) -> None:
    allowed = Policy(rounds=1, unproven="allowed")
    run = agent(home, ExecuteSQL(sql=TEA), policy=allowed).run(task(home, "sqlite:///goods.db"))
    assert run.outcome is RunOutcome.committed and prices(home / "ws" / "goods.db")["tea"] == 3
    some = ExecuteSQL(sql="UPDATE goods SET price = 4 WHERE price > 2")
    run = agent(home, some, policy=allowed).run(task(home, "sqlite:///goods.db"))
    assert effects_of(run)["gate"]["decision"] == "allow", "the rows of a range were counted"
    rest = ExecuteSQL(sql="DELETE FROM goods WHERE name = 'milk'")
    run = agent(home, rest, policy=allowed).run(task(home, "sqlite:///goods.db"))
    assert run.outcome is RunOutcome.asked and "milk" in prices(home / "ws" / "goods.db")
    assert effects_of(run)["gate"]["decision"] == "ask", "the goal asks for no deletion"


def test_without_a_database_files_of_the_workspace_may_be_named(home: Path) -> None:
    action = ExecuteSQL(sql=TEA, database="sqlite:///goods.db")
    run = agent(home, action).run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and prices(home / "ws" / "goods.db")["tea"] == 3


@pytest.mark.parametrize("named", ["sqlite:///{home}/far.db", "sqlite:///link.db", "sqlite:///../far.db", "server"])
def test_what_the_task_does_not_name_is_out_of_reach(home: Path, named: str) -> None:
    (home / "ws" / "link.db").symlink_to(home / "far.db")
    url = "postgresql://me@127.0.0.1:1/shop" if named == "server" else named.format(home=home)
    run = agent(home, ExecuteSQL(sql=TEA, database=url)).run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.abstained and prices(home / "far.db")["tea"] == 2
    said = run.attempts[0].evidence[0].observation
    assert "outside the workspace" in said and "Agent(database=" in said and "inputs: {database:" in said


def test_a_person_may_name_one_elsewhere_and_then_no_other_is_in_reach(home: Path) -> None:
    far = f"sqlite:///{home}/far.db"
    run = agent(home, ExecuteSQL(sql=TEA)).run(task(home, far), approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and prices(home / "far.db")["tea"] == 3
    other = ExecuteSQL(sql=TEA, database="sqlite:///goods.db")
    run = agent(home, other, database=far).run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.abstained and prices(home / "ws" / "goods.db")["tea"] == 2


def test_a_database_that_is_swapped_for_a_link_after_the_examination_is_left_alone(home: Path) -> None:
    made = agent(home, ExecuteSQL(sql=TEA, database="sqlite:///goods.db"))
    run = made.run(task(home))
    assert run.outcome is RunOutcome.asked
    (home / "ws" / "goods.db").unlink()
    (home / "ws" / "goods.db").symlink_to(home / "far.db")
    made.resume(run, True)
    assert prices(home / "far.db")["tea"] == 2


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    """The URL, with its password, of a server that lets nobody in without."""
    with server() as url:
        with psycopg.connect(url, autocommit=True) as base:
            base.execute(f"CREATE ROLE clerk LOGIN SUPERUSER PASSWORD '{SECRET}'")
            base.execute("CREATE TABLE goods (name TEXT PRIMARY KEY, price INTEGER)")
            base.execute("INSERT INTO goods VALUES ('tea', 2), ('milk', 1)")
            (row,) = base.execute("SHOW hba_file").fetchall()
            access = Path(row[0])
            access.write_text("local all revet trust\nlocal all clerk scram-sha-256\n", encoding="ascii")
            base.execute("SELECT pg_reload_conf()")
        yield url.replace("revet@", f"clerk:{SECRET}@")


def tea(url: str) -> int:
    with psycopg.connect(url) as base:
        (row,) = base.execute("SELECT price FROM goods WHERE name = 'tea'").fetchall()
    return int(row[0])


def kept_in(*folders: Path) -> list[Path]:
    """The files that hold the password."""
    files = [Path(root) / name for folder in folders for root, _, names in os.walk(folder) for name in names]
    return [file for file in files if SECRET.encode() in file.read_bytes()]


def test_a_password_is_never_kept_and_the_environment_gives_it(
    home: Path, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    made = agent(home, ExecuteSQL(sql=TEA, database=locked), NOTE, database=locked)
    run = made.run(task(home), approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed and tea(locked) == 3
    assert kept_in(home) == [] and SECRET not in run.model_dump_json()
    undo = ["undo", run.id, "--out", str(home / "store")]
    refused = CliRunner().invoke(app, undo)
    assert refused.exit_code != 0 and tea(locked) == 3
    assert "PGPASSWORD" in f"{refused.output} {refused.exception}" and SECRET not in refused.output
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert CliRunner().invoke(app, undo).exit_code == 0 and tea(locked) == 2
    assert not (home / "ws" / "note.txt").exists() and kept_in(home) == []


def test_a_password_of_the_tasks_own_url_is_not_kept_either(
    home: Path, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    own = task(home, locked)
    assert SECRET not in own.model_dump_json()
    run = agent(home, ExecuteSQL(sql=TEA)).run(own)
    assert run.outcome is RunOutcome.abstained and "PGPASSWORD" in run.attempts[0].evidence[0].observation
    monkeypatch.setenv("PGPASSWORD", SECRET)
    run = agent(home, ExecuteSQL(sql=TEA)).run(own, approve=lambda asked: True)
    assert run.outcome is RunOutcome.committed
    run.undo()
    assert tea(locked) == 2 and kept_in(home) == []


def test_json_of_an_action_holds_no_password() -> None:
    action = ExecuteSQL.model_validate_json(json.dumps({"sql": "SELECT 1", "database": f"postgres://me:{SECRET}@h/x"}))
    assert action.database == "postgres://me@h/x"
