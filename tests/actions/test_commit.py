"""Commit, undo and recover, without crashes: what they do, what they refuse, and what they leave behind."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from revet.actions import (
    Protection,
    commit,
    disk,
    find_receipt,
    journal,
    receipts,
    recover,
    transaction,
    undo,
)
from revet.actions.registry import _handlers
from revet.errors import (
    CommitError,
    InputError,
    JournalCorrupt,
    StoreError,
    UndoConflict,
    WorldMoved,
)
from revet.schema import Answer, CallTool, Changes, Draft, WriteFile
from tests.actions.action_worlds import BIG_DRAFT, Desk, Plain, build, draft_of, ended, fork, killed_at, look


class World:
    """A workspace, its stage, and the short way to commit a draft."""

    def __init__(self, home: Path) -> None:
        self.path = build(home / "ws")
        (home / "stage").mkdir()
        self.stage = Desk(self.path, home / "stage", Protection())

    def commit(self, draft: Draft = BIG_DRAFT, name: str = "t") -> None:
        changes = self.stage.put(draft)
        commit(self.path, self.stage.layer, changes, transaction=name, draft=draft)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Makes the file system fail at the named step, as a full disk or a lost permission would."""

    def arm(at: str, code: int) -> None:
        def fail(name: str) -> None:
            if name == at:
                monkeypatch.setattr(journal, "_step", journal._quiet)
                raise OSError(code, os.strerror(code))

        monkeypatch.setattr(journal, "_step", fail)

    return arm


def interrupt(world: World, at: str, draft: Draft = BIG_DRAFT) -> None:
    """Leave the workspace as a crash at that step of a commit does."""
    assert killed_at(at, lambda: world.commit(draft))


def test_commit_does_what_was_staged_and_undo_takes_it_back(world: World) -> None:
    before = look(world.path)
    changes = world.stage.put(BIG_DRAFT)
    receipt = commit(world.path, world.stage.layer, changes, transaction="run-1")
    after = look(world.path)
    assert (receipt.id, receipt.fingerprint, receipt.files) == ("run-1", changes.fingerprint, changes.files)
    assert receipt.workspace == str(world.path)
    staged = look(world.stage.layer.root)
    assert {path: entry for path, entry in after.items() if path in staged and entry[0] == "file"} == {
        path: entry for path, entry in staged.items() if entry[0] == "file"
    }
    assert after["turns"][0] == "folder" and after["nest"][2] == b"a file now\n"
    assert "doomed.txt" not in after and "link" not in after
    assert find_receipt(world.path, "run-1") == receipt
    undone = undo(world.path, "run-1")
    assert look(world.path) == before
    assert undone.undone_at is not None and find_receipt(world.path, "run-1") == undone
    assert recover(world.path) == []


