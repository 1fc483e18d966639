"""`revet gate`: the process, its exit status, its output, and what it does not load."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from revet.cli import app
from revet.gate.command import main


def asked(data: bytes | str, *options: str) -> tuple[int, str]:
    """The exit status and stdout of `revet gate` on `data`."""
    out = io.StringIO()
    status = main(list(options), stdin=io.BytesIO(data.encode() if isinstance(data, str) else data), stdout=out)
    return status, out.getvalue()


def action(folder: Path, command: str, **more: object) -> str:
    return json.dumps({"kind": "run_command", "command": command, "cwd": str(folder), **more})


def test_one_action_one_answer(tmp_path: Path) -> None:
    for command, decision in (("ls", "allow"), ("rm -rf src", "ask"), ("rm -rf /", "deny")):
        status, out = asked(action(tmp_path, command, id="a"), "--no-dry-run")
        answer = json.loads(out)
        assert (status, answer["decision"], answer["id"]) == (0, decision, "a")
        assert set(answer) == {"id", "decision", "reason", "critique", "changes", "seconds"}


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"[1]", b"{}", b'{"kind": 3}', b'"ls"'])
def test_what_is_no_request_ends_with_two_and_an_answer_all_the_same(
    data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out = asked(data)
    assert status == 2
    assert json.loads(out)["decision"] == "deny"
    assert capsys.readouterr().err.startswith("revet gate: ")


def test_a_request_at_fault_is_answered_with_zero(tmp_path: Path) -> None:
    status, out = asked(b'{"kind": "run_command", "command": 3}')
    assert (status, json.loads(out)["decision"]) == (0, "deny")


def test_a_hooks_payload_is_answered_in_its_form(tmp_path: Path) -> None:
    hook: dict[str, Any] = {"hook_event_name": "PreToolUse", "cwd": str(tmp_path), "tool_name": "Bash"}
    status, out = asked(json.dumps(hook | {"tool_input": {"command": "rm -rf /"}}))
    assert (status, json.loads(out)["hookSpecificOutput"]["permissionDecision"]) == (0, "deny")
    status, out = asked(json.dumps(hook | {"hook_event_name": "Stop"}))
    assert (status, json.loads(out)["hookSpecificOutput"]["permissionDecision"]) == (0, "ask")
    status, out = asked("not json", "--hook")
    assert (status, json.loads(out)["hookSpecificOutput"]["permissionDecision"]) == (2, "deny")
    (tmp_path / "revet.toml").write_text("[gate]\nno = 1\n", encoding="utf-8")
    status, out = asked(json.dumps(hook | {"tool_input": {"command": "ls"}}))
    assert (status, json.loads(out)["hookSpecificOutput"]["permissionDecision"]) == (0, "ask")


def test_a_batch_is_answered_line_by_line_in_order(tmp_path: Path) -> None:
    lines = [
        action(tmp_path, "ls", id=0),
        "{",
        action(tmp_path, "rm -rf /", id=2),
        "",
        action(tmp_path, "ls", id={"n": 3}),
    ]
    status, out = asked("\n".join(lines), "--batch", "--no-dry-run")
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [answer["decision"] for answer in answers] == ["allow", "deny", "deny", "allow"]
    assert [answer.get("id") for answer in answers] == [0, None, 2, {"n": 3}]
    assert answers[1]["reason"].startswith("line 2: this is not JSON")


def test_a_batch_of_nothing_has_an_answer_too() -> None:
    status, out = asked(b"\n\n", "--batch")
    assert (status, json.loads(out)["decision"]) == (2, "deny")


def test_a_line_that_is_too_long_does_not_spoil_the_next(tmp_path: Path) -> None:
    status, out = asked(b"x" * (9 * 1024 * 1024) + b"\n" + action(tmp_path, "ls").encode(), "--batch")
    assert [json.loads(line)["decision"] for line in out.splitlines()] == ["deny", "allow"]
    assert status == 0


def test_rules_may_come_from_a_file_that_is_named(tmp_path: Path) -> None:
    rules = tmp_path / "strict.toml"
    rules.write_text("[[gate.rule]]\ndecision = 'deny'\neffect = 'read'\n", encoding="utf-8")
    status, out = asked(action(tmp_path, "ls"), "--rules", str(rules))
    assert json.loads(out)["decision"] == "deny"
    status, out = asked(action(tmp_path, "ls"), "--rules", str(tmp_path / "none.toml"))
    answer = json.loads(out)
    assert (status, answer["decision"]) == (0, "ask")
    assert "there is no such file" in answer["reason"]


EXPLAINED = """\
1. cat notes.txt
   allow read: looks, changes nothing (workspace, text)
         by defaults: looking
