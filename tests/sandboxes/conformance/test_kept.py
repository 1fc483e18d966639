"""What belongs to a session: `write`, an `exec` with `keep`, and how `read`, `list` and `changes` show it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from revet.errors import InputError
from revet.sandboxes.base import ExecVerdict, Layer, Limits, Session
from tests.sandboxes.conformance.running import LONG, MIB, python, shell, snippet
from tests.sandboxes.inside import snapshot


async def names(session: Session, path: str = ".") -> list[str]:
    return [entry.name for entry in await session.list(path)]


async def changed(session: Session) -> tuple[dict[str, bytes | str | None], tuple[str, ...]]:
    """What `changes` gives: content of files, targets of links, None for folders; and what is deleted."""
    layer = await session.changes()
    found = {path: None if mode_of(layer, path) else content for path, (_, content) in snapshot(layer.root).items()}
    return found, layer.deleted


def mode_of(layer: Layer, path: str) -> bool:
    return stat.S_ISDIR((layer.root / path).lstat().st_mode)


async def test_the_workspace_can_be_read_and_listed(session: Session) -> None:
    assert await session.read("a.txt") == b"a\n"
    assert await session.read("pkg/../pkg/sub/two.py") == b"two = 2\n"
    assert await session.read("link") == b"a\n"
    entries = await session.list()
    assert [(entry.name, entry.kind, entry.size) for entry in entries] == [
        ("a.txt", "file", 2),
        ("empty", "folder", 0),
        ("link", "link", 0),
        ("pkg", "folder", 0),
        ("tool.sh", "file", 20),
    ]
    assert entries[-1].mode & 0o777 == 0o755
    assert await names(session, "pkg") == ["one.py", "sub"] and await names(session, "empty") == []
    assert await changed(session) == ({}, ())


async def test_what_is_written_is_the_sessions(session: Session) -> None:
    await session.write("a.txt", b"\x00\xff written\n")
    await session.write("deep/er/new.sh", b"#!/bin/sh\necho new\n", mode=0o755)
    assert await session.read("a.txt") == b"\x00\xff written\n"
    assert await names(session) == ["a.txt", "deep", "empty", "link", "pkg", "tool.sh"]
    found, deleted = await changed(session)
    assert (set(found), deleted) == ({"a.txt", "deep", "deep/er", "deep/er/new.sh"}, ())
    for _ in range(2):
        ended = await shell(session, "cat a.txt; ./deep/er/new.sh; rm -r deep; echo x >a.txt")
        assert ended.stdout == b"\x00\xff written\nnew\n", ended.stderr
        assert set(ended.touched) == {"a.txt", "deep", "deep/er", "deep/er/new.sh"}


async def test_what_a_program_changed_is_kept_when_asked(session: Session) -> None:
    script = "echo b >a.txt; mkdir -p made; echo n >made/new; chmod 755 made/new; rm pkg/one.py; ln -s new made/soft"
    ended = await shell(session, script, keep=True)
    assert ended.ok and ended.refused == (), ended
    assert ended.touched == ("a.txt", "made", "made/new", "made/soft", "pkg/one.py")
    assert await session.read("a.txt") == b"b\n" and await session.read("made/soft") == b"n\n"
    assert await names(session, "pkg") == ["sub"] and await names(session, "made") == ["new", "soft"]
    found, deleted = await changed(session)
    assert {path for path, content in found.items() if content is not None} == {"a.txt", "made/new", "made/soft"}
    assert deleted == ("pkg/one.py",)
    with pytest.raises(InputError):
        await session.read("pkg/one.py")
    ended = await shell(session, "cat a.txt made/new; test -x made/new && ls pkg")
    assert ended.stdout == b"b\nn\nsub\n" and ended.touched == ()


async def test_kept_changes_add_up(session: Session) -> None:
    await shell(session, "echo 1 >one; rm a.txt", keep=True)
    await shell(session, "echo 2 >two; echo back >a.txt; rm -r pkg", keep=True)
    await session.write("pkg", b"a file now\n")
    await shell(session, "rm one; mkdir one; echo in >one/in", keep=True)
    ended = await shell(session, "cat two a.txt pkg one/in; ls")
    assert ended.stdout == b"2\nback\na file now\nin\na.txt\nempty\nlink\none\npkg\ntool.sh\ntwo\n", ended.stderr
    assert await names(session) == ["a.txt", "empty", "link", "one", "pkg", "tool.sh", "two"]
    before = await session.changes()
    assert "pkg" not in before.deleted or (before.root / "pkg").is_file()


async def test_without_keep_nothing_is_kept(session: Session) -> None:
    await shell(session, "echo b >a.txt; rm -r pkg")
    await snippet(session, "open('made', 'w').write('x')")
    assert await changed(session) == ({}, ())
    assert await session.read("a.txt") == b"a\n"


async def test_what_was_changed_is_kept_however_the_program_ended(session: Session) -> None:
    ended = await shell(session, "echo 1 >failed; exit 3", keep=True)
    assert ended.verdict is ExecVerdict.exception
    short = LONG.model_copy(update={"wall_seconds": 1.5})
    ended = await shell(session, "echo 2 >slow; sleep 50", keep=True, limits=short)
    assert ended.verdict is ExecVerdict.timeout
    assert await session.read("failed") == b"1\n" and await session.read("slow") == b"2\n"


async def test_what_is_refused_is_listed_and_not_kept(session: Session) -> None:
    script = "ln -s /etc/passwd out; ln -s ../../x up; mkfifo pipe; echo fine >fine; printf x >\"$(printf 'a\\nb')\""
    ended = await shell(session, script, keep=True)
    assert {refusal.path for refusal in ended.refused} >= {"out", "up", "pipe"} and len(ended.refused) == 4
    assert all(refusal.reason for refusal in ended.refused)
    found, deleted = await changed(session)
    assert (found, deleted) == ({"fine": b"fine\n"}, ())
    assert await names(session) == ["a.txt", "empty", "fine", "link", "pkg", "tool.sh"]


async def test_special_bits_are_stripped(session: Session) -> None:
    await shell(session, "echo x >suid; chmod 4755 suid; mkdir sticky; chmod 1777 sticky; echo y >sticky/f", keep=True)
    layer = await session.changes()
    assert stat.S_IMODE((layer.root / "suid").stat().st_mode) == 0o755
    assert stat.S_IMODE((layer.root / "sticky").stat().st_mode) & 0o7000 == 0
    await session.write("mine", b"x", mode=0o6755)
    assert stat.S_IMODE(((await session.changes()).root / "mine").stat().st_mode) & 0o7000 == 0


async def test_python_sees_what_the_session_has(session: Session) -> None:
    assert (await snippet(session, "result = open('a.txt').read()")).value == "a\n"
    await session.write("a.txt", b"written\n")
    assert (await snippet(session, "result = open('a.txt').read()")).value == "written\n"
    await shell(session, "echo kept >a.txt", keep=True)
    assert (await snippet(session, "result = open('a.txt').read()")).value == "kept\n"


async def test_a_layer_and_changes_of_its_own_are_not_combined(session: Session, tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    layer = Layer(root=tmp_path / "layer", deleted=("a.txt",))
    assert (await shell(session, "ls a.txt", layer=layer)).exit_code != 0
    for files in ({"/revet/a\0b": b""}, {"/revet/a": b"", "/revet/a/b": b""}):
        with pytest.raises(InputError):
            await shell(session, "true", files=files)
    await session.write("new", b"x")
    with pytest.raises(InputError):
        await shell(session, "true", layer=layer)
    with pytest.raises(InputError):
        await snippet(session, "pass", layer=layer)


async def test_a_session_can_start_as_a_layer(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    for folder in (root, root / "pkg"):
        folder.chmod(0o755)
    (root / "pkg" / "new.py").write_text("new = 1\n")
    layer = Layer(root=root, deleted=("a.txt",))
    before = snapshot(root)
    await session.write("mine", b"gone when the layer comes")
    for _ in range(2):
        script = "ls a.txt mine; cat pkg/new.py; echo 2 >>pkg/new.py; rm -r pkg/sub; mkdir -m 750 made"
        ended = await shell(session, script, layer=layer, keep=True)
        assert ended.stdout == b"new = 1\n" and ended.refused == ()
        assert ended.touched == ("made", "pkg/new.py", "pkg/sub", "pkg/sub/two.py")
        found, deleted = await changed(session)
        assert found == {"made": None, "pkg": None, "pkg/new.py": b"new = 1\n2\n"}
        assert deleted == ("a.txt", "pkg/sub")
        assert snapshot(root) == before
    await session.discard()
    assert await changed(session) == ({}, ()) and await session.read("a.txt") == b"a\n"
    assert (await shell(session, "cat a.txt; ls pkg")).stdout == b"a\none.py\nsub\n"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "..", "x\0y", "", "."])
async def test_paths_that_leave_the_workspace_are_refused(session: Session, tmp_path: Path, path: str) -> None:
    (tmp_path / "x").write_text("hush")
    with pytest.raises(InputError):
        await session.read(path)
    with pytest.raises(InputError):
        await session.write(path, b"x")
    assert (tmp_path / "x").read_text() == "hush"
    if path not in ("", "."):
        with pytest.raises(InputError):
            await session.list(path)


async def test_links_that_leave_the_workspace_are_not_followed(
    session: Session, workspace: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hush")
    (tmp_path / "folder").mkdir()
    links = {"out": "../secret", "far": "/etc/passwd", "dir": "../folder", "loop": "loop"}
    for name, target in links.items():
        (workspace / name).symlink_to(target)
    try:
        for name in ("out", "far", "dir/x", "loop", "dir"):
            with pytest.raises(InputError):
                await session.read(name)
        with pytest.raises(InputError):
            await session.write("dir/x", b"x")
        with pytest.raises(InputError):
            await session.list("dir")
        try:
            await session.write("out", b"x")  # it may take the link's place; it may not pass through it
        except InputError:
            assert (await session.list())[0].name
        assert (tmp_path / "secret").read_text() == "hush" and not list((tmp_path / "folder").iterdir())
    finally:
        for name in links:
            (workspace / name).unlink()


@pytest.mark.parametrize("path", ["missing", "pkg", "a.txt/x", "pkg/none/deep"])
async def test_what_is_no_file_cannot_be_read(session: Session, path: str) -> None:
    with pytest.raises(InputError):
        await session.read(path)


@pytest.mark.parametrize("path", ["missing", "a.txt", "a.txt/x"])
async def test_what_is_no_folder_cannot_be_listed(session: Session, path: str) -> None:
    with pytest.raises(InputError):
        await session.list(path)


@pytest.mark.parametrize("path", ["pkg", "a.txt/x", ".revet/x", "new\nline"])
async def test_what_cannot_be_written_is_refused(session: Session, path: str) -> None:
    with pytest.raises(InputError):
        await session.write(path, b"x")
    assert await changed(session) == ({}, ())


async def test_large_files_are_not_read_whole(session: Session) -> None:
    await session.write("large", bytes(2 * MIB))
    assert len(await session.read("large")) == 2 * MIB
    with pytest.raises(InputError):
        await session.read("large", most=MIB)
    assert len(await session.read("large", most=2 * MIB)) == 2 * MIB


async def test_revets_own_records_are_not_shown(session: Session, workspace: Path) -> None:
    (workspace / ".revet").mkdir()
    try:
        assert ".revet" not in await names(session)
        await shell(session, "mkdir -p .revet; echo x >.revet/forged; echo y >new", keep=True)
        assert ".revet" not in await names(session)
        assert (await changed(session))[0] == {"new": b"y\n"}
    finally:
        (workspace / ".revet").rmdir()


async def test_too_much_is_refused_not_kept(session: Session) -> None:
    small = Limits(wall_seconds=60, file_size=4 * MIB, disk=8 * MIB)
    source = """
for number in range(4):
    with open("sparse%d" % number, "wb") as stream: stream.truncate(3 << 20)
open("fine", "w").write("fine")
"""
    ended = await python(session, source, keep=True, limits=small)
    assert ended.refused, ended
    found, _ = await changed(session)
    assert sum(len(content) for content in found.values() if isinstance(content, bytes)) <= 8 * MIB
