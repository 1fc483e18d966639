"""Nothing stays behind of a gate that is ended in the middle of a trial: no process, no folder, no control group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.sandbox


def running(mark: str) -> list[str]:
    """The processes with the word in their command line, as the kernel lists them."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in line and int(place.name) != os.getpid():
            found.append(place.name)
    return found


def until(check: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.02)
    return check()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL, None])
def test_ended_in_the_middle(ending: signal.Signals | None, tmp_path: Path) -> None:
    workspace, temporary = tmp_path / "ws", tmp_path / "tmp"
    workspace.mkdir()
    temporary.mkdir()
    mark = f"61{os.getpid()}{ending or 0:03d}"
    action = {"kind": "run_command", "command": f"./wait.sh; sleep {mark} & sleep {mark}", "cwd": str(workspace)}
    (workspace / "wait.sh").write_text("#!/bin/sh\n")
    (workspace / "wait.sh").chmod(0o755)
    words = [sys.executable, "-m", "revet", "gate", "--timeout", "60" if ending else "1"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, env=environment, **pipes) as gate:  # type: ignore[call-overload]
        assert gate.stdin and gate.stdout
        gate.stdin.write(json.dumps(action).encode())
        gate.stdin.close()
        assert until(lambda: len(running(f"sleep\0{mark}")) == 2)
        if ending:
            gate.send_signal(ending)
        said = gate.stdout.read()
        status = gate.wait(20)
    assert until(lambda: not running(mark)), "processes are left"
    if ending is None:
        assert status == 0 and json.loads(said)["changes"]["verdict"] == "timeout"
    else:
        assert status == (-9 if ending is signal.SIGKILL else 128 + ending) and said == b""
    if ending is not signal.SIGKILL:  # which leaves that to the next process that starts here
        assert list(temporary.iterdir()) == []
        assert not list(Path("/sys/fs/cgroup").glob(f"**/revet-{gate.pid}-*"))
