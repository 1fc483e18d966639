"""The local sandbox: the workspace, the layer over it, and what was touched."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from revet.sandboxes import Layer, Local
from revet.sandboxes.local import LocalSession
from revet.sandboxes.local.harvest import MAX_LETTERS, harvest, leavings
from revet.sandboxes.local.session import copied
from revet.sandboxes.trees import remove_tree
from revet.sandboxes.view import View
from tests.sandboxes.inside import python, shell, snapshot

pytestmark = pytest.mark.sandbox


async def test_writes_are_seen_inside_and_nowhere_else(session: LocalSession, workspace: Path) -> None:
    before = snapshot(workspace)
    ended = await shell(session, "echo b >a.txt; echo n >new; rm pkg/one.py; cat a.txt new; ls pkg")
    assert ended.stdout == b"b\nn\nsub\n"
    assert ended.touched == ("a.txt", "new", "pkg/one.py")
    assert snapshot(workspace) == before
    again = await shell(session, "cat a.txt; ls")
    assert again.stdout == b"a\na.txt\npkg\n"
    assert again.touched == ()


async def test_touched_names_every_kind_of_change(session: LocalSession) -> None:
    ended = await shell(session, "mkdir -p made/in && echo x >made/in/f && chmod 600 a.txt && ln -s a.txt link")
    assert ended.touched == ("a.txt", "link", "made", "made/in", "made/in/f")
    ended = await shell(session, "mv pkg moved && ls moved/sub")
    assert ended.stdout == b"two.py\n"
    assert ended.touched == (
        "moved", "moved/one.py", "moved/sub", "moved/sub/two.py",
        "pkg", "pkg/one.py", "pkg/sub", "pkg/sub/two.py",
    )  # fmt: skip
    ended = await shell(session, "rm -r pkg && mkdir pkg && echo new >pkg/new")
    assert ended.touched == ("pkg/new", "pkg/one.py", "pkg/sub", "pkg/sub/two.py")
    ended = await shell(session, "rm -r pkg && echo file >pkg")
    assert ended.touched == ("pkg", "pkg/one.py", "pkg/sub", "pkg/sub/two.py")
    ended = await shell(session, "rm a.txt && mkdir a.txt && touch a.txt/x")
    assert ended.touched == ("a.txt", "a.txt/x")


async def test_touched_is_not_fooled_by_set_times(session: LocalSession) -> None:
    ended = await shell(session, "touch -r a.txt /tmp/t && printf 'b\\n' >a.txt && touch -r /tmp/t a.txt")
    assert ended.touched == ("a.txt",)
    ended = await python(session, "open('a.txt', 'r+').close()")
    assert ended.ok and ended.touched == ()


async def test_layer_adds_replaces_and_deletes(session: LocalSession, workspace: Path, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg" / "fresh").mkdir(parents=True)
    (root / "a.txt").write_text("layered\n")
    (root / "pkg" / "fresh" / "three.py").write_text("three = 3\n")
    layer = Layer(root=root, deleted=("pkg/one.py", "pkg/sub", "nowhere/at/all"))
    before = snapshot(workspace), snapshot(root)
    ended = await shell(
        session,
        "cat a.txt; find . -mindepth 1 | sort; echo z >pkg/fresh/z; rm pkg/fresh/three.py",
        layer=layer,
    )
    assert ended.stdout.decode().split() == [
        "layered",
        "./a.txt",
        "./pkg",
        "./pkg/fresh",
        "./pkg/fresh/three.py",
    ]
    assert ended.touched == ("pkg/fresh/three.py", "pkg/fresh/z")
    assert (snapshot(workspace), snapshot(root)) == before
    assert b"pkg/one.py" in (await shell(session, "find . -name one.py")).stdout


@pytest.mark.parametrize(
    ("deleted", "made", "seen"),
    [
        (("pkg",), {"pkg": "file"}, ["./a.txt", "./pkg"]),
        (
            ("a.txt",),
            {"a.txt/x": "x"},
            ["./a.txt", "./a.txt/x", "./pkg", "./pkg/one.py", "./pkg/sub", "./pkg/sub/two.py"],
        ),
        (("pkg",), {"pkg/x": "x"}, ["./a.txt", "./pkg", "./pkg/x"]),
        (("pkg/sub/two.py",), {"pkg/sub": "x"}, ["./a.txt", "./pkg", "./pkg/one.py", "./pkg/sub"]),
        (("pkg", "pkg/one.py", "pkg/one.py/no"), {}, ["./a.txt"]),
    ],
)
async def test_layer_may_turn_files_into_folders_and_back(
    session: LocalSession, tmp_path: Path, deleted: tuple[str, ...], made: dict[str, str], seen: list[str]
) -> None:
    root = tmp_path / "layer"
    root.mkdir()
    for name, text in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    ended = await shell(session, "find . -mindepth 1 | sort", layer=Layer(root=root, deleted=deleted))
    assert ended.stdout.decode().split() == seen


async def test_read_only_paths_cannot_be_changed_or_moved_away(session: LocalSession, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "more.py").write_text("more\n")
    (root / "a.txt").write_text("layered\n")
    script = """
