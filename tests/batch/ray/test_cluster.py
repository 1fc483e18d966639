"""A batch on a real cluster of three nodes, as a user runs it: the same results as on one machine, whatever dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from revet.batch.ray.wire import _ID
from revet.store import Store
from tests.batch.ray.conftest import Nodes, processes_of

pytestmark = pytest.mark.sandbox

CODE = "def area(width, height):\n    return width {0} height\n\n\ndef double(x):\n    return x * 2\n"
TEST = """from shapes import area, double


def test_area():
    assert area(3, {0}) == {1}


def test_double():
    assert double(4) == 8
"""
SLOW = "import time\n\ntime.sleep({0})\n"


def tasks_in(folder: Path, count: int, *, seconds: float = 0.0, **settings: Any) -> Path:
    """`count` projects with a fault each, and the file of the tasks."""
    lines = []
    for number in range(count):
        name = f"t{number}"
        workspace = folder / name
        (workspace / "tests").mkdir(parents=True)
        (workspace / "shapes.py").write_text(CODE.format("+"))
        slow = SLOW.format(seconds) if seconds else ""
        (workspace / "tests" / "test_shapes.py").write_text(slow + TEST.format(number + 4, 3 * (number + 4)))
        task = {"id": name, "goal": "mend it", "workspace": name, "edit": ["shapes.py"], "checks": ["pytest -q"]}
        lines.append(json.dumps({**task, "seed": 7, **settings}))
    file = folder / "tasks.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def command(file: Path, nodes: Nodes | None, *more: str) -> list[str]:
    engine = ["--engine", "ray", "--address", nodes.address] if nodes is not None else []
    return [sys.executable, "-m", "revet", "run", str(file), *engine, *more]


def revet(file: Path, nodes: Nodes | None, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(file, nodes, *more), cwd=file.parent, capture_output=True, text=True, timeout=180, check=False
    )


def begun(file: Path, nodes: Nodes, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(file, nodes, *more), cwd=file.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def results(file: Path) -> dict[str, dict[str, Any]]:
    """The lines of the results file by task: one for each."""
    (found,) = (file.parent / ".revet" / "results").glob("*.jsonl")
    lines = [json.loads(line) for line in found.read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    return {line["id"]: line for line in lines}


def commits(workspace: Path) -> list[str]:
    """The transactions in the journal of a workspace."""
    journal = workspace / ".revet" / "journal"
    return sorted(each.name for each in journal.iterdir()) if journal.is_dir() else []


def workers(nodes: Nodes) -> dict[int, str]:
    """The processes that do tasks now, with the run that each does."""
    found = {}
    for pid in processes_of(nodes.folder):
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            continue
        if title.startswith("ray::revet "):
            found[pid] = title.removeprefix("ray::revet ").strip()
    return found


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.2)  # to look at all processes costs time that they need
    return found


def told(run: Any) -> Mapping[str, Any]:
    """What a run says, without what is different each time: its id, times, and paths of temporary folders."""
    said: dict[str, Any] = json.loads(run.model_dump_json())
    text = json.dumps(
        {
            "outcome": said["outcome"],
            "decision": said["decision"],
            "attempts": said["attempts"],
            "baseline": said["baseline"],
            "rounds": said["usage"]["rounds"],
            "calls": said["usage"]["tool_calls"],
            "files": (said["receipt"] or {}).get("files"),
            "settings": (said["setup"] or {}).get("settings"),
        }
    )
    text = re.sub(r'seconds": [0-9.e-]+', 'seconds": 0', text)
    text = re.sub(r"[0-9.]+ ?s\b", "0 s", text)
    found: Mapping[str, Any] = json.loads(_ID.sub("id", text))
    return found


def test_results_are_those_of_one_machine(tmp_path: Path, nodes: Nodes) -> None:
    """Also of a task that nothing mends; and what was committed is undone as ever."""
    for engine in ("local", "ray"):
        (tmp_path / engine).mkdir()
        file = tasks_in(tmp_path / engine, 2)
        (tmp_path / engine / "t1" / "shapes.py").write_text("")
        done = revet(file, nodes if engine == "ray" else None, "--rounds", "1")
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stderr == ""
    local, remote = tmp_path / "local", tmp_path / "ray"
    for name in ("t0", "t1"):
        ours = [Store(each / ".revet").find(results(each / "tasks.jsonl")[name]["run"]) for each in (local, remote)]
        one, other = (
            json.dumps(told(run)).replace(str(each), "/w") for run, each in zip(ours, (local, remote), strict=True)
        )
        assert one == other
        assert (local / name / "shapes.py").read_text() == (remote / name / "shapes.py").read_text()
    assert [results(each / "tasks.jsonl")["t0"]["outcome"] for each in (local, remote)] == ["committed"] * 2
    undone = subprocess.run(
        [sys.executable, "-m", "revet", "undo", results(remote / "tasks.jsonl")["t0"]["run"]],
        cwd=remote,
        capture_output=True,
        text=True,
        check=False,
    )
    assert undone.returncode == 0, undone.stderr
    assert (remote / "t0" / "shapes.py").read_text() == CODE.format("+")


def test_a_node_is_lost_in_the_middle(tmp_path: Path, nodes: Nodes) -> None:
    file = tasks_in(tmp_path, 4, seconds=0.3)
    running = begun(file, nodes, "--json", "--quiet")
    try:
        until(lambda: len(workers(nodes)) == 3)
        until(lambda: any(commits(tmp_path / f"t{number}") for number in range(4)))
        nodes.lose(nodes.workers[0])
        output, _ = running.communicate(timeout=120)
    finally:
        running.kill()
        nodes.add()
    assert running.returncode == 0, output
    said = [line for line in output.splitlines() if line.startswith("{")]
    assert len(said) == 4
    assert "(raylet)" not in output  # Ray prints what becomes of nodes on stdout
    assert {line["outcome"] for line in results(file).values()} == {"committed"}
    assert len(results(file)) == 4
    assert [len(commits(tmp_path / f"t{number}")) for number in range(4)] == [1] * 4
    assert not list((tmp_path / ".revet" / "working" / "ray").iterdir())


def test_a_driver_that_is_killed_after_a_commit_goes_on_and_repeats_none(tmp_path: Path, nodes: Nodes) -> None:
    file = tasks_in(tmp_path, 2)
    dies = (
        "import os, signal, sys\n"
        "from revet.graphs.persistence import Memory\n"
        "async def save(self, run):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "Memory.save = save\n"
        "from revet.__main__ import main\n"
        "main()\n"
    )
    words = command(file, nodes)[3:]
    killed = subprocess.run(
        [sys.executable, "-c", dies, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = {f"t{number}": commits(tmp_path / f"t{number}") for number in range(2)}
    assert sorted(map(len, before.values()))[-1] == 1
    until(lambda: not workers(nodes))
    done = revet(file, nodes, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    after = {f"t{number}": commits(tmp_path / f"t{number}") for number in range(2)}
    assert {name: len(each) for name, each in after.items()} == {"t0": 1, "t1": 1}
    for name, each in before.items():
        assert not each or each == after[name]
        run = Store(tmp_path / ".revet").find(results(file)[name]["run"])
        assert run is not None
        assert run.receipt is not None
        assert [run.receipt.id] == after[name]


def test_a_task_that_takes_its_workers_with_it_fails_alone(tmp_path: Path, nodes: Nodes) -> None:
    file = tasks_in(tmp_path, 2, seconds=1.0)
    running = begun(file, nodes)
    killed: set[int] = set()
    try:
        while len(killed) < 3:
            for pid, run in until(lambda: workers(nodes)).items():
                if run.startswith("t1-") and pid not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
        output, _ = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 1
    assert "task t1 took 3 workers with it" in output
    assert {name: line["outcome"] for name, line in results(file).items()} == {"t0": "committed", "t1": "failed"}
    assert commits(tmp_path / "t1") == []


def test_ctrl_c_leaves_nothing_running(tmp_path: Path, nodes: Nodes) -> None:
    file = tasks_in(tmp_path, 4, seconds=5.0)
    running = begun(file, nodes)
    try:
        until(lambda: len(workers(nodes)) == 3)
        time.sleep(1.0)
        running.send_signal(signal.SIGINT)
        output, _ = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, output
    assert "Stopped." in output
    until(lambda: not workers(nodes), 10)
    until(lambda: not any(b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(nodes.folder)))
    assert [commits(tmp_path / f"t{number}") for number in range(4)] == [[]] * 4


def test_what_waits_for_approval_is_committed_at_home(tmp_path: Path, nodes: Nodes) -> None:
    file = tasks_in(tmp_path, 1, approve="ask")
    asked = revet(file, nodes)
    assert asked.returncode == 1, asked.stdout + asked.stderr
    assert results(file)["t0"]["outcome"] == "asked"
    assert commits(tmp_path / "t0") == []
    approved = revet(file, nodes, "--resume", "--approve", "auto")
    assert approved.returncode == 0, approved.stdout + approved.stderr
    assert results(file)["t0"]["outcome"] == "committed"
    assert len(commits(tmp_path / "t0")) == 1
    assert not list((tmp_path / ".revet" / "working" / "ray").iterdir())
