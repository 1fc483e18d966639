"""A person in a role of a method, at a real terminal: asked in the middle of a run, killed while it waits, answered."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from revet.schema import Run, RunOutcome
from revet.store import Store
from tests.cli.test_process import Terminal, command, environment
from tests.cli.test_real import revet

RUN = ("run", "tasks.json")
LEADER = "Which of these should the writer hear? Answer with its number."
WRITER = "Write the first draft"


def draft(answer: str) -> dict[str, Any]:
    return {"thoughts": "t", "answer": answer}


SCRIPT = [
    {"role": "proposer", "value": draft("a plain line")},
    {"role": "persona", "value": {"critics": ["a sailor", "a cook"], "leader": "a king"}},
    {"role": "critic", "contains": "a sailor", "value": {"points": ["more sea"], "reason": "r", "pick": 1}},
    {"role": "critic", "value": {"points": ["more salt\u001b[31m"], "reason": "r", "pick": 1}},
    {"role": "reviser", "contains": "more salt", "value": draft("a salty line")},
    {"role": "reviser", "value": draft("a line of the sea")},
    {"role": "leader", "value": {"reason": "r", "pick": 1}},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "leader")
    return tmp_path


def write(folder: Path, person: str) -> None:
    options = {"person": person, "rounds": 1, "criteria": ["place", "taste"], "choose": "last"}
    task = {"id": "line", "goal": "Write a line.", "model": "scripted:model.yaml", "recipe": "collective"}
    (folder / "tasks.json").write_text(json.dumps({"tasks": [{**task, "options": options}]}))
    (folder / "model.yaml").write_text(json.dumps(SCRIPT))


def terminal(folder: Path, *words: str) -> Terminal:
    return Terminal(command(*RUN, *words, scripted=False), environment(), folder)


def the_run(folder: Path) -> Run:
    store = Store(folder / ".revet")
    (row,) = store.rows()
    return store.get(row.id)


def test_the_leader_picks_by_number_at_the_terminal(folder: Path) -> None:
    asked = terminal(folder)
    asked.wait_for(LEADER)
    assert "1. more sea" in asked.seen and "2. more salt" in asked.seen and "\x1b[31m" not in asked.seen
    assert "a plain line" in asked.seen and "Commit this" not in asked.seen
    asked.seen = ""
    asked.type("seven\n")
    asked.wait_for("a number from 1 to 2 is wanted")
    asked.type("2\n")
    assert asked.end() == 0, asked.seen
    run = the_run(folder)
    assert (run.outcome, run.answer, run.question) == (RunOutcome.answered, "a salty line", {})
    assert run.usage.roles["critic"].calls == 2


def test_killed_while_it_waits_it_asks_again_and_approval_for_all_answers_no_role(folder: Path) -> None:
    first = terminal(folder)
    first.wait_for(LEADER)
    os.kill(first.process.pid, signal.SIGKILL)
    first.end()
    without = revet(folder, *RUN, "--resume", "--approve", "auto")
    shown = without.stdout
    assert "waits for your answer as the leader: Which of these" in shown and "--approve auto)" not in shown, shown
    assert the_run(folder).outcome is RunOutcome.asked and the_run(folder).question["seat"] == "leader"
    second = terminal(folder, "--resume")
    second.wait_for(LEADER)
    second.type("1\n")
    assert second.end() == 0, second.seen
    run = the_run(folder)
    assert run.answer == "a line of the sea" and run.usage.roles["proposer"].calls == 1


def test_a_writer_types_lines_and_an_empty_one_passes(folder: Path) -> None:
    write(folder, "writer")
    asked = terminal(folder)
    asked.wait_for(WRITER)
    asked.type("roses are red\nviolets are blue\n.\n")
    asked.wait_for("Write the next draft")
    assert "critique:" in asked.seen and "more sea" in asked.seen
    asked.type("\n")
    asked.end()
    run = the_run(folder)
    assert run.outcome is RunOutcome.answered and run.answer == "roses are red\nviolets are blue"
