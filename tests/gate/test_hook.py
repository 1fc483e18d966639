"""The form of Claude Code's PreToolUse hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.gate import Unreadable, check
from revet.gate.hook import hook_output, hook_request, is_hook


def payload(tool: str, given: object, cwd: Path | str = "/w", **more: object) -> dict[str, Any]:
    common = {
        "session_id": "s",
        "transcript_path": "/t.jsonl",
        "permission_mode": "default",
        "hook_event_name": "PreToolUse",
        "tool_use_id": "toolu_1",
    }
    return {**common, "cwd": str(cwd), "tool_name": tool, "tool_input": given, **more}


@pytest.mark.parametrize(
    ("tool", "given", "decision"),
    [
        ("Bash", {"command": "ls", "description": "list"}, "allow"),
        ("Bash", {"command": "rm -rf /"}, "deny"),
        ("Bash", {"command": "rm -rf src"}, "ask"),
        ("Bash", {}, "deny"),
        ("Bash", {"command": 3}, "deny"),
        ("Write", {"file_path": "{w}/new.txt", "content": "x"}, "allow"),
        ("Write", {"file_path": "/etc/passwd", "content": "x"}, "deny"),
        ("Write", {"file_path": "{w}/.claude/settings.json", "content": "{}"}, "ask"),
        ("Edit", {"file_path": "{w}/a.txt", "old_string": "a", "new_string": "b"}, "allow"),
        ("MultiEdit", {"file_path": "{w}/a.txt", "edits": []}, "allow"),
        ("NotebookEdit", {"notebook_path": "{w}/a.txt", "new_source": "x"}, "allow"),
        ("Read", {"file_path": "/anything"}, "allow"),
        ("WebFetch", {"url": "https://example.org", "prompt": "x"}, "allow"),
        ("Task", {"prompt": "look around"}, "allow"),
        ("mcp__mail__send", {"to": "x"}, "ask"),
        ("SomethingNew", {}, "ask"),
    ],
)
def test_each_tool_is_decided_as_the_action_that_it_is(
    tmp_path: Path, tool: str, given: dict[str, Any], decision: str
) -> None:
    (tmp_path / "a.txt").write_text("a\n", encoding="utf-8")
    filled = {name: value.format(w=tmp_path) if name.endswith("path") else value for name, value in given.items()}
    try:
        found = check(hook_request(payload(tool, filled, tmp_path)), dry_run=False).decision
    except Unreadable as error:
        found = error.decision
    assert found == decision


@pytest.mark.parametrize(
    "changed",
    [
        {"hook_event_name": "PostToolUse"},
        {"hook_event_name": "PreToolUse2"},
        {"hook_event_name": None},
        {"tool_name": None},
        {"tool_name": 3},
        {"tool_input": "ls"},
        {"tool_input": None},
    ],
    ids=str,
)
def test_a_form_that_is_not_known_is_asked_about(changed: dict[str, object]) -> None:
    with pytest.raises(Unreadable) as caught:
        hook_request(payload("Bash", {"command": "ls"}) | changed)
    assert caught.value.decision == "ask"


def test_a_hook_is_told_from_an_action() -> None:
    assert is_hook(payload("Bash", {"command": "ls"}))
    assert not is_hook({"kind": "run_command", "command": "ls"})
    assert not is_hook([])


def test_the_project_of_the_session_is_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_PROJECT_DIR", str(tmp_path))
    assert hook_request(payload("Bash", {"command": "ls"}, tmp_path / "sub")).workspace == str(tmp_path)
    assert hook_request(payload("Bash", {"command": "ls"}, "/elsewhere")).workspace == ""


def test_rules_reach_tools_by_name_and_files_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "revet.toml").write_text(
        '[[gate.rule]]\ndecision = "allow"\ncommand = "mcp__docs__*"\n'
        '[[gate.rule]]\ndecision = "deny"\neffect = "read"\npath = "secrets/**"\n',
        encoding="utf-8",
    )
    assert check(hook_request(payload("mcp__docs__find", {"q": "x"}, tmp_path))).decision == "allow"
    assert check(hook_request(payload("mcp__mail__send", {"q": "x"}, tmp_path))).decision == "ask"
    read = payload("Read", {"file_path": f"{tmp_path}/secrets/key"}, tmp_path)
    assert check(hook_request(read)).decision == "deny"


def test_the_answer_has_the_hooks_form_and_is_bounded(tmp_path: Path) -> None:
    answer = check({"kind": "run_command", "command": "rm -rf /", "cwd": str(tmp_path)}, dry_run=False)
    said = hook_output(answer.but(reason="x" * 10_000))
    assert set(said) == {"hookSpecificOutput"}
    inner = said["hookSpecificOutput"]
    assert (inner["hookEventName"], inner["permissionDecision"]) == ("PreToolUse", "deny")
    assert len(inner["permissionDecisionReason"]) <= 4_000