echo x >a.txt; echo x >pkg/sub/two.py; rm pkg/sub/two.py; mv pkg/sub pkg/away; mv pkg away; rm a.txt
touch pkg/sub/new; chmod 777 a.txt; echo x >pkg/one.py; cat a.txt pkg/sub/two.py; ls pkg
"""
    layer = Layer(root=root)
    ended = await shell(session, script, layer=layer, read_only=["a.txt", "pkg/sub", "not/there", "./pkg/sub/two.py"])
    lines = ended.stdout.decode().splitlines()
    assert lines[:2] == ["layered", "two = 2"] and "sub" in lines[2:]
    assert {"a.txt", "pkg/sub/two.py", "pkg/sub/new"}.isdisjoint(ended.touched)
    assert "pkg/one.py" in ended.touched
    ended = await shell(
        session,
        "echo x >pkg/more.py; echo x >pkg/one.py; ls pkg; cat pkg/*.py",
        layer=layer,
        read_only=["pkg"],
    )
    assert ended.stdout == b"more.py\none.py\nsub\nmore\none = 1\n"


async def test_read_only_folder_keeps_the_layers_deletions(session: LocalSession, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    root.mkdir()
    layer = Layer(root=root, deleted=("pkg/one.py",))
    ended = await shell(session, "ls pkg; touch pkg/x || echo locked", layer=layer, read_only=["pkg"])
    assert ended.stdout == b"sub\nlocked\n"


async def test_whole_workspace_may_be_read_only(session: LocalSession, tmp_path: Path) -> None:
    ended = await shell(session, "cat a.txt; touch x || echo locked; touch pkg/x || echo locked", read_only=["."])
    assert ended.stdout == b"a\nlocked\nlocked\n"


async def test_read_only_never_reaches_through_a_link_to_the_host(session: LocalSession, workspace: Path) -> None:
    (workspace / "etc").symlink_to("/etc")
    (workspace / "up").symlink_to("../..")
    (workspace / "in").symlink_to("pkg")
    ended = await shell(
        session,
        "cat etc/shadow up/x; echo x >in/one.py; cat in/one.py",
        read_only=["etc/shadow", "up/x", "in/one.py"],
    )
    assert ended.stdout == b"one = 1\n"


async def test_a_read_only_path_behind_a_link_is_told_of(session: LocalSession, workspace: Path) -> None:
    """What it leads to cannot be written; the link can be replaced, but not unseen."""
    (workspace / "tests").symlink_to("pkg")
    (workspace / "one").symlink_to("pkg/one.py")
    read_only = ["tests/one.py", "one"]
    ended = await shell(session, "echo x >one; echo x >tests/one.py; cat one", read_only=read_only)
    assert ended.stdout == b"one = 1\n" and ended.touched == ()
    ended = await shell(session, "rm tests one; mkdir tests; echo x >tests/one.py; echo x >one", read_only=read_only)
    assert ended.touched == ("one", "tests", "tests/one.py")
    ended = await shell(session, "ln -sfn a.txt one; mv tests other; ln -s /tmp tests", read_only=read_only)
    assert ended.touched == ("one", "other", "tests")


async def test_revets_own_folder_is_hidden(session: LocalSession, workspace: Path) -> None:
    (workspace / ".revet").mkdir()
    (workspace / ".revet" / "journal").write_text("secret")
    ended = await shell(
        session, "ls -A .revet; cat .revet/journal; touch .revet/x; rm -rf .revet; find . | grep journal"
    )
    assert ended.stdout == b""
    assert ended.touched == ()
    ended = await shell(session, "ls -A . .revet", read_only=["."])
    assert ended.stdout.split() == [b".:", b".revet", b"a.txt", b"pkg", b".revet:"]


async def test_odd_names_and_modes(sandbox: Local, tmp_path: Path) -> None:
    top = tmp_path / "a space, a:colon\\ and\nnewline ü"
    top.mkdir()
    names = ["with space", "ünï", "new\nline", "-dash", "quo'te\"", "percent%20", "tab\t"]
    for name in names:
        (top / name).write_text(name)
        (top / name).chmod(0o600)
    (top / os.fsdecode(b"bad\xff")).write_text("bytes")
    (top / "ln").symlink_to("with space")
    top.chmod(0o700)
    async with await sandbox.open(top) as session:
        ended = await python(
            session,
            "import os\nfor n in sorted(os.listdir()): open(n, 'a').write('!')\nprint(len(os.listdir()))",
            read_only=["new\nline"],
        )
        assert ended.exit_code == 1 and b"Read-only file system" in ended.stderr
        ended = await python(
            session,
            "import os\nfor n in sorted(os.listdir()): open(n, 'a').write('!')\nprint(len(os.listdir()))",
        )
    assert ended.stdout == b"9\n", ended.stderr
    assert ended.touched == tuple(sorted([*names, "bad\\xff"]))
    assert (top / "with space").read_text() == "with space"


async def test_workspace_behind_a_link_is_seen_at_both_paths(sandbox: Local, workspace: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(workspace)
    async with await sandbox.open(link) as session:
        ended = await shell(session, f"cat {link}/a.txt {workspace}/a.txt")
    assert ended.stdout == b"a\na\n"


async def test_no_workspace_is_an_empty_one(sandbox: Local) -> None:
    async with await sandbox.open(None) as session:
        ended = await shell(session, "ls -A; echo x >x; cat x")
        assert ended.stdout == b"x\n" and ended.touched == ("x",)
        assert (await shell(session, "ls -A")).stdout == b""


async def test_large_workspace_is_not_copied(tmp_path: Path) -> None:
    top = tmp_path / "big"
    for folder in range(50):
        (top / f"d{folder}").mkdir(parents=True)
        for name in range(100):
            (top / f"d{folder}" / f"f{name}").touch()
    async with await Local().open(top) as session:
        if not session.overlay:
            pytest.skip("no overlay on this host")
        ended = await shell(session, "find . -type f | wc -l; echo x >d7/f7")
    assert ended.stdout == b"5000\n"
    assert ended.touched == ("d7/f7",)


async def test_extra_files_are_read_only(session: LocalSession) -> None:
    files = {"/revet/run.py": b"print('hi')\n", "/revet/a/b": b"\x00\xff"}
    ended = await shell(
        session, "python /revet/run.py; cat /revet/a/b; echo x >/revet/run.py; touch /revet/x", files=files
    )
    assert ended.stdout == b"hi\n\x00\xff"
    assert b"ead-only" in ended.stderr
    assert (await shell(session, "ls /revet")).stdout == b""


async def test_workspace_of_another_owner(sandbox: Local, workspace: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for place in (workspace, *workspace.rglob("*")):
        os.chown(place, 4321, 4322)
        place.chmod(0o700)
    os.chown(workspace / "pkg" / "one.py", 77, 77)
    (workspace / "pkg" / "one.py").chmod(0o644)
    async with await sandbox.open(workspace) as session:
        ended = await shell(session, "echo b >>a.txt; cat a.txt pkg/one.py; stat -c %U a.txt")
    assert ended.stdout == b"a\nb\none = 1\nuser\n", ended.stderr
    assert ended.touched == ("a.txt",)


async def test_workspace_that_holds_the_temporary_folder(
    sandbox: Local, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(workspace / "tmp"))
    async with await sandbox.open(workspace) as session:
        ended = await shell(session, "find . | sort; touch tmp/x")
    assert ended.stdout.decode().split() == [
        ".", "./a.txt", "./pkg", "./pkg/one.py", "./pkg/sub", "./pkg/sub/two.py", "./tmp"
    ]  # fmt: skip
    assert ended.touched == ("tmp/x",)


async def test_what_shuts_itself_is_still_told_and_removed(session: LocalSession) -> None:
    ended = await shell(session, "mkdir -p new/in; echo x >new/in/f; chmod 0 a.txt pkg/one.py new/in new pkg")
    assert ended.touched == ("a.txt", "new", "new/in", "new/in/f", "pkg/one.py")


async def test_special_files_do_not_block(session: LocalSession) -> None:
    source = """
