"""Temporary folders: gone when closed, kept while their process lives, swept after it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from revet.sandboxes.scratch import Scratch, sweep


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
