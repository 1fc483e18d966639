"""What is staged, committed and taken back is what the command really does: byte for byte."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from revet.actions import commit, lock, undo
from revet.errors import DraftError
from tests.actions.shell.ground import build, look, real, staged

pytestmark = pytest.mark.sandbox

NAMES = (
    "a.txt",
    "b",
    "sub",
    "sub/c.txt",
    "sub/deep",
    "empty",
    "new",
    "'with space'",
    "link",
    "$'n\\nl'",
    "sub/new",
    "x/y",
)
# Permissions do not hold for root, which a command in a trial never is.
MODES = ("600", "755", "+x", "444") if os.geteuid() else ("600", "755", "+x")
name = st.sampled_from(NAMES)
# What cp makes of a folder that is copied into itself depends on the order in which the file system lists it.
apart = st.tuples(name, name).filter(lambda two: not f"{two[1]}/".startswith(f"{two[0]}/"))
command = st.one_of(
    st.builds("rm -rf {}".format, name),
    st.builds("rm {}".format, name),
    st.builds("rmdir {}".format, name),
    st.builds("mkdir {}".format, name),
    st.builds("mkdir -p {}/z".format, name),
    st.builds("mkdir -m 700 {}".format, name),
    st.builds("echo {} > {}".format, st.sampled_from(("1", "2")), name),
    st.builds("echo more >> {}".format, name),
    st.builds("mv {} {}".format, name, name),
    apart.map(lambda two: f"cp -a {two[0]} {two[1]}"),
    apart.map(lambda two: f"cp -r {two[0]} {two[1]}"),
    st.builds("ln -s {} {}".format, name, name),
    st.builds("ln {} {}".format, name, name),
    st.builds("touch {}".format, name),
    st.builds("truncate -s {} {}".format, st.sampled_from(("0", "3", "20000")), name),
    st.builds("sed -i s/o/0/ {}".format, name),
    st.builds("chmod {} {}".format, st.sampled_from(MODES), st.sampled_from(("a.txt", "b", "new"))),
    st.just("find . -name '*.txt' -delete"),
    st.just("for i in 1 2 3; do echo $i > f$i; done"),
    st.just("cat a.txt | tr a-z A-Z > upper && mv upper a.txt"),
    st.just("(cd sub && echo in > here && rm -f c.txt)"),
    st.just("rm -rf -- * .[!.]*"),
    st.just("false && echo no > no || echo yes > yes; exit 3"),
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.lists(command, min_size=1, max_size=5), second=st.lists(command, max_size=3))
@example(first=["rm -rf sub", "echo 1 > sub"], second=["rm sub", "mkdir sub", "echo 2 > sub/c.txt"])
@example(first=["rm a.txt", "mkdir a.txt", "mv b a.txt"], second=["rm -rf a.txt", "ln -s sub a.txt"])
@example(first=["rm -rf -- * .[!.]*"], second=["mkdir -p sub/deep", "echo d > sub/deep/d.bin"])
@example(first=["mkdir -m 700 x", "mkdir x/y"], second=["rmdir x/y", "rmdir x"])
@example(first=["rm -rf sub; mkdir sub; echo hi > sub/new"], second=["mv sub moved"])
@example(first=["mv sub empty/"], second=["mv empty/sub sub"])
@example(first=["rm -rf sub", "mkdir -m 700 sub"], second=[])
@example(first=["rm -rf sub"], second=["mkdir -m 700 sub"])
def test_staging_is_running(first: list[str], second: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace, copy = build(Path(folder, "ws")), Path(folder, "copy")
        before = look(workspace)
        commands = ["\n".join(first), *(["\n".join(second)] if second else [])]
        real(workspace, copy, *commands)
        wanted = look(copy)
        try:
            with staged(workspace, *commands) as (stage, changes):
                assert look(workspace) == before, "a trial changed the workspace"
                assert bool(changes) == (wanted != before), commands
                if not changes:
                    return
                with lock(workspace):
                    commit(workspace, stage.layer, changes, transaction="t")
                    assert look(workspace) == wanted, commands
                    undo(workspace, "t")
                    assert look(workspace) == before, commands
        except DraftError as refused:  # a folder that stood, and comes back with other permissions
            assert "the permissions of the folder" in str(refused), commands
            assert any("mkdir -m 700" in command for command in commands) and look(workspace) == before


@pytest.mark.parametrize("commands", [["rm -rf sub\nmkdir -m 700 sub"], ["rm -rf sub", "mkdir -m 700 sub"]])
def test_other_permissions_of_a_folder_that_stands_are_refused(tmp_path: Path, commands: list[str]) -> None:
    workspace = build(tmp_path / "ws")
    before = look(workspace)
    with (
        pytest.raises(DraftError, match="permissions of the folder sub become 700, which no commit can make"),
        staged(workspace, *commands),
    ):
        pass
    assert look(workspace) == before
