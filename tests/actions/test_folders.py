"""Empty folders: made and removed by a commit, and put back by its undo."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.actions import commit, find_receipt, recover, register, undo
from revet.actions.registry import Staging, _handlers
from revet.errors import InputError, UndoConflict, WorldMoved
from revet.schema import Changes, DeleteFile, FolderChange, RunCommand, WriteFile
from tests.actions.action_worlds import Desk, Plain, build, draft_of, killed_at, look


class Folders(Plain):
    """``+path`` makes a folder, ``-path`` removes one, as a command does that was tried."""

    files_only = True

    async def stage(self, action: RunCommand, staging: Staging) -> None:
        for word in action.command.split():
            if word[0] == "+":
                staging.tree.make_folder(word[1:], 0o711)
            else:
                staging.tree.remove_folder(word[1:])


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setitem(_handlers, "run_command", _handlers["answer"])
    register("run_command", Folders())
    (tmp_path / "stage").mkdir()
    return Desk(build(tmp_path / "ws"), tmp_path / "stage")


def run(words: str) -> RunCommand:
    return RunCommand(command=words)


def kept(desk: Desk, changes: Changes, name: str = "t") -> None:
    commit(desk.workspace, desk.layer, changes, transaction=name)


def test_made_and_removed_and_back(desk: Desk) -> None:
    before = look(desk.workspace)
    changes = desk.put(draft_of(run("+new/inner/most -empty"), WriteFile(path="new/file", content="x")))
    assert changes and [f.path for f in changes.folders] == ["empty", "new/inner/most"]
    assert (desk.layer.root / "new/inner/most").is_dir() and "empty" in desk.layer.deleted
    kept(desk, changes)
    after = look(desk.workspace)
    assert after["new/inner/most"] == ("folder", 0o711, b"") and after["new"][0] == "folder"
    assert "empty" not in after
    receipt = find_receipt(desk.workspace, "t")
    assert receipt is not None and receipt.undoable and receipt.folders == changes.folders
    undo(desk.workspace, "t")
    assert look(desk.workspace) == before


def test_a_folder_goes_with_its_files(desk: Desk) -> None:
    before = look(desk.workspace)
    gone = [DeleteFile(path=f"pkg/{name}") for name in ("one.py", "deep/run.sh")]
    kept(desk, desk.put(draft_of(*gone, run("-pkg -pkg/deep"))))
    assert not (desk.workspace / "pkg").exists()
    undo(desk.workspace, "t")
    assert look(desk.workspace) == before


def test_a_file_and_a_folder_change_places(desk: Desk) -> None:
    before = look(desk.workspace)
    actions = (DeleteFile(path="doomed.txt"), run("+doomed.txt -empty"))
    changes = desk.put(draft_of(*actions))
    assert desk.drift(changes) == []
    kept(desk, changes)
    assert (desk.workspace / "doomed.txt").is_dir()
    undo(desk.workspace, "t")
    assert look(desk.workspace) == before


def test_the_world_moved(desk: Desk) -> None:
    changes = desk.put(draft_of(run("+made -empty")))
    (desk.workspace / "made").mkdir()
    assert desk.drift(changes) == ["made"]
    with pytest.raises(WorldMoved, match="made"):
        kept(desk, changes)
    (desk.workspace / "made").rmdir()
    (desk.workspace / "empty" / "stranger").write_text("mine")
    assert desk.drift(changes) == []
    with pytest.raises(WorldMoved, match="empty/stranger"):
        kept(desk, changes)
    assert not (desk.workspace / ".revet").exists()


def test_what_others_put_into_a_made_folder_stays(desk: Desk) -> None:
    kept(desk, desk.put(draft_of(run("+made -empty"))))
    (desk.workspace / "made" / "mine").write_text("mine")
    (desk.workspace / "empty").write_text("a file in the way")
    with pytest.raises(UndoConflict, match="empty"):
        undo(desk.workspace, "t")
    (desk.workspace / "empty").unlink()
    undo(desk.workspace, "t")
    assert (desk.workspace / "made" / "mine").read_text() == "mine" and (desk.workspace / "empty").is_dir()


@pytest.mark.parametrize("path", ["../out", ".git/x", ".revet", "a//b", "/abs"])
def test_paths_that_staging_would_not_make(desk: Desk, path: str) -> None:
    with pytest.raises(InputError):
        kept(desk, Changes(folders=(FolderChange(path=path, made=True),)))


def test_killed_at_every_step(desk: Desk) -> None:
    before = look(desk.workspace)
    changes = desk.put(draft_of(run("+new/inner -empty")))
    step, seen = 1, set()
    while killed_at(step, lambda: kept(desk, changes)):
        recover(desk.workspace)
        done = find_receipt(desk.workspace, "t") is not None
        seen.add(done)
        assert (look(desk.workspace) == before) is not done
        if done:
            undo(desk.workspace, "t")
            assert look(desk.workspace) == before
            for path in sorted((desk.workspace / ".revet").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (desk.workspace / ".revet").rmdir()
        step += 1
    assert seen == {True, False}
