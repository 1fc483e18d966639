"""What a program sees of the workspace, and that what it writes goes nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.sandboxes.base import Layer, Session
from tests.sandboxes.conformance.running import python, shell
from tests.sandboxes.inside import snapshot

ALL = b"./a.txt\n./empty\n./link\n./pkg\n./pkg/one.py\n./pkg/sub\n./pkg/sub/two.py\n./tool.sh\n"
FIND = "find . -mindepth 1 | LC_ALL=C sort"


async def test_the_workspace_is_seen_as_it_is(session: Session) -> None:
    assert (await shell(session, FIND)).stdout == ALL
    ended = await shell(session, "cat a.txt link pkg/one.py; readlink link; stat -c %a tool.sh; ./tool.sh")
    assert ended.stdout == b"a\na\none = 1\na.txt\n755\ntool\n", ended.stderr


async def test_writes_are_seen_inside_and_gone_afterwards(session: Session) -> None:
    ended = await shell(session, "echo b >a.txt; echo n >new; rm pkg/one.py; cat a.txt new; ls pkg")
    assert ended.stdout == b"b\nn\nsub\n", ended.stderr
    assert ended.touched == ("a.txt", "new", "pkg/one.py")
    again = await shell(session, f"cat a.txt; {FIND}")
    assert again.stdout == b"a\n" + ALL and again.touched == ()


@pytest.mark.parametrize(
    ("script", "touched"),
    [
        ("mkdir -p made/in; echo x >made/in/f", ("made", "made/in", "made/in/f")),
        ("chmod 600 a.txt", ("a.txt",)),
        ("ln -s a.txt other; ln -sf pkg link", ("link", "other")),
        ("rm -r pkg", ("pkg", "pkg/one.py", "pkg/sub", "pkg/sub/two.py")),
        ("mv pkg/sub pkg/moved", ("pkg/moved", "pkg/moved/two.py", "pkg/sub", "pkg/sub/two.py")),
        ("rm -r pkg; echo file >pkg", ("pkg", "pkg/one.py", "pkg/sub", "pkg/sub/two.py")),
        ("rm a.txt; mkdir a.txt; touch a.txt/x", ("a.txt", "a.txt/x")),
        ("rmdir empty", ("empty",)),
        ("touch -r a.txt /tmp/t; printf 'b\\n' >a.txt; touch -r /tmp/t a.txt", ("a.txt",)),
        ("cat a.txt >/dev/null; true >>a.txt; ls -R >/dev/null", ()),
        ("printf x >'with space'; printf x >'☃'", ("with space", "☃")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_touched_names_what_was_changed(session: Session, script: str, touched: tuple[str, ...]) -> None:
    ended = await shell(session, script)
    assert ended.ok, ended.stderr
    assert ended.touched == touched


async def test_touched_is_told_however_the_program_ended(session: Session) -> None:
    ended = await shell(session, "echo x >made; exit 4")
    assert (ended.exit_code, ended.touched) == (4, ("made",))
    ended = await shell(session, "echo x >made; kill -9 $$")
    assert ended.touched == ("made",)


async def test_layer_adds_replaces_and_deletes(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg" / "fresh").mkdir(parents=True)
    (root / "a.txt").write_text("layered\n")
    (root / "pkg" / "fresh" / "three.py").write_text("three = 3\n")
    (root / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (root / "run.sh").chmod(0o755)
    before = snapshot(root)
    layer = Layer(root=root, deleted=("pkg/one.py", "pkg/sub", "empty", "link", "nowhere/at/all"))
    ended = await shell(
        session, f"cat a.txt; ./run.sh; {FIND}; echo z >pkg/fresh/z; rm pkg/fresh/three.py", layer=layer
    )
    assert ended.stdout.decode().split() == [
        *("layered", "ran", "./a.txt", "./pkg", "./pkg/fresh", "./pkg/fresh/three.py", "./run.sh", "./tool.sh")
    ], ended.stderr
    assert ended.touched == ("pkg/fresh/three.py", "pkg/fresh/z")
    assert snapshot(root) == before, "the layer was changed"
    assert (await shell(session, FIND)).stdout == ALL, "the layer was for one run"


@pytest.mark.parametrize(
    ("deleted", "made", "seen"),
    [
        (("pkg",), {"pkg": "file"}, ["./pkg"]),
        (("a.txt", "pkg"), {"a.txt/x": "x"}, ["./a.txt", "./a.txt/x"]),
        (("pkg",), {"pkg/x": "x"}, ["./pkg", "./pkg/x"]),
        (("pkg/sub/two.py", "pkg/one.py"), {"pkg/sub": "x"}, ["./pkg", "./pkg/sub"]),
        (("pkg", "pkg/one.py", "pkg/one.py/no"), {}, []),
    ],
)
async def test_layer_may_turn_files_into_folders_and_back(
    session: Session, tmp_path: Path, deleted: tuple[str, ...], made: dict[str, str], seen: list[str]
) -> None:
    root = tmp_path / "layer"
    root.mkdir()
    for name, text in made.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    others = tuple(name for name in ("a.txt", "empty", "link", "tool.sh") if not any(name in path for path in seen))
    ended = await shell(session, FIND, layer=Layer(root=root, deleted=(*deleted, *others)))
    assert ended.stdout.decode().split() == seen, ended.stderr


async def test_read_only_paths_cannot_be_changed_or_moved_away(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "more.py").write_text("more\n")
    (root / "a.txt").write_text("layered\n")
    script = """
