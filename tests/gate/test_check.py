"""One action, one answer: what is decided, what the critique says, and what a trial adds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from revet.errors import SandboxUnavailable, WorkspaceChanged
from revet.gate import Answer, Request, acheck, check
from revet.schema import Critique
from tests.gate.worlds import command, git


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "shop"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("print(1)\n", encoding="utf-8")
    (folder / "notes.txt").write_text("hello\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        ("ls -la", "allow"),
        ("grep -rn TODO src | wc -l", "allow"),
        ("rm notes.txt", "allow"),
        ("rm -rf src", "ask"),
        ("rm -rf /", "deny"),
        ("rm -rf /home", "deny"),
        ("git reset --hard", "ask"),
        ("git push --force", "ask"),
        ("dd if=/dev/zero of=/dev/sda", "deny"),
        ("frobnicate the thing", "ask"),
    ],
)
def test_a_command_is_decided_from_its_text(shop: Path, text: str, decision: str) -> None:
    answer = check(command(text, shop), dry_run=False)
    assert answer.decision == decision, answer.reason
    assert answer.changes == {"dry_run": "off", "reason": "the dry run is switched off"}
    assert answer.reason


@pytest.mark.parametrize("text", ["ls", "rm -rf /", "rm -rf src", "frobnicate", ""])
def test_the_critique_has_the_form_of_the_vocabulary(shop: Path, text: str) -> None:
    answer = check(command(text, shop), dry_run=False)
    critique = Critique.model_validate(dict(answer.critique))
    assert critique.critic == "gate"
    assert critique.verdict == {"allow": "accept", "ask": "revise", "deny": "reject"}[answer.decision]
    assert bool(critique.findings) is (answer.decision != "allow")
    assert all(finding.evidence for finding in critique.findings)
    assert set(answer.to_dict()) == {"decision", "reason", "critique", "changes", "seconds"}


def test_a_goal_makes_a_finding_of_what_it_does_not_ask_for(shop: Path) -> None:
    asked = check(command("rm notes.txt", shop, goal="List the files in the folder"), dry_run=False)
    assert asked.decision == "ask"
    assert check(command("rm notes.txt", shop), dry_run=False).decision == "allow"


@pytest.mark.sandbox
def test_a_trial_says_what_would_happen(shop: Path) -> None:
    answer = check(command("echo more >> notes.txt; echo new > src/b.py; rm src/a.py", shop))
    assert answer.decision == "allow", answer.reason
    assert str(answer.critique["possible_result"]).startswith("Tried on a copy: ")
    assert answer.changes["dry_run"] == "ran"
    assert [each["path"] for each in answer.changes["created"]["files"]] == ["src/b.py"]
    assert [each["path"] for each in answer.changes["modified"]["files"]] == ["notes.txt"]
    assert answer.changes["deleted"] == {"count": 1, "bytes": 9, "files": [{"path": "src/a.py", "size": 9}]}
    assert answer.changes["exit_code"] == 0
    assert "+more" in answer.changes["diff"]
    assert (shop / "notes.txt").read_text(encoding="utf-8") == "hello\n"
    assert (shop / "src" / "a.py").exists()


@pytest.mark.sandbox
def test_a_trial_counts_what_the_text_leaves_open_and_the_decision_stays(shop: Path) -> None:
    answer = check(command("rm -rf src", shop))
    assert answer.decision == "ask"
    assert "1 file" in str(answer.critique["possible_result"])


@pytest.mark.sandbox
def test_a_wide_deletion_that_finds_nothing_here_is_still_asked_about(shop: Path) -> None:
    assert check(command("rm -rf nothing_of_that_name", shop)).decision == "ask"


@pytest.mark.sandbox
def test_a_script_that_deletes_much_is_asked_about_after_the_trial(shop: Path) -> None:
    for number in range(20):
        (shop / f"data{number}.csv").write_text("1\n", encoding="utf-8")
    (shop / "tidy.py").write_text("import glob, os\nfor f in glob.glob('*.csv'): os.remove(f)\n", encoding="utf-8")
    text = command("python3 tidy.py", shop)
    assert check(text, dry_run=False).decision == "allow"
    answer = check(text)
    assert answer.decision == "ask"
    assert "20 files" in answer.reason
    git(shop)
    assert check(text).decision == "allow"  # git can bring every one back


@pytest.mark.sandbox
def test_a_script_that_writes_where_shells_start_is_asked_about(shop: Path) -> None:
    (shop / "setup.sh").write_text("echo evil >> ~/.bashrc\n", encoding="utf-8")
    (shop.parent / ".bashrc").write_text("", encoding="utf-8")
    answer = check(command("bash setup.sh", shop))
    assert answer.decision != "allow"
    assert (shop.parent / ".bashrc").read_text(encoding="utf-8") == ""


@pytest.mark.sandbox
def test_a_script_that_changes_the_rules_is_asked_about(shop: Path) -> None:
    (shop / "setup.py").write_text("open('revet.toml', 'w').write('')\n", encoding="utf-8")
    answer = check(command("python3 setup.py", shop))
    assert answer.decision == "ask"
    assert "revet.toml" in answer.reason


@pytest.mark.sandbox
def test_a_program_that_is_nowhere_does_nothing_and_only_a_trial_knows(shop: Path) -> None:
    assert check(command("frobnicate the thing", shop), dry_run=False).decision == "ask"
    answer = check(command("frobnicate the thing", shop))
    assert answer.decision == "allow"
    assert "there is no program frobnicate here" in str(answer.critique["possible_result"])


@pytest.mark.sandbox
def test_a_program_that_only_the_host_has_stays_in_doubt(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = shop.parent / "bin" / "frobnicate"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    assert check(command("frobnicate the thing", shop)).decision == "ask"


@pytest.mark.sandbox
def test_what_hangs_on_a_variable_is_not_settled_by_a_trial(shop: Path) -> None:
    assert check(command("frobnicate $STAGE", shop)).decision == "ask"


@pytest.mark.sandbox
def test_a_trial_that_does_not_end_is_ended(shop: Path) -> None:
    (shop / "slow.sh").write_text("sleep 30\n", encoding="utf-8")
    answer = check(command("bash slow.sh", shop), timeout=0.5)
    assert answer.changes["verdict"] == "timeout"
    assert answer.seconds < 10


def test_a_trial_is_not_made_where_it_adds_nothing(shop: Path) -> None:
    for text in ("ls", "rm -rf /", "git push origin feature"):
        answer = check(command(text, shop))
        assert answer.changes["dry_run"] == "skipped", text
        assert answer.changes["reason"]


def test_a_folder_that_is_not_there_makes_every_change_a_question(shop: Path) -> None:
    assert check(command("rm a.txt", shop / "gone")).decision == "ask"
    assert check(command("ls", shop / "gone")).decision == "allow"


@pytest.mark.parametrize(
    ("payload", "decision"),
    [
        ({"kind": "write_file", "path": "new.txt", "content": "x"}, "allow"),
        ({"kind": "edit_file", "path": "/data/other/x"}, "ask"),
        ({"kind": "write_file", "path": "~/.ssh/config", "content": "x"}, "ask"),
        ({"kind": "write_file", "path": "/etc/hosts", "content": "x"}, "deny"),
        ({"kind": "write_file", "path": "revet.toml", "content": "x"}, "ask"),
        ({"kind": "edit_file", "path": "notes.txt"}, "allow"),
        ({"kind": "edit_file", "path": "not there"}, "ask"),
        ({"kind": "delete_file", "path": "notes.txt"}, "allow"),
        ({"kind": "delete_file", "path": "src"}, "ask"),
        ({"kind": "call_tool", "name": "lookup", "effects": ["read"]}, "allow"),
        ({"kind": "call_tool", "name": "pay", "effects": ["send"]}, "ask"),
        ({"kind": "call_tool", "name": "mystery"}, "ask"),
        ({"kind": "call_tool", "name": "odd", "effects": ["dance"]}, "ask"),
        ({"kind": "gui", "operation": "scroll", "text": "down"}, "allow"),
        ({"kind": "gui", "operation": "click", "target": "Buy now"}, "ask"),
        ({"kind": "answer", "text": "42"}, "allow"),
    ],
)
def test_the_other_kinds_of_actions(shop: Path, payload: dict[str, object], decision: str) -> None:
    answer = check(payload | {"cwd": str(shop)})
    assert answer.decision == decision, answer.reason


def test_a_link_out_of_the_workspace_is_followed(shop: Path) -> None:
    (shop.parent / ".bashrc").write_text("", encoding="utf-8")
    (shop / "link").symlink_to(shop.parent / ".bashrc")
    (shop / "etc").symlink_to("/etc")
    assert check({"kind": "write_file", "path": "link", "content": "x", "cwd": str(shop)}).decision == "ask"
    assert check(command("echo x > link", shop), dry_run=False).decision == "ask"
    assert check(command("echo x > etc/hosts", shop), dry_run=False).decision == "deny"
    assert check(command("rm link", shop), dry_run=False).decision == "allow"


def test_a_glob_stands_for_the_files_that_are_there(shop: Path) -> None:
    text = command("sed -i s/a/b/ *.toml", shop)
    assert check(text, dry_run=False).decision == "allow"
    (shop / "revet.toml").write_text("", encoding="utf-8")
    assert check(text, dry_run=False).decision == "ask"
    assert check(command("sed -i s/a/b/ *.txt", shop), dry_run=False).decision == "allow"


def test_rules_of_the_project_are_found_from_a_folder_below_it(shop: Path) -> None:
    (shop / "revet.toml").write_text(
        '[[gate.rule]]\ndecision = "deny"\neffect = "delete"\npath = "src/**"\nreason = "never"\n', encoding="utf-8"
    )
    answer = check(command("rm a.py", shop / "src"), dry_run=False)
    assert answer.decision == "deny"
    assert answer.reason.endswith("never")
    assert answer.trace[0].rule == f"{shop}/revet.toml:1"
    assert check(command("rm notes.txt", shop), dry_run=False).decision == "allow"


def test_rules_that_cannot_be_used_never_allow(shop: Path) -> None:
    (shop / "revet.toml").write_text("[gate]\ndry_runs = true\n", encoding="utf-8")
    answer = check(command("ls", shop))
    assert answer.decision == "ask"
    assert "revet.toml:2" in answer.reason
    assert "did you mean dry_run?" in answer.reason


def test_a_request_may_be_an_object_and_the_answer_awaited(shop: Path) -> None:
    request = Request(kind="run_command", command="ls", cwd=str(shop), id=7)
    assert check(request).decision == "allow"
    answer = asyncio.run(acheck(request))
    assert isinstance(answer, Answer)
    assert answer.to_dict()["id"] == 7


@pytest.mark.parametrize(
    "error", [WorkspaceChanged("a.txt was changed meanwhile"), SandboxUnavailable("no bubblewrap")]
)
def test_a_trial_that_cannot_be_made_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*given: object) -> None:
        raise error

    monkeypatch.setattr("revet.gate.trial._try", broken)
    answer = check(command("echo x > new.txt", shop))
    assert answer.changes["dry_run"] == "failed"
    assert str(error) in answer.changes["reason"]
    # Without a sandbox the text decides; of a workspace that moves, it tells too little.
    assert answer.decision == ("allow" if isinstance(error, SandboxUnavailable) else "ask")


def test_the_home_folder_as_a_workspace_is_not_copied(shop: Path) -> None:
    answer = check(command("echo x > new.txt", shop.parent, workspace=str(shop.parent)))
    assert answer.changes["dry_run"] == "skipped"


def test_an_error_within_is_never_an_allow(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: Request) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("revet.gate.judge.analyse", broken)
    answer = check(command("ls", shop))
    assert answer.decision == "ask"
    assert "ZeroDivisionError" in answer.reason