2. rm -rf src
   deny  delete: deletes src and everything below it, asking nothing (move it away first, or name the files) \
(workspace, text, any number)
         by {folder}/revet.toml:2
Result: Read from its text, not tried: looks, changes nothing; deletes src and everything below it, asking nothing \
(move it away first, or name the files).
Trial: off: the dry run is switched off
Rules: {folder}/revet.toml, built-in defaults
DENY: deletes src and everything below it, asking nothing: sources are kept
"""


def test_explain_tells_command_effect_rule_and_decision(tmp_path: Path) -> None:
    (tmp_path / "revet.toml").write_text(
        '# ours\n[[gate.rule]]\ndecision = "deny"\neffect = "delete"\npath = "src/**"\nreason = "sources are kept"\n',
        encoding="utf-8",
    )
    status, out = asked(action(tmp_path, "cat notes.txt && rm -rf src"), "--explain", "--no-dry-run")
    assert (status, out) == (0, EXPLAINED.format(folder=tmp_path))


def test_options_at_fault_end_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    for options in (["--nonsense"], ["--timeout", "0"], ["--timeout", "x"], ["--rules"]):
        with pytest.raises(SystemExit) as caught:
            main(options, stdin=io.BytesIO(b""), stdout=io.StringIO())
        assert caught.value.code == 2
    assert "--timeout" in capsys.readouterr().err


def test_help_lists_the_command() -> None:
    assert "gate" in CliRunner().invoke(app, ["--help"]).output


def process(data: str, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-X", "importtime", "-m", "revet", "gate", *options]
    return subprocess.run(words, input=data, capture_output=True, text=True, cwd=folder, check=False)


def test_the_process_loads_nothing_heavy(tmp_path: Path) -> None:
    done = process(action(tmp_path, "ls -la && git status"), folder=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["decision"]) == (0, "allow")
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    heavy = {
        "pydantic",
        "typer",
        "rich",
        "langgraph",
        "asyncio",
        "argparse",
        "yaml",
        "sqlglot",
        "revet.schema",
        "subprocess",
    }
    assert not heavy & loaded


@pytest.mark.sandbox
def test_a_trial_in_a_process_loads_little_more(tmp_path: Path) -> None:
    for _ in range(2):  # the first may have to find out what the sandbox can do here
        done = process(action(tmp_path, "echo hello > new.txt"), folder=tmp_path)
    answer = json.loads(done.stdout)
    assert (answer["decision"], answer["changes"]["dry_run"]) == ("allow", "ran")
    assert answer["changes"]["created"]["count"] == 1
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert not {"pydantic", "typer", "rich", "langgraph", "asyncio"} & loaded
    assert not list(tmp_path.iterdir())


def test_a_running_gate_answers_before_the_next_line_comes(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "revet", "gate", "--batch", "--no-dry-run"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as gate:
        assert gate.stdin is not None
        assert gate.stdout is not None
        for number in range(3):
            gate.stdin.write(action(tmp_path, "ls", id=number) + "\n")
            gate.stdin.flush()
            assert json.loads(gate.stdout.readline())["id"] == number
        gate.stdin.close()
        assert gate.wait(10) == 0
