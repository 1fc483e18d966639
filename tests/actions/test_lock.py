"""One run at a time on a workspace, and on what contains it or lies in it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from revet.actions import lock
from revet.errors import WorkspaceBusy, WorkspaceError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a" / "inner" / "most").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    return tmp_path


def test_the_same_workspace_conflicts_within_one_process(tree: Path) -> None:
    (tree / "alias").symlink_to("a")
    with lock(tree / "a"):
        for path in (tree / "a", tree / "alias"):
            with pytest.raises(WorkspaceBusy, match="in use by another run"), lock(path):
                pass
    with lock(tree / "a"):
        assert list((tree / "a").iterdir()) == [tree / "a" / "inner"], "the lock leaves no file"


def test_nested_workspaces_conflict_and_siblings_do_not(tree: Path) -> None:
    with lock(tree / "a" / "inner"):
        with pytest.raises(WorkspaceBusy), lock(tree / "a"):
            pass
        with pytest.raises(WorkspaceBusy, match="lies inside"), lock(tree / "a" / "inner" / "most"):
            pass
        with lock(tree / "b"):
            pass
    with lock(tree / "a"):
        pass


def test_other_processes_conflict_and_a_dead_one_does_not(tree: Path) -> None:
    code = (
        "import sys; from revet.actions import lock\n"
        "with lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tree / "a")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(WorkspaceBusy), lock(tree / "a" / "inner"):
            pass
        other.kill()
    with lock(tree / "a"):
        pass


def test_an_error_inside_releases_it(tree: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock(tree / "a"):
        raise ZeroDivisionError
    with lock(tree / "a"):
        pass


def test_bad_workspaces(tree: Path) -> None:
    with pytest.raises(WorkspaceError, match="does not exist"), lock(tree / "missing"):
        pass


@pytest.mark.parametrize("shared", ["world-writable", "another's"])
def test_a_strangers_lock_on_a_shared_folder_stops_nobody(tree: Path, shared: str) -> None:
    if shared == "world-writable":
        (tree / "a").chmod(0o1777)
    elif os.geteuid() == 0:
        os.chown(tree / "a", 1234, 1234)
    else:
        pytest.skip("only root can give folders away")
    held = os.open(tree / "a", os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with lock(tree / "a" / "inner"):
            pass
    finally:
        os.close(held)