def test_git_sees_nothing_of_the_journal(world: World) -> None:
    git = ["git", "-C", str(world.path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    world.commit()
    undo(world.path, "t")
    assert subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True).stdout == b""


def test_what_moved_is_not_overwritten(world: World) -> None:
    changes = world.stage.put(BIG_DRAFT)
    (world.path / "pkg" / "one.py").write_text("someone was here\n")
    (world.path / "fresh" / "é ü").mkdir(parents=True)
    (world.path / "fresh" / "é ü" / "notes.md").write_text("here too\n")
    before = look(world.path)
    with pytest.raises(WorldMoved) as caught:
        commit(world.path, world.stage.layer, changes, transaction="t")
    assert set(caught.value.paths) == {"pkg/one.py", "fresh/é ü/notes.md"}
    assert look(world.path) == before and not (world.path / ".revet").exists()


def test_a_parent_that_becomes_a_symlink_is_not_followed(world: World, tmp_path: Path) -> None:
    changes = world.stage.put(draft_of(WriteFile(path="pkg/new.py", content="x")))
    (world.path / "pkg").rename(world.path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (world.path / "pkg").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WorldMoved):
        commit(world.path, world.stage.layer, changes, transaction="t")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_only_what_was_examined_is_committed(world: World) -> None:
    changes = world.stage.put(BIG_DRAFT)
    before = look(world.path)
    (world.stage.layer.root / "pkg" / "one.py").write_text("not what was examined\n")
    with pytest.raises(WorldMoved, match="not what was examined"):
        commit(world.path, world.stage.layer, changes, transaction="t")
    (world.stage.layer.root / "pkg" / "one.py").unlink()
    with pytest.raises(WorldMoved, match="not what was examined"):
        commit(world.path, world.stage.layer, changes, transaction="t")
    assert look(world.path) == before and not (world.path / ".revet").exists()


@pytest.mark.parametrize("path", ["../x", ".git/hooks/pre-commit", "/etc/x", "a//b", "a/./b", ".revet/x"])
def test_changes_that_no_stage_made_are_refused(world: World, path: str) -> None:
    changes = world.stage.put(draft_of(WriteFile(path="new", content="x")))
    forged = Changes(files=(changes.files[0].model_copy(update={"path": path}),))
    with pytest.raises(InputError, match="no path that can be committed"):
        commit(world.path, world.stage.layer, forged, transaction="t")


def test_ids(world: World) -> None:
    world.commit()
    changes = world.stage.put(draft_of(WriteFile(path="new", content="x")))
    with pytest.raises(CommitError, match="already"):
        commit(world.path, world.stage.layer, changes, transaction="t")
    for bad in ("", "../x", "a/b", ".hidden", "x" * 200):
        with pytest.raises(InputError, match="id of a transaction"):
            commit(world.path, world.stage.layer, changes, transaction=bad)
    with pytest.raises(CommitError, match="nothing to commit"):
        commit(world.path, world.stage.layer, Changes(), transaction="u", draft=draft_of(Answer(text="hi")))
    with pytest.raises(StoreError, match="the commits there: t"):
        undo(world.path, "u")
    undo(world.path, "t")
    with pytest.raises(CommitError, match="already undone"):
        undo(world.path, "t")


def test_undo_refuses_what_was_edited_since(world: World) -> None:
    world.commit()
    (world.path / "pkg" / "one.py").write_text("edited\n")
    (world.path / "turns" / "more.txt").write_text("in the way of the file `turns`\n")
    (world.path / "doomed.txt").write_text("back again\n")
    before = look(world.path)
    with pytest.raises(UndoConflict) as caught:
        undo(world.path, "t")
    assert caught.value.paths == ("doomed.txt", "pkg/one.py", "turns/more.txt")
    assert look(world.path) == before


def test_undo_keeps_folders_that_are_used_and_restores_those_that_are_gone(world: World) -> None:
    world.commit()
    (world.path / "fresh" / "mine.txt").write_text("kept\n")
    shutil.rmtree(world.path / "empty")
    undo(world.path, "t")
    assert look(world.path / "fresh") == {"mine.txt": ("file", 0o644, b"kept\n")}
    world.commit(draft_of(*[a for a in BIG_DRAFT.actions if a.kind == "delete_file"][:1]), name="u")
    undo(world.path, "u")


def test_undo_in_order_and_receipts(world: World) -> None:
    for number in range(3):
        world.commit(draft_of(WriteFile(path="counter", content=str(number))), name=f"run-{number}")
    assert [receipt.id for receipt in receipts(world.path)] == ["run-0", "run-1", "run-2"]
    with pytest.raises(UndoConflict):
        undo(world.path, "run-1")
    for number in (2, 1, 0):
        assert (world.path / "counter").read_text() == str(number)
        undo(world.path, f"run-{number}")
    assert not (world.path / "counter").exists()


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("made old", errno.EACCES),
        ("staged 0", errno.ENOSPC),
        ("saved 1", errno.EIO),
        ("prepared.json written", errno.ENOSPC),
        ("took 1", errno.EPERM),
        ("placed 0", errno.ENOSPC),
        ("placed 7", errno.EACCES),
        ("committed.json named", errno.EIO),
    ],
)
def test_a_failing_disk_leaves_everything_as_it_was(
    world: World, failing: Callable[[str, int], None], at: str, code: int
) -> None:
    before = look(world.path)
    failing(at, code)
    with pytest.raises(CommitError, match=os.strerror(code)):
        world.commit()
    assert look(world.path) == before
    assert not (world.path / ".revet").exists()
    world.commit()
    failing(at, code)
    if at not in ("saved 1", "took 1"):
        after = look(world.path)
        with pytest.raises(CommitError, match=os.strerror(code)):
            undo(world.path, "t")
        assert look(world.path) == after
        undo(world.path, "t")
        assert look(world.path) == before