echo x >a.txt; echo x >pkg/sub/two.py; rm -f pkg/sub/two.py; mv pkg/sub pkg/away; mv pkg away; rm -f a.txt
touch pkg/sub/new; chmod 777 a.txt; echo x >pkg/one.py; cat a.txt pkg/sub/two.py pkg/one.py
"""
    locked = ["a.txt", "pkg/sub", "not/there", "./pkg/sub/two.py"]
    ended = await shell(session, script, layer=Layer(root=root), read_only=locked)
    assert ended.stdout == b"layered\ntwo = 2\nx\n", ended.stderr
    assert "pkg/one.py" in ended.touched
    assert {"a.txt", "pkg", "pkg/sub", "pkg/sub/two.py", "pkg/sub/new"}.isdisjoint(ended.touched)


async def test_the_whole_workspace_may_be_read_only(session: Session) -> None:
    ended = await shell(session, "cat a.txt; touch x || echo no; touch pkg/x || echo no", read_only=["."])
    assert ended.stdout == b"a\nno\nno\n" and ended.touched == ()


async def test_read_only_never_shows_anything_of_the_host(session: Session) -> None:
    ended = await shell(session, "cat etc/shadow up/x; true", read_only=["link", "etc/shadow", "up/x"])
    assert ended.ok and ended.stdout == b""


async def test_links_out_of_the_workspace_lead_nowhere_on_the_host(session: Session, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("hush-outside")
    root = tmp_path / "layer"
    root.mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("../outside")
    ended = await shell(session, "cat out up; echo x >up; echo x >out; true", layer=Layer(root=root))
    assert b"hush" not in ended.stdout
    assert (tmp_path / "outside").read_text() == "hush-outside"


async def test_the_folder_of_revets_own_records_is_not_seen(session: Session, workspace: Path) -> None:
    (workspace / ".revet").mkdir()
    (workspace / ".revet" / "secret").write_text("hush")
    try:
        ended = await shell(session, "cat .revet/secret; echo x >.revet/made; true")
        assert ended.stdout == b"" and ended.touched == ()
    finally:
        (workspace / ".revet" / "secret").unlink()
        (workspace / ".revet").rmdir()


async def test_a_change_of_the_workspace_is_seen_by_the_next_run(session: Session, workspace: Path) -> None:
    assert (await shell(session, "cat a.txt")).stdout == b"a\n"
    (workspace / "a.txt").write_text("b\n")
    (workspace / "fresh").write_text("fresh\n")
    try:
        assert (await shell(session, "cat a.txt fresh")).stdout == b"b\nfresh\n"
    finally:
        (workspace / "a.txt").write_text("a\n")
        (workspace / "fresh").unlink()


async def test_what_shuts_itself_is_still_told_and_removed(session: Session) -> None:
    ended = await shell(session, "mkdir -p new/in; echo x >new/in/f; chmod 0 a.txt pkg/one.py new/in new pkg")
    assert ended.touched == ("a.txt", "new", "new/in", "new/in/f", "pkg/one.py")


async def test_system_is_read_only_and_temporary_folders_are_private(session: Session) -> None:
    places = ("/usr/x", "/etc/x", "/x", "/dev/x", "/etc/passwd", "/proc/sys/kernel/hostname")
    ended = await shell(session, "; ".join(f"{{ echo x >{place}; }} 2>/dev/null && echo {place}" for place in places))
    assert ended.stdout == b""
    ended = await shell(session, "echo x >/tmp/x && echo y >/dev/shm/y && cat /tmp/x /dev/shm/y")
    assert ended.stdout == b"x\ny\n", ended.stderr
    again = await python(session, "import os; print([n for d in ('/tmp', '/dev/shm') for n in os.listdir(d)])")
    assert b"'x'" not in again.stdout and b"'y'" not in again.stdout


async def test_runs_as_an_ordinary_user_without_capabilities(session: Session) -> None:
    ended = await shell(session, "id -u; grep -E 'CapEff|NoNewPrivs' /proc/self/status")
    words = ended.stdout.decode().split()
    assert int(words[0]) != 0
    assert dict(zip(words[1::2], words[2::2], strict=True)) == {"CapEff:": "0" * 16, "NoNewPrivs:": "1"}
