"""Temporary folders: gone when closed, kept while their process lives, swept after it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from revet.sandboxes.scratch import MARK, Scratch, sweep


def test_a_folder_goes_when_it_is_closed_and_only_then(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    (scratch.path / "inner").mkdir(0o000)
    assert sweep(tmp_path, grace=0) == []
    assert scratch.path.is_dir()
    scratch.close()
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom revet.sandboxes.scratch import Scratch\n"
        "s = Scratch(Path(sys.argv[1]))\n(s.path / 'file').write_text('x')\n"
        "print(s.path, flush=True)\ntime.sleep(600)\n"
    )
    victim = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    left = Path(victim.stdout.readline().strip())
    assert sweep(tmp_path, grace=0) == []
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    victim.stdout.close()
    assert left.is_dir()
    assert sweep(tmp_path) == [], "a young folder may belong to a process that is about to lock it"
    assert sweep(tmp_path, grace=0) == [left]
    assert not left.exists()


def test_other_folders_and_links_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "revet-link").symlink_to(tmp_path / "mine")
    (tmp_path / "revet-project").mkdir()
    (tmp_path / "revet-scratch-of-somebody").mkdir()
    assert sweep(tmp_path, grace=0) == []
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["mine", "revet-link", "revet-project", "revet-scratch-of-somebody"]


def test_a_forked_child_leaves_the_folder_to_its_parent(tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom revet.sandboxes.scratch import Scratch\n"
        "s = Scratch(Path(sys.argv[1]))\n"
        "if os.fork() == 0:\n    s.close()\n    sys.exit(0)\n"
        "assert os.wait()[1] == 0 and s.path.is_dir() and list(s.path.iterdir())\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert list(tmp_path.iterdir()) == []


def test_what_a_removal_that_was_cut_short_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Scratch(tmp_path)
    (scratch.path / "a" / "b" / "c").mkdir(parents=True)
    for name in ("a/file", "file", "a/b/c/file"):
        (scratch.path / name).touch()
    rmdir, left = os.rmdir, [1]

    def cut_short(name: str, *, dir_fd: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise InterruptedError
        rmdir(name, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", cut_short)
        with pytest.raises(InterruptedError):
            scratch.close()
    assert (scratch.path / MARK).exists() and len(list(scratch.path.iterdir())) > 1
    assert sweep(tmp_path, grace=0) == [scratch.path]
    assert list(tmp_path.iterdir()) == []