def test_a_disk_that_stays_broken_is_recovered_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = look(world.path)

    def fail(name: str) -> None:
        if name in ("placed 4", "aborted record"):
            raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(journal, "_step", fail)
    with pytest.raises(CommitError, match="cannot be rolled back yet"):
        world.commit()
    assert look(world.path) != before
    monkeypatch.setattr(journal, "_step", journal._quiet)
    assert recover(world.path) == ["commit t: rolled back"]
    assert look(world.path) == before and find_receipt(world.path, "t") is None


def test_an_interrupt_from_the_keyboard_rolls_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = look(world.path)

    def interrupt(name: str) -> None:
        if name == "placed 4":
            monkeypatch.setattr(journal, "_step", journal._quiet)
            raise KeyboardInterrupt

    monkeypatch.setattr(journal, "_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.commit()
    assert look(world.path) == before and not (world.path / ".revet").exists()


def test_recover_says_what_it_did(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recover(world.path) == []
    interrupt(world, "saved 1")
    assert recover(world.path) == ["commit t: was not fully prepared, so nothing had happened; dropped"]
    changes = world.stage.put(BIG_DRAFT)
    interrupt(world, "placed 0")
    with pytest.raises(CommitError, match="recover"):
        commit(world.path, world.stage.layer, changes, transaction="t")
    assert recover(world.path) == ["commit t: finished (11 files)"]
    assert recover(world.path) == []
    undo(world.path, "t")


def test_recover_rolls_back_around_an_edit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = look(world.path)
    interrupt(world, "placed 7")
    (world.path / "pkg" / "one.py").write_text("edited meanwhile\n")
    [line] = recover(world.path)
    assert line.startswith("commit t: rolled back; left as found, because edited since: pkg/one.py")
    assert look(world.path) == before | {"pkg/one.py": ("file", 0o644, b"edited meanwhile\n")}
    assert (world.path / ".revet/rescued/t/pkg/one.py").read_bytes() == before["pkg/one.py"][2]


@pytest.mark.parametrize("record", ["prepared.json", "committed.json"])
def test_a_damaged_record_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    if record == "committed.json":
        world.commit()
    else:
        interrupt(world, "placed 0")
    path = world.path / ".revet/journal/t/commit" / record
    path.write_bytes(path.read_bytes().replace(b"pkg/one.py", b"pkg/two.py"))
    before = look(world.path), look(world.path / ".revet")
    for act in (recover, lambda where: undo(where, "t")):
        if record == "committed.json" or act is recover:
            with pytest.raises(JournalCorrupt, match="keep a copy of"):
                act(world.path)
    assert (look(world.path), look(world.path / ".revet")) == before


def test_a_journal_without_its_files_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(world, "prepared.json durable")
    (world.path / ".revet/journal/t/commit/new/0").write_bytes(b"tampered with")
    before = look(world.path)
    with pytest.raises(JournalCorrupt, match=r"does not hold what the record says for data\.bin"):
        recover(world.path)
    assert look(world.path) == before


def test_a_journal_behind_a_symlink_is_not_used(world: World, tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir()
    (world.path / ".revet").symlink_to(tmp_path / "trap")
    with pytest.raises(CommitError, match="not a folder"):
        world.commit()
    (world.path / ".revet").unlink()
    (world.path / ".revet" / "journal" / "x").mkdir(parents=True)
    (world.path / ".revet" / "journal" / "x" / "commit").symlink_to(tmp_path / "trap")
    with pytest.raises(JournalCorrupt, match="symlink"):
        recover(world.path)


def test_a_folder_on_another_file_system(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """There, files cannot be moved to or from the journal; a temporary file beside the target stands in."""
    real = os.replace

    def replace(source: object, target: object, **where: int) -> None:
        if len(where) == 1:
            raise OSError(errno.EXDEV, "another file system")
        real(source, target, **where)  # type: ignore[call-overload]

    before = look(world.path)
    monkeypatch.setattr(disk.os, "replace", replace)
    world.commit()
    after = look(world.path)
    assert not [path for path in after if ".revet-" in path]
    assert after["pkg/one.py"][2] == b"x = 10\ny = 2\n" and "doomed.txt" not in after
    undo(world.path, "t")
    assert look(world.path) == before


def test_a_temporary_file_that_a_crash_left_is_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(world, "placed 0")
    (world.path / "pkg" / ".revet-t-7").write_text("half a fi")
    recover(world.path)
    assert not (world.path / "pkg" / ".revet-t-7").exists()


# --- whose journal it is -----------------------------------------------------------------------------------


def test_a_journal_of_another_workspace_is_not_carried_out(world: World, tmp_path: Path) -> None:
    """As when one comes inside an archive, or a workspace is copied with all that is in it."""
    interrupt(world, "prepared.json durable")
    copied = tmp_path / "copy"
    shutil.copytree(world.path, copied, symlinks=True)
    before = look(copied), look(copied / ".revet")
    with pytest.raises(JournalCorrupt, match=rf"another workspace, {world.path}"):
        recover(copied)
    assert (look(copied), look(copied / ".revet")) == before
    recover(world.path)


def test_a_copied_workspace_goes_on_without_the_other_ones_commits(world: World, tmp_path: Path) -> None:
    world.commit()
    copied = tmp_path / "copy"
    shutil.copytree(world.path, copied, symlinks=True)
    assert recover(copied) == [] and receipts(copied) == [] and find_receipt(copied, "t") is None
    before = look(copied)
    with pytest.raises(JournalCorrupt, match="another workspace"):
        undo(copied, "t")
    assert look(copied) == before
    undo(world.path, "t")


def test_a_moved_workspace_is_still_itself(world: World, tmp_path: Path) -> None:
    before = look(world.path)
    interrupt(world, "placed 0")
    world.path.rename(tmp_path / "moved")
    assert recover(tmp_path / "moved") == ["commit t: finished (11 files)"]
    (tmp_path / "moved").rename(tmp_path / "again")
    undo(tmp_path / "again", "t")
    assert look(tmp_path / "again") == before


def test_a_device_that_changed_its_number_is_still_the_same(world: World) -> None:
    here = journal.Home.of(world.path)
    assert here.model_copy(update={"device": here.device + 1}).is_at(world.path)
    assert here.model_copy(update={"path": "/elsewhere"}).is_at(world.path)
    assert not here.model_copy(update={"inode": here.inode + 1}).is_at(world.path)
    assert not here.model_copy(update={"path": "/elsewhere", "device": here.device + 1}).is_at(world.path)


@pytest.mark.parametrize("kind", ["pipe", "link", "loop", "device", "folder", "deep"])
@pytest.mark.parametrize("name", ["prepared.json", "aborted.json", "committed.json"])
def test_a_record_that_is_no_plain_file_is_not_read(world: World, tmp_path: Path, kind: str, name: str) -> None:
    record = world.path / ".revet" / "journal" / "x" / "commit" / name
    record.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(record)
    elif kind == "link":
        (tmp_path / "secret").write_text("{}")
        record.symlink_to(tmp_path / "secret")
    elif kind == "loop":
        record.symlink_to(name)
    elif kind == "device":
        record.symlink_to("/dev/zero")
    elif kind == "deep":
        record.write_text("[" * 100_000)
    else:
        record.mkdir()
    with pytest.raises(JournalCorrupt, match="damaged"):
        recover(world.path)


def test_other_files_of_the_journal_are_not_followed_either(world: World, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    home = world.path / ".revet"
    home.mkdir()
    os.mkfifo(home / ".gitignore")
    assert recover(world.path) == []
    (home / ".gitignore").unlink()
    (home / ".gitignore.revet").symlink_to(tmp_path / "outside")
    world.commit()
    assert (tmp_path / "outside").read_text() == "mine"
    (home / "rescued").symlink_to(tmp_path)
    with pytest.raises(CommitError, match="rescued is not a folder"):
        recover(world.path)


@pytest.mark.parametrize("at", ["staged 0", "prepared.json durable", "took 3"])
def test_content_that_changed_in_the_journal_is_not_put_in_place(
    world: World, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    before = look(world.path)

    def tamper(name: str) -> None:
        if name == at:
            (world.path / ".revet/journal/t/commit/new/0").write_bytes(b"evil")

    monkeypatch.setattr(journal, "_step", tamper)
    with pytest.raises(WorldMoved, match=r"content for data\.bin .* changed meanwhile"):
        world.commit()
    assert look(world.path) == before and not (world.path / ".revet").exists()


# --- what is more to a file than its bytes -----------------------------------------------------------------


def attributed(path: Path) -> None:
    try:
        os.setxattr(path, "user.note", b"kept")
    except OSError as error:
        pytest.skip(f"no extended attributes here: {error}")


def test_undo_puts_the_very_file_back(world: World) -> None:
    path = world.path / "pkg" / "one.py"
    attributed(path)
    os.utime(path, (1e9, 1e9))
    old = path.stat()
    world.commit()
    assert os.getxattr(path, "user.note") == b"kept" and path.stat().st_ino != old.st_ino
    assert path.stat().st_mtime != old.st_mtime
    undo(world.path, "t")
    now = path.stat()
    assert (now.st_ino, now.st_mtime_ns, now.st_nlink) == (old.st_ino, old.st_mtime_ns, 1)
    assert os.getxattr(path, "user.note") == b"kept"
    assert (world.path / "doomed.txt").exists() and (world.path / "link").is_symlink()


def test_an_acl_is_kept(world: World) -> None:
    path = world.path / "pkg" / "one.py"
    # Version 2; entries of tag, permissions, id: the owner rw, user 1234 rw, the group r, the mask rw, others none.
    entries = ((1, 6, 0xFFFFFFFF), (2, 6, 1234), (4, 4, 0xFFFFFFFF), (16, 6, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", acl)
    except OSError as error:
        pytest.skip(f"no ACLs here: {error}")
    before = look(world.path)
    world.commit()
    assert os.getxattr(path, "system.posix_acl_access") == acl and path.stat().st_mode & 0o777 == 0o660
    undo(world.path, "t")
    assert os.getxattr(path, "system.posix_acl_access") == acl and look(world.path) == before


def test_a_file_with_another_link_is_undone_from_the_copy_if_need_be(world: World) -> None:
    path, twin = world.path / "pkg" / "one.py", world.path / "twin"
    os.link(path, twin)
    before = look(world.path)
    world.commit()
    assert twin.read_bytes() == before["twin"][2]
    undo(world.path, "t")
    assert path.samefile(twin) and look(world.path) == before
    world.commit(name="u")
    twin.write_bytes(b"changed through the other link")
    undo(world.path, "u")
    assert look(world.path) == before | {"twin": ("file", 0o644, b"changed through the other link")}
    assert not path.samefile(twin)


def test_where_no_links_can_be_made_copies_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    path = world.path / "pkg" / "one.py"
    attributed(path)
    os.utime(path, (1e9, 1e9))
    before = look(world.path)
    monkeypatch.setattr("os.link", refuse)
    world.commit()
    undo(world.path, "t")
    assert look(world.path) == before
    assert os.getxattr(path, "user.note") == b"kept" and path.stat().st_mtime == 1e9


def test_undo_needs_no_room_for_contents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = look(world.path)
    world.commit()
    monkeypatch.setattr(transaction, "copy", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    undo(world.path, "t")
    assert look(world.path) == before


def test_a_folder_that_became_a_file_holds_nothing_of_others(world: World) -> None:
    changes = world.stage.put(BIG_DRAFT)
    (world.path / "nest" / "inner" / "stranger").write_text("here since")
    before = look(world.path)
    with pytest.raises(WorldMoved, match="nest/inner/stranger"):
        commit(world.path, world.stage.layer, changes, transaction="t")
    assert look(world.path) == before and not (world.path / ".revet").exists()


# --- effects beyond the files ------------------------------------------------------------------------------


class Mail(Plain):
    """Remembers what was sent, once for each key."""

    def __init__(self) -> None:
        self.sent: dict[str, str] = {}
        self.broken = False

    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        if self.broken:
            raise OSError(errno.ECONNREFUSED, "no mail today")
        self.sent[key.rpartition(":")[0]] = action.name

    def undo(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self.sent.pop(key.rpartition(":")[0], None)


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mail]:
    handler = Mail()
    monkeypatch.setitem(_handlers, "call_tool", handler)
    yield handler


LETTERS = draft_of(CallTool(name="one"), WriteFile(path="sent.txt", content="2"), CallTool(name="two"))


def test_effects_go_with_the_files(world: World, mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    before = look(world.path)
    world.commit(LETTERS)
    assert mail.sent == {"t:0": "one", "t:1": "two"}
    undo(world.path, "t")
    assert mail.sent == {} and look(world.path) == before
    mail.broken = True
    with pytest.raises(CommitError, match="no mail today"):
        world.commit(LETTERS, name="u")
    assert mail.sent == {} and look(world.path) == before


def test_effects_without_files(world: World, mail: Mail) -> None:
    draft = draft_of(CallTool(name="one"), Answer(text="sent"))
    world.commit(draft)
    assert mail.sent == {"t:0": "one"}
    receipt = find_receipt(world.path, "t")
    assert receipt is not None and receipt.files == ()
    assert undo(world.path, "t").undone_at is not None and mail.sent == {}


def test_effects_are_finished_after_a_crash_and_not_repeated(
    world: World, mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(world, "commit effect 0", LETTERS)
    monkeypatch.delitem(_handlers, "call_tool")
    with pytest.raises(CommitError, match="register its handler"):
        recover(world.path)
    monkeypatch.setitem(_handlers, "call_tool", mail)
    assert recover(world.path) == ["commit t: finished (1 files, 2 effects)"]
    assert mail.sent == {"t:0": "one", "t:1": "two"}


# --- as an ordinary user -----------------------------------------------------------------------------------


def demoted(home: Path, act: Callable[[Path], None]) -> None:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    act(home)


def as_nobody(act: Callable[[Path], None]) -> None:
    """Run `act` on a folder of its own, without root's powers, in a child if need be."""
    home = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() != 0:
            act(home)
            return
        os.chown(home, 65534, 65534)
        assert not ended(fork(lambda: demoted(home, act)))
    finally:
        for path in home.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(home)


def test_an_ordinary_user_can_do_all_of_it() -> None:
    def act(home: Path) -> None:
        world = World(home)
        before = look(world.path)
        world.commit()
        assert look(world.path) != before
        undo(world.path, "t")
        assert look(world.path) == before

    as_nobody(act)


def test_a_read_only_workspace_is_refused_beforehand() -> None:
    def act(home: Path) -> None:
        world = World(home)
        for place in (world.path, world.path / "pkg"):
            place.chmod(0o555)
            before = look(world.path)
            with pytest.raises(CommitError, match="cannot be written; nothing was changed"):
                world.commit()
            assert look(world.path) == before and not (world.path / ".revet").exists()
            place.chmod(0o755)
        (world.path / "data.bin").chmod(0)
        with pytest.raises(Exception, match="cannot be read"):
            world.stage.put(BIG_DRAFT)

    as_nobody(act)


def test_owners_are_kept(world: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for path in (world.path, *world.path.rglob("*")):
        os.chown(path, 1234, 1235, follow_symlinks=False)
    world.commit()
    assert {(p.lstat().st_uid, p.lstat().st_gid) for p in world.path.rglob("*") if ".revet" not in p.parts} == {
        (1234, 1235)
    }
    undo(world.path, "t")
    assert {(p.lstat().st_uid, p.lstat().st_gid) for p in world.path.rglob("*") if ".revet" not in p.parts} == {
        (1234, 1235)
    }
