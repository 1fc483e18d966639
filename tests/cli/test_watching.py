"""What `revet run` shows of many tasks, says with --quiet, and writes with --summary."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet.batch.batch import Batch
from revet.errors import StoreError
from tests.cli.fakes import World, fault, task_file

Revet = Callable[..., Result]
MANY = [{"id": f"t{number}"} for number in range(60)]
FIELDS = {
    "tasks": str,
    "engine": str,
    "jobs": int,
    "store": str,
    "results": str,
    "exit_code": int,
    "stopped": str,
    "error": str,
    "begun_at": str,
    "ended_at": str,
    "seconds": float,
    "total": int,
    "done": int,
    "left": int,
    "outcomes": dict,
    "again": int,
    "not_run": dict,
    "rounds": int,
    "model_calls": int,
    "tokens": int,
    "cost": float,
    "rate": float,
    "problems": list,
}


def summary(path: Path) -> dict[str, Any]:
    """The summary in `path`; every field is there and is of its kind, or null."""
    data: dict[str, Any] = json.loads(path.read_text())
    assert list(data) == list(FIELDS)
    assert all(value is None or isinstance(value, FIELDS[name]) for name, value in data.items()), data
    assert sum(data["outcomes"].values()) == data["done"] == data["total"] - data["left"]
    return data


def test_a_large_batch_is_told_in_few_lines(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"t7": "abstain", "t9": "raise"}, {"t9": fault()}
    result = revet("run", task_file(tmp_path, *MANY), "--jobs", "8")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert "✗ failed  t9  no sandbox here → enable one" in lines
    assert sum(" of 60 done: " in line for line in lines) == 9
    assert any(", 58 committed, 1 abstained, 1 failed." in line.replace(": ", ", ") for line in lines)
    assert lines[-1].startswith("To take a commit back:  revet undo t") and len(lines) < 30
    assert f"What became of each task: {Path('.revet') / 'results'}" in result.stdout


def test_quiet_says_how_it_ended_and_what_failed(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"b": "raise"}, {"b": fault()}
    result = revet("run", task_file(tmp_path, {"id": "a"}, {"id": "b"}), "--quiet")
    totals, failed = result.stdout.splitlines()
    assert totals.startswith("2 tasks in ") and totals.endswith(": 1 committed, 1 failed.")
    assert failed == "✗ failed  b  no sandbox here → enable one"


def test_quiet_with_json_leaves_stdout_to_json(world: World, revet: Revet, tmp_path: Path) -> None:
    for words in (["--quiet"], []):
        result = revet("run", task_file(tmp_path, *MANY), "--json", "--jobs", "8", *words)
        assert sorted(json.loads(line)["id"] for line in result.stdout.splitlines()) == sorted(e["id"] for e in MANY)
        assert ": 60 committed." in result.stderr
        assert (" of 60 done: " in result.stderr) == (not words)


def test_the_summary_of_a_batch(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script = {"b": "abstain"}
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"})
    result = revet("run", path, "--summary", "out.json", "--jobs", "2")
    data = summary(tmp_path / "out.json")
    assert (data["tasks"], data["engine"], data["jobs"], data["store"]) == (str(path), "local", 2, ".revet")
    assert data["exit_code"] == result.exit_code == 1 and data["stopped"] is None and data["error"] is None
    assert {word: count for word, count in data["outcomes"].items() if count} == {"committed": 1, "abstained": 1}
    assert [(problem["id"], problem["run"]) for problem in data["problems"]] == [("b", "b-run")]
    assert Path(data["results"]).is_file()
    assert revet("run", path, "--resume", "--summary", "out.json").exit_code == 1
    assert summary(tmp_path / "out.json")["again"] == 1


def test_the_summary_of_a_batch_whose_time_is_over(world: World, revet: Revet, tmp_path: Path) -> None:
    revet("run", task_file(tmp_path, *MANY), "--total-seconds", "0.2", "--summary", "out.json")
    data = summary(tmp_path / "out.json")
    assert data["stopped"] == "budget" and data["left"] == 0
    assert list(data["not_run"].values()) == [data["outcomes"]["not_run"]]


@pytest.mark.parametrize(("number", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_the_summary_of_a_batch_that_was_stopped(
    world: World, revet: Revet, tmp_path: Path, number: str, code: int, word: str
) -> None:
    world.script = {"b": "hang", "c": "hang"}

    def stop() -> None:
        while "start b" not in world.log:
            time.sleep(0.01)
        os.kill(os.getpid(), getattr(signal, number))

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    result = revet("run", task_file(tmp_path, {"id": "a"}, {"id": "b"}, {"id": "c"}), "--summary", "out.json")
    thread.join()
    data = summary(tmp_path / "out.json")
    assert (result.exit_code, data["exit_code"], data["stopped"]) == (code, code, word)
    assert (data["done"], data["left"], data["outcomes"]["committed"]) == (1, 2, 1)


@pytest.mark.parametrize(("cause", "word"), [(OSError(28, "No space left on device"), "disk full"), (None, "error")])
def test_the_summary_of_a_batch_that_broke_off(
    world: World,
    revet: Revet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cause: OSError | None,
    word: str,
) -> None:
    async def breaks(batch: Batch) -> None:
        batch.broken = StoreError("the results file cannot be written")
        batch.broken.__cause__ = cause

    monkeypatch.setattr(Batch, "run", breaks)
    assert revet("run", task_file(tmp_path, {"id": "a"}), "--summary", "out.json").exit_code != 0
    data = summary(tmp_path / "out.json")
    assert (data["stopped"], data["error"]) == (word, "the results file cannot be written")


def test_a_summary_that_cannot_be_written(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"})
    result = revet("run", path, "--summary", "nowhere/out.json")
    assert result.exit_code == 2 and "--summary nowhere/out.json: there is no folder" in result.stderr
    assert world.log == []
    result = revet("run", path, "--summary", "/dev/full")
    assert result.exit_code == 1 and "the summary cannot be written: /dev/full: No space left" in result.stderr
    assert "1 committed" in result.stdout
