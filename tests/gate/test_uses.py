"""Calls of other agents' tools as actions for the gate."""

from __future__ import annotations

import pytest

from revet.errors import InputError
from revet.gate.answer import Answer
from revet.gate.uses import Gate, calls, feedback, files, passed, shell, sql

pytestmark = pytest.mark.filterwarnings("error")


def test_a_shell_tool_runs_a_command() -> None:
    use = shell("cmd", cwd="where")
    assert use.action("bash", {"cmd": "ls", "where": "/srv"}) == {"kind": "run_command", "command": "ls", "cwd": "/srv"}


def test_a_command_given_as_words_is_quoted() -> None:
    action = shell().action("bash", {"command": ["rm", "a b"]})
    assert action is not None and action["command"] == "rm 'a b'"


def test_a_missing_argument_is_left_to_the_gate() -> None:
    assert shell().action("bash", {"other": 1}) == {"kind": "run_command"}
    answer = Gate({"bash": shell()}, dry_run=False).check("bash", {"other": 1})
    assert answer is not None and answer.decision != "allow"


def test_sql_files_and_calls() -> None:
    assert sql("q", database="sqlite:///x.db").action("query", {"q": "SELECT 1"}) == {
        "kind": "execute_sql",
        "sql": "SELECT 1",
        "database": "sqlite:///x.db",
    }
    assert files("delete_file", path="name").action("rm", {"name": "a"}) == {"kind": "delete_file", "path": "a"}
    assert calls("send", cost=2.0).action("mail", {"to": "x"}) == {
        "kind": "call_tool",
        "name": "mail",
        "arguments": {"to": "x"},
        "effects": ["send"],
        "reversible": False,
        "cost": 2.0,
    }
    assert passed.action("search", {}) is None


def test_a_tool_that_nobody_described_is_asked_about() -> None:
    answer = Gate({}).check("launch", {"where": "moon"})
    assert answer is not None and answer.decision == "ask"


def test_a_passed_tool_is_not_asked_about() -> None:
    assert Gate({"search": passed}).check("search", {"q": "x"}) is None


def test_what_a_tool_does_must_be_a_use() -> None:
    with pytest.raises(InputError, match="'bash'"):
        Gate({"bash": "shell"})  # type: ignore[dict-item]


def test_the_goal_and_the_workspace_reach_the_gate() -> None:
    action = Gate({"bash": shell()}, workspace="/srv/shop").action("bash", {"command": "ls"}, "list files")
    assert action == {"kind": "run_command", "command": "ls", "cwd": "/srv/shop", "goal": "list files"}


def test_feedback_says_why_what_would_happen_and_what_to_do() -> None:
    critique = {"possible_result": "12 files are gone.", "findings": [{"suggestion": "git stash"}]}
    said = feedback(Answer("deny", "it discards work", critique), "bash")
    assert said.splitlines() == [
        "The call of bash was not made: it discards work",
        "What would have happened: 12 files are gone.",
        "Instead: git stash",
    ]