import os, socket
os.mkfifo("pipe"); os.symlink("/etc/shadow", "link"); socket.socket(socket.AF_UNIX).bind("sock")
os.truncate(os.open("sparse", os.O_CREAT | os.O_WRONLY), 2**24); os.remove("a.txt"); os.mkfifo("a.txt")
"""
    ended = await python(session, source)
    assert ended.ok and ended.touched == ("a.txt", "link", "pipe", "sock", "sparse"), ended.stderr


async def test_layer_may_be_given_by_a_relative_path(
    session: LocalSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "a.txt").write_text("layered\n")
    monkeypatch.chdir(tmp_path)
    assert (await shell(session, "cat a.txt", layer=Layer(root=Path("layer")))).stdout == b"layered\n"


def test_a_copy_shuts_what_cannot_be_read() -> None:
    """As the overlay does, where a user has no rights to a part of the workspace."""
    with tempfile.TemporaryDirectory() as home:
        top, tree = Path(home, "ws"), Path(home, "tree")
        for folder in (top / "shut" / "in", top / "open"):
            folder.mkdir(parents=True)
        for name in ("shut/in/x", "open/secret", "open/plain"):
            (top / name).write_text(name)
        ours = os.geteuid() != 0
        if not ours:
            os.chown(home, 65534, 65534)
        for name in ("shut", "open/secret"):
            (top / name).chmod(0 if ours else 0o700)
        os.seteuid(os.geteuid() if ours else 65534)
        try:
            found = copied(View(top), tree, None)
            assert sorted(found) == ["open", "open/plain", "open/secret", "shut"]
            assert (tree / "open" / "plain").read_text() == "open/plain"
            for path in (tree / "shut", tree / "open" / "secret"):
                assert path.stat().st_mode & 0o777 == 0
        finally:
            os.seteuid(os.getuid())
            (tree / "shut").chmod(0o700)
            (top / "shut").chmod(0o700)


def test_what_lies_deep_is_found_in_bounded_time_and_listed_in_bounded_room(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    upper = tmp_path / "upper"
    upper.mkdir()
    top = folder = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(1900):
            os.mkdir("d", dir_fd=folder)
            inner = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            if folder != top:
                os.close(folder)
            folder = inner
        for number in range(20_000):
            os.mknod(str(number), dir_fd=folder)
        os.close(folder)
        view, start = View(tmp_path / "workspace"), time.monotonic()
        found = harvest(top, view)
        assert 1900 < len(found) < 20_000 and sum(map(len, found)) <= MAX_LETTERS
        assert sum(1 for _ in leavings(top, view, [])) == 21_900
        assert time.monotonic() - start < 30
    finally:
        os.close(top)
        remove_tree(upper)
