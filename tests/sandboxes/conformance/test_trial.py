"""A command that is tried on a session's workspace tells the same difference in every sandbox."""

from __future__ import annotations

from pathlib import Path

from revet.actions.shell import try_command
from revet.errors import InputError
from revet.sandboxes.base import Layer, Limits, Session

SCRIPT = (
    "echo more >>a.txt; chmod 700 tool.sh; rm -r pkg/sub; mkdir -p made/deep; ln -s a.txt soft; mv pkg/one.py pkg/1.py;"
    "rmdir empty; echo out; exit 3"
)


async def test_the_difference_that_a_command_makes(session: Session) -> None:
    for _ in range(2):  # nothing of the first is left
        tried = await try_command(SCRIPT, workspace=session.workspace, session=session)
        assert (tried.exit_code, tried.verdict, tried.stdout) == (3, "exception", b"out\n"), tried
        files = {left.path: left for left in tried.files}
        assert {path: left.data for path, left in files.items()} == {
            "a.txt": b"a\nmore\n",
            "pkg/1.py": b"one = 1\n",
            "soft": b"a.txt",
            "tool.sh": b"#!/bin/sh\necho tool\n",
        }
        assert files["tool.sh"].mode == 0o700 and files["soft"].kind == "symlink"
        assert [path for path, left in files.items() if left.new] == ["pkg/1.py", "soft"]
        assert tried.deleted == ("pkg/one.py", "pkg/sub/two.py")
        assert [folder.path for folder in tried.made] == ["made", "made/deep"]
        assert tried.removed == ("empty", "pkg/sub")
    assert await session.read("a.txt") == b"a\n"


async def test_a_command_sees_the_layer_and_changes_neither(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "layer"
    root.mkdir(mode=0o755)
    (root / "new.txt").write_text("new\n")
    layer = Layer(root=root, deleted=("a.txt",))
    tried = await try_command(
        "cat new.txt; ls a.txt; rm new.txt; echo back >a.txt", workspace=session.workspace, session=session, layer=layer
    )
    assert tried.stdout == b"new\n" and tried.deleted == ("new.txt",)
    assert [(left.path, left.data, left.new) for left in tried.files] == [("a.txt", b"back\n", True)]
    assert (root / "new.txt").read_text() == "new\n"


async def test_what_does_not_end_and_where_it_cannot_start(session: Session) -> None:
    tried = await try_command(
        "echo 1 >one; sleep 60", workspace=session.workspace, session=session, limits=Limits(wall_seconds=1.5)
    )
    assert tried.verdict == "timeout" and not tried.complete and tried.exit_code is None
    for cwd in ("nowhere", "..", "a.txt"):
        try:
            await try_command("true", workspace=session.workspace, session=session, cwd=cwd)
        except InputError:
            continue
        raise AssertionError(cwd)
