"""`run_command` in a draft: staged as its difference, refused where it touches what is protected, committed once."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from revet.actions import Protection, Stage, commit, lock, undo
from revet.actions.shell import RunCommandHandler, Trial
from revet.errors import DraftError, ProtectedPath, UnsupportedAction
from revet.sandboxes import Local
from revet.schema import Action, Draft, WriteFile
from revet.schema.draft import DeleteFile, RunCommand
from tests.actions.shell.ground import build, look, staged

pytestmark = pytest.mark.sandbox

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    top = build(tmp_path / "ws")
    time.sleep(0.02)
    return top


def repository(top: Path) -> Path:
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*GIT, *words], cwd=top, check=True, capture_output=True)
    time.sleep(0.02)
    return top


async def stage(workspace: Path, folder: Path, *actions: Action, sandbox: Any = None, **given: Any) -> Any:
    """The stage, and the changes, of a draft that is tried in a session."""
    session = await (sandbox or Local()).open(workspace)
    try:
        area = Stage(workspace, folder, given.get("protection") or Protection(), trial=Trial(session))
        return area, await area.stage(Draft(author="test", actions=actions))
    finally:
        await session.close()


@pytest.mark.parametrize("sandbox", [Local(), Local(overlay=False)], ids=["overlay", "copy"])
async def test_actions_of_all_kinds_see_what_came_before(workspace: Path, tmp_path: Path, sandbox: Local) -> None:
    (tmp_path / "stage").mkdir()
    before = look(workspace)
    area, changes = await stage(
        workspace,
        tmp_path / "stage",
        WriteFile(path="made/by.txt", content="draft\n"),
        DeleteFile(path="b"),
        RunCommand(
            command="cat by.txt; ls ../b; tr a-z A-Z <by.txt >upper; mkdir -p none/such; ln -s upper l", cwd="made"
        ),
        WriteFile(path="made/upper", content="after\n"),
        RunCommand(command="cat made/l; rm -r sub made/none; exit 4"),
        sandbox=sandbox,
    )
    assert look(workspace) == before
    first, second = changes.commands
    assert first.stdout == "draft\n" and "No such file" in first.stderr and first.exit_code == 0
    assert second.stdout == "after\n" and second.exit_code == 4 and second.verdict == "exception"
    assert {file.path: file.kind for file in changes.files} == {
        "made/by.txt": "create",
        "made/upper": "create",
        "made/l": "create",
        "b": "delete",
        "sub/c.txt": "delete",
        "sub/deep/d.bin": "delete",
    }
    assert [(each.path, each.made) for each in changes.folders if not each.made] == [
        ("sub", False),
        ("sub/deep", False),
    ]
    with lock(workspace):
        commit(workspace, area.layer, changes, transaction="t")
        assert (workspace / "made" / "l").readlink() == Path("upper") and not (workspace / "sub").exists()
        assert (workspace / "made" / "l").read_text() == "after\n"
        undo(workspace, "t")
    assert look(workspace) == before


def test_the_command_is_never_run_again(workspace: Path) -> None:
    command = "date +%s%N >stamp; echo $RANDOM$RANDOM$RANDOM >>stamp"
    with staged(workspace, command) as (area, changes), lock(workspace):
        staged_bytes = area.read("stamp")
        commit(workspace, area.layer, changes, transaction="t")
        assert (workspace / "stamp").read_bytes() == staged_bytes


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("echo 'def test_it(): pass' >test_it.py", "test_it.py"),
        ("mkdir tests", "tests"),
        ("echo x >secret.txt", "secret.txt"),
        ("rm -rf keep", "keep/kept"),
        ("ln -sf a.txt secret.txt", "secret.txt"),
        ("mkdir -p .venv/bin", ".venv"),
        ("git init -q", ".git/HEAD"),
    ],
)
def test_protected_paths_are_refused_by_name(workspace: Path, command: str, path: str) -> None:
    (workspace / "keep").mkdir()
    (workspace / "keep" / "kept").touch()
    with (
        pytest.raises(ProtectedPath, match=path) as refused,
        staged(workspace, command, protection=Protection(protect=["secret.txt", "keep"])),
    ):
        pass
    assert refused.value.action == 0 and refused.value.path is not None


def test_only_what_the_task_lets_a_draft_edit(workspace: Path) -> None:
    with staged(workspace, "echo 1 >a.txt", protection=Protection(edit=["a.txt"])) as (_, changes):
        assert [file.path for file in changes.files] == ["a.txt"]
    with pytest.raises(ProtectedPath), staged(workspace, "echo 1 >b", protection=Protection(edit=["a.txt"])):
        pass


def test_git_may_be_read_and_its_records_stay(workspace: Path) -> None:
    repository(workspace)
    (workspace / "a.txt").write_text("edited\n")
    time.sleep(0.02)
    with staged(workspace, "git status --short; git log --oneline; git diff") as (_, changes):
        assert not changes and " M a.txt" in changes.commands[0].stdout
    with staged(workspace, "git checkout -- .") as (_, changes):  # the index as it was, but for times
        assert [file.path for file in changes.files] == ["a.txt"]
    with staged(workspace, "git stash list; git rev-parse HEAD; git mv --dry-run b c") as (_, changes):
        assert not changes
    for command in ("git add a.txt", "git commit -qam more", "git checkout -q -b other", "git rm -q --cached b"):
        words = f"git config user.name t; {command}" if "commit" in command else command
        with pytest.raises(ProtectedPath, match="git's own records"), staged(workspace, words):
            pass


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("sleep 30", "timeout"),
        ("mkfifo pipe", "pipe"),
        ("chmod 700 sub", "permissions of the folder"),
        ("echo >$'\\xff'", "UTF-8"),
        ("yes", "output_limit"),
    ],
)
async def test_what_no_commit_could_make_is_no_draft(
    workspace: Path, tmp_path: Path, command: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.actions.shell.trial.SECONDS", 0.5)
    (tmp_path / "stage").mkdir()
    before = look(workspace)
    with pytest.raises(DraftError, match=why):
        await stage(workspace, tmp_path / "stage", RunCommand(command=command))
    assert look(workspace) == before and list((tmp_path / "stage").rglob("*.txt")) == []


async def test_a_folder_that_is_not_there_and_no_sandbox(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "stage").mkdir()
    for cwd in ("nowhere", "../..", "/etc"):
        with pytest.raises(DraftError, match="cannot be tried"):
            await stage(workspace, tmp_path / "stage", RunCommand(command="ls", cwd=cwd))
    area = Stage(workspace, tmp_path / "stage", Protection())
    with pytest.raises(UnsupportedAction, match="sandbox"):
        await area.stage(Draft(author="test", actions=(RunCommand(command="ls"),)))


def test_edits_by_others_meanwhile_are_not_lost(workspace: Path) -> None:
    """A command that is tried again sees them; a commit is never made over them."""
    editors = [threading.Timer(0.3, lambda: (workspace / "b").write_text("theirs\n"))]
    for editor in editors:
        editor.start()
    with staged(workspace, "sleep 0.6; echo ours >>b") as (area, changes):
        editors[0].join()
        assert area.read("b") == b"theirs\nours\n" and [file.path for file in changes.files] == ["b"]


def test_what_was_refused_and_attempted_is_in_the_account(workspace: Path) -> None:
    with staged(workspace, "touch /etc/x; exec 3<>/dev/tcp/192.0.2.1/80; true") as (_, changes):
        run = changes.commands[0]
        assert "create /etc/x" in run.refused and "another machine" in run.network[0]
    assert RunCommandHandler().reversible(RunCommand(command="ls")) and RunCommandHandler.files_only
