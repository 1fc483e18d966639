"""A run that waits for a person, in a real terminal: killed while it waits, answered, and asked too late."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from revet.schema import Run, RunOutcome
from revet.store import Store
from tests.cli.test_process import Terminal, command, environment
from tests.cli.test_real import revet

pytestmark = pytest.mark.sandbox

QUESTION = "Commit this to the workspace? [y]es [n]o [e]dit [r]espond "
DELETE = "DELETE FROM customer WHERE id = 2"
RULES = '[[gate.rule]]\ndecision = "ask"\neffect = "delete"\ntable = "customer"\nreason = "a person decides"\n'
SCRIPT = [
    {
        "role": "reviser",
        "value": {"thoughts": "t", "actions": [{"kind": "execute_sql", "sql": "DELETE FROM customer WHERE id = 3"}]},
    },
    {"role": "proposer", "value": {"thoughts": "t", "actions": [{"kind": "execute_sql", "sql": DELETE}]}},
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A database with three customers, rules that ask before one is deleted, and a task that deletes one."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "revet.toml").write_text(RULES)
    with closing(sqlite3.connect(tmp_path / "shop" / "shop.db")) as database, database:
        database.execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)")
        database.execute("INSERT INTO customer VALUES (1, 'Ada'), (2, 'Bo'), (3, 'Caro')")
    write(tmp_path)
    return tmp_path


def write(folder: Path, **more: Any) -> None:
    task = {"id": "forget", "goal": "Delete the customer.", "workspace": "shop", "model": "scripted:model.yaml", **more}
    (folder / "tasks.json").write_text(json.dumps({"tasks": [task]}))
    (folder / "model.yaml").write_text(json.dumps(SCRIPT))


def customers(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "shop" / "shop.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM customer ORDER BY id")]


RUN = ("run", "tasks.json", "--database", "sqlite:///shop/shop.db", "--unproven", "allowed")


def terminal(folder: Path, *words: str, **env: str) -> Terminal:
    return Terminal(command(*RUN, *words, scripted=False), environment(**env), folder)


def the_run(folder: Path) -> Run:
    store = Store(folder / ".revet")
    (row,) = store.rows()
    return store.get(row.id)


def test_killed_while_it_waits_it_asks_once_more_and_does_it_once(shop: Path) -> None:
    first = terminal(shop)
    first.wait_for(QUESTION)
    assert "table customer: 1 row deleted" in first.seen and "- id 2, name Bo" in first.seen
    assert "deletes 1 row of customer: a person decides" in first.seen and "no required check" not in first.seen
    os.kill(first.process.pid, signal.SIGKILL)
    assert first.end() == -signal.SIGKILL
    assert customers(shop) == ["Ada", "Bo", "Caro"]

    second = terminal(shop, "--resume")
    second.wait_for(QUESTION)
    second.type("y\n")
    assert second.end() == 0, second.seen
    assert second.seen.count(QUESTION) == 1 and "draft 1" not in second.seen, "nothing is proposed or staged again"
    assert customers(shop) == ["Ada", "Caro"]
    run = the_run(shop)
    assert (run.outcome, len(run.attempts), run.usage.roles["proposer"].calls) == (RunOutcome.committed, 1, 1)
    assert len(list((shop / "shop" / ".revet" / "journal").iterdir())) == 1

    third = revet(shop, *RUN, "--resume")
    assert third.returncode == 0 and "had ended before" in third.stdout
    assert customers(shop) == ["Ada", "Caro"]
    assert revet(shop, "undo", run.id).returncode == 0
    assert customers(shop) == ["Ada", "Bo", "Caro"]


@pytest.mark.parametrize(
    ("answers", "left", "outcome", "drafts"),
    [
        (("n\n",), ["Ada", "Bo", "Caro"], "rejected", 1),
        (("r\n", "Caro is meant\n", "y\n"), ["Ada", "Bo"], "committed", 2),
        (("e\n",), ["Bo", "Caro"], "committed", 2),
    ],
)
def test_each_answer_in_a_terminal(
    shop: Path, answers: tuple[str, ...], left: list[str], outcome: str, drafts: int
) -> None:
    asked = terminal(shop, EDITOR="sed -i s/2/1/")
    for number, answer in enumerate(answers):
        asked.wait_for("What should be different? " if answer.startswith("Caro") else QUESTION)
        if number + 1 < len(answers):
            asked.seen = asked.seen.replace(QUESTION, "")
        asked.type(answer)
    asked.end()
    assert customers(shop) == left, asked.seen
    run = the_run(shop)
    assert (run.outcome.value, len(run.attempts)) == (outcome, drafts)


def test_what_would_come_too_late_is_not_asked(shop: Path) -> None:
    waiting = revet(shop, *RUN, "--ask-seconds", "1")
    assert waiting.returncode == 1 and "? asked" in waiting.stdout and "--approve auto" not in waiting.stdout
    assert the_run(shop).asked_at is not None
    time.sleep(1.1)
    late = terminal(shop, "--ask-seconds", "1", "--resume")
    assert late.end() == 1
    assert QUESTION not in late.seen and Counter(customers(shop)) == Counter(["Ada", "Bo", "Caro"])
    run = the_run(shop)
    assert run.outcome is RunOutcome.abstained and "no approval came within 1 s" in run.decision.reasons


def test_another_file_of_rules_decides(shop: Path) -> None:
    (shop / "free.toml").write_text(RULES.replace('"ask"', '"allow"'))
    done = revet(shop, *RUN, "--rules", "free.toml")
    assert done.returncode == 0 and customers(shop) == ["Ada", "Caro"], done.stdout
    wrong = revet(shop, *RUN, "--rules", "none.toml")
    assert wrong.returncode == 2 and "none.toml" in wrong.stderr
    wrong = revet(shop, "run", "tasks.json", "--database", "shop.db")
    assert wrong.returncode == 2 and "--database: the database 'shop.db' is no URL" in wrong.stderr
    write(shop, inputs={"database": "sqlite:///shop.db"})
    wrong = revet(shop, *RUN)
    assert wrong.returncode == 2 and "inputs.database" in wrong.stderr
