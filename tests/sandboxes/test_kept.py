"""What a session keeps, and the gate that hostile artefacts do not pass."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import revet.sandboxes.gate as gate
from revet.errors import DiskFull, InputError, SandboxBroken
from revet.sandboxes import Limits
from revet.sandboxes.kept import Artefact, Kept
from revet.sandboxes.trees import merge_tree
from tests.sandboxes.inside import MIB, descriptors, snapshot


@pytest.fixture
def kept(workspace: Path, tmp_path: Path) -> Kept:
    (tmp_path / "own").mkdir()
    return Kept(workspace, tmp_path / "own")


def file(path: str | bytes, content: bytes = b"x", **options: object) -> Artefact:
    options.setdefault("size", len(content))
    return Artefact(path=path, kind="file", chunks=lambda: (content,), **options)  # type: ignore[arg-type]


def folder(path: str, mode: int = 0o755) -> Artefact:
    return Artefact(path=path, kind="folder", mode=mode)


def link(path: str, target: str | None) -> Artefact:
    return Artefact(path=path, kind="link", target=target)


def reasons(kept: Kept, *artefacts: Artefact, limits: Limits | None = None) -> list[str]:
    return [refused.reason for refused in kept.take(artefacts, (), limits or Limits())]


def test_nothing_is_kept_at_first(kept: Kept, workspace: Path) -> None:
    assert kept.layer is None and kept.changes().deleted == () and not list(kept.changes().root.iterdir())
    assert kept.read("a.txt", 10) == b"a\n"
    assert [(entry.name, entry.kind, entry.size) for entry in kept.list(".")] == [
        ("a.txt", "file", 2),
        ("pkg", "folder", 0),
    ]
    assert kept.view.find("a.txt") == workspace / "a.txt"


def test_what_is_written_is_read_and_listed_and_the_workspace_stays(kept: Kept, workspace: Path) -> None:
    before = snapshot(workspace)
    kept.write("new/deep/file", b"\xff\0", mode=0o4755)
    kept.write("a.txt", b"b\n")
    assert kept.read("new/deep/file", 2) == b"\xff\0"
    assert kept.read("./pkg/../a.txt", 2) == b"b\n"
    assert [(entry.name, entry.mode) for entry in kept.list("new/deep")] == [("file", 0o755)]
    assert [entry.name for entry in kept.list("pkg/sub")] == ["two.py"]
    assert snapshot(workspace) == before
    layer = kept.layer
    assert layer is not None and (layer.root / "a.txt").read_bytes() == b"b\n"


def test_paths_that_leave_the_workspace_are_input_errors(kept: Kept, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush")
    (workspace / "out").symlink_to(tmp_path)
    (workspace / "dangling").symlink_to("nowhere")
    (workspace / "top").symlink_to(".")
    (workspace / ".revet").mkdir()
    (workspace / ".revet" / "journal").write_text("own")
    os.mkfifo(workspace / "pipe")
    for path in ("../secret", str(tmp_path / "secret"), "out/secret", "dangling", "pkg", "pipe", "none", "", "\0",
                 ".revet/journal", "top/.revet/journal", "a.txt/x", "\ud800"):  # fmt: skip
        with pytest.raises(InputError):
            kept.read(path, 100)
    for path in ("../secret", "/etc/x", "out/new", "dangling", "pkg", ".", "a.txt/x", ".revet/x", "top/.revet/x",
                 "new/", "x\ny", "x\0", "\ud800", "n" * 300):  # fmt: skip
        with pytest.raises(InputError):
            kept.write(path, b"x")
    with pytest.raises(InputError, match="at most 1"):
        kept.read("a.txt", 1)
    for path in ("a.txt", "out", "none", ".revet"):
        with pytest.raises(InputError):
            kept.list(path)
    assert ".revet" not in [entry.name for entry in kept.list(".")]
    assert {entry.name: entry.kind for entry in kept.list(".")}["pipe"] == "other"
    assert not (tmp_path / "new").exists() and kept.layer is None
    kept.write("top/inside", b"1")
    assert kept.read("inside", 1) == b"1"


def test_links_inside_are_followed(kept: Kept, workspace: Path) -> None:
    (workspace / "to").symlink_to("pkg/sub")
    (workspace / "absolute").symlink_to(workspace / "a.txt")
    kept.write("to/three.py", b"3")
    kept.write("absolute", b"new")
    assert kept.read("pkg/sub/three.py", 1) == b"3" and kept.read("a.txt", 3) == b"new"
    assert [entry.name for entry in kept.list("to")] == ["three.py", "two.py"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/etc/passwd", "absolute"),
        ("../x", "'..'"),
        ("a/../../x", "'..'"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x1b[2Jb", "control"),
        ("a\u2028b", "control"),
        ("a\u202egpj.py", "control"),
        (b"\xff", "UTF-8"),
        ("\udcff", "UTF-8"),
        ("", "plain"),
        (".", "plain"),
        ("a//b", "plain"),
        ("pkg/./x", "plain"),
        (".revet", "Revet's own"),
        (".revet/journal", "Revet's own"),
        ("n" * 256, "too long"),
        ("d/" * 1100 + "f", "too long"),
        ("a.txt/x", "was not kept"),
        ("none/x", "was not kept"),
    ],
)
def test_hostile_names_are_refused(kept: Kept, path: str | bytes, words: str) -> None:
    for artefact in (file(path), Artefact(path=path, kind="folder"), Artefact(path=path, kind="link", target="a.txt")):
        (refused,) = kept.take([artefact], (), Limits())
        assert words in refused.reason and refused.path.isprintable()
    assert kept.layer is None


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../x", "../../..", "pkg/../../x", "sub/../x", "out/passwd", "out", "", None, "a\0b", ".revet/x",
     "\udcff", "/", "x" * 5000],
)  # fmt: skip
def test_links_that_leave_are_refused(kept: Kept, workspace: Path, target: str | None) -> None:
    (workspace / "out").symlink_to("/etc")
    assert reasons(kept, link("l", target))
    assert kept.layer is None


def test_links_that_stay_are_kept(kept: Kept, workspace: Path) -> None:
    targets = {"l1": "a.txt", "l2": "nowhere/yet", "pkg/l3": "../a.txt", "l4": str(workspace / "pkg"), "l5": "."}
    assert reasons(kept, *(link(path, target) for path, target in targets.items())) == []
    assert kept.read("l1", 9) == kept.read("pkg/l3", 9) == b"a\n"
    assert [entry.name for entry in kept.list("l4")] == ["l3", "one.py", "sub"]
    assert str((kept.changes().root / "l2").readlink()) == "nowhere/yet"


def test_files_that_lie_or_are_large_are_refused(kept: Kept) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    def broken() -> Iterator[bytes]:
        yield b"xx"
        raise OSError(errno.EIO, "Input/output error")

    limits = Limits(file_size=100, disk=150)
    found = reasons(
        kept,
        Artefact(path="sparse", kind="file", size=1 << 40, chunks=never),
        file("one", b"1" * 100),
        file("more", b"2" * 60),
        file("grown", b"3" * 20, size=10),
        file("shrunk", b"4" * 5, size=10),
        Artefact(path="broken", kind="file", size=4, chunks=broken),
        file("fits", b"5" * 50),
        file("fits", b"6"),
        Artefact(path="pipe", kind="other"),
        file("one/below", b""),
        limits=limits,
    )
    words = ("has 1099511627776 bytes", "limit on the disk", "its size", "its size", "cannot be read", "twice",
             "a pipe", "not a folder")  # fmt: skip
    assert len(found) == len(words) and all(word in reason for word, reason in zip(words, found, strict=True))
    assert [entry.name for entry in kept.list(".")] == ["a.txt", "fits", "one", "pkg"]
    assert kept.read("fits", 50) == b"5" * 50


def test_modes_lose_what_lifts_rights_and_stay_readable(kept: Kept) -> None:
    assert (
        reasons(kept, file("suid", mode=0o6777), file("shut", mode=0), folder("d", 0o1000), file("d/x", mode=0o111))
        == []
    )
    root = kept.changes().root
    modes = {name: stat.S_IMODE((root / name).stat().st_mode) for name in ("suid", "shut", "d", "d/x")}
    assert modes == {"suid": 0o777, "shut": 0o400, "d": 0o700, "d/x": 0o511}


def test_too_many_are_refused_and_told_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MAX_KEPT", 3)
    monkeypatch.setattr(gate, "MAX_REFUSALS", 2)
    drawn = []

    def endless() -> Iterator[Artefact]:
        while True:
            drawn.append(1)
            yield file(f"f{len(drawn)}")

    refused = kept.take(endless(), (), Limits())
    assert len(drawn) == 4 and [(r.path, "more than 3" in r.reason) for r in refused] == [("*", True)]
    refused = kept.take([file(f"../{n}") for n in range(10)], (), Limits())
    assert [r.path for r in refused] == ["../0", "../1", "*"]
    refused = kept.take((), (f"f{n}" for n in range(1, 9)), Limits())
    assert "deletions" in refused[0].reason


def test_deletions_and_replacements(kept: Kept, workspace: Path) -> None:
    (workspace / "pkg" / "sub" / "keep.py").touch()
    assert kept.take([], ["pkg/sub", "none", "../x", "a.txt/x"], Limits()) == ()
    assert kept.changes().deleted == ("pkg/sub",) and [entry.name for entry in kept.list("pkg")] == ["one.py"]
    # A folder of the same name shows nothing of the old one.
    assert reasons(kept, folder("pkg/sub"), file("pkg/sub/new")) == []
    assert [entry.name for entry in kept.list("pkg/sub")] == ["new"]
    # A file in place of a folder, and a folder in place of that.
    assert reasons(kept, file("pkg", b"flat")) == []
    assert kept.read("pkg", 9) == b"flat" and kept.changes().deleted == ()
    assert reasons(kept, folder("pkg"), file("pkg/q")) == []
    assert [entry.name for entry in kept.list("pkg")] == ["q"] and kept.changes().deleted == ("pkg",)
    kept.take([], ["pkg"], Limits())
    assert [entry.name for entry in kept.list(".")] == ["a.txt"]
    kept.take([file("a.txt", b"z")], ["a.txt"], Limits())
    assert kept.read("a.txt", 1) == b"z" and kept.changes().deleted == ("pkg",)


def test_kept_is_none_again_when_all_is_undone(kept: Kept) -> None:
    kept.write("x", b"1")
    assert kept.layer is not None
    kept.take([], ["x"], Limits())
    assert kept.layer is None


def test_a_pinned_layer_does_not_change(kept: Kept, tmp_path: Path) -> None:
    kept.write("d/x", b"old")
    with kept.pinned() as layer:
        assert layer is not None
        kept.write("d/x", b"new")
        kept.write("d/y", b"2")
        assert (layer.root / "d" / "x").read_bytes() == b"old" and not (layer.root / "d" / "y").exists()
        assert kept.read("d/x", 3) == b"new"
        with kept.pinned() as other:
            assert other is not None and (other.root / "d" / "y").exists()
            kept.take([file("d/y", b"3")], (), Limits(), own=other)
            assert (other.root / "d" / "y").read_bytes() == b"3"
    assert not layer.root.exists() and len(list((tmp_path / "own").iterdir())) == 1


def test_full_disk_leaves_nothing_of_a_run(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("x", b"1")
    before, counts = snapshot(kept.changes().root), descriptors()

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(DiskFull, match="No space left") as caught:
            kept.take([folder("d"), file("d/y", b"2")], ["x"], Limits())
    assert str(tmp_path) in str(caught.value) and "TMPDIR" in str(caught.value.hint)
    assert snapshot(kept.changes().root) == before and descriptors() == counts
    assert len(list((tmp_path / "own").iterdir())) == 1


def test_a_merge_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("new", "old", "trash"):
        (tmp_path / name).mkdir()
    for path, text in {
        "new/a": "2",
        "new/d/b": "2",
        "new/e/x": "2",
        "old/a": "1",
        "old/d/b": "1",
        "old/gone": "1",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "new" / "d").chmod(0o711)
    before = snapshot(tmp_path / "old")
    rename, left = Path.rename, [4]

    def failing(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="No space"):
        merge_tree(tmp_path / "new", tmp_path / "old", ["gone"], tmp_path / "trash")
    assert snapshot(tmp_path / "old") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_really_full_disk(workspace: Path, tmp_path: Path) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        kept = Kept(workspace, small)
        kept.write("x", b"1")
        with pytest.raises(DiskFull):
            kept.take([file("y", b"2"), file("big", bytes(MIB))], ["x"], Limits())
        assert [entry.name for entry in kept.list(".")] == ["a.txt", "pkg", "x"]
        with pytest.raises(DiskFull):
            kept.write("big", bytes(MIB))
        assert kept.take([file("y", b"2")], (), Limits()) == ()
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_another_run_did_meanwhile_is_respected(kept: Kept, workspace: Path) -> None:
    before = snapshot(workspace)

    def late() -> Iterator[Artefact]:
        yield file("pkg/new", b"1")
        kept.take([link("pkg", str(workspace / "other"))], ["pkg/one.py", "pkg/sub"], Limits())
        yield file("pkg/newer", b"2")

    (workspace / "other").mkdir()
    (workspace / "other" / "one.py").write_text("other's")
    before = snapshot(workspace)
    assert kept.take(late(), ["pkg/one.py"], Limits()) == ()
    assert snapshot(workspace) == before
    assert [entry.name for entry in kept.list("pkg")] == ["new", "newer"]


def test_a_take_that_left_rubbish_behind_has_taken_all(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write("x", b"1")

    def failing(top: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("revet.sandboxes.kept.remove_tree", failing)
    assert kept.take([file("x", b"2")], ["a.txt"], Limits()) == ()
    assert kept.read("x", 1) == b"2" and kept.changes().deleted == ("a.txt",)


def test_names_that_are_one_to_the_disk_are_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def one_case(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return real(path.lower() if flags == gate.NEW_FILE else path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", one_case)
    (reason,) = reasons(kept, file("name", b"1"), file("NAME", b"2"), file("other", b"3"))
    assert "something else" in reason
    assert kept.read("name", 1) == b"1" and kept.read("other", 1) == b"3"


def test_what_cannot_be_put_back_is_not_thrown_away(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write("x", b"old")
    rename, left = Path.rename, [1]

    def failing(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(SandboxBroken, match="could not be put back"):
        kept.take([file("x", b"new")], (), Limits())
    assert [place.read_bytes() for place in (tmp_path / "own").glob("*/0")] == [b"old"]
