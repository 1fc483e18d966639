"""`revet run` with many tasks: results, bad lines, what the batch may take, what stops it, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet.batch import default_place
from revet.errors import StoreError
from revet.store import Store
from tests.cli.fakes import World, task_file

Revet = Callable[..., Result]


def results_of(folder: Path) -> list[dict[str, Any]]:
    place = default_place(folder / ".revet", folder / "tasks.jsonl")
    return [json.loads(line) for line in place.read_text().splitlines()]


def test_results_stand_beside_the_runs(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script = {"b": "abstain"}
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"})
    printed = revet("run", path, "--json").stdout.splitlines()
    lines = results_of(tmp_path)
    assert [line.pop("task_digest") != "" for line in lines] == [True, True]
    assert lines == [json.loads(line) for line in printed]
    world.script = {}
    revet("run", path, "--resume")
    assert [(line["id"], line["outcome"]) for line in results_of(tmp_path)] == [("a", "committed"), ("b", "committed")]
    revet("run", path)
    assert [line["id"] for line in results_of(tmp_path)] == ["a", "b"], "replaced, as the batch began anew"


def test_a_project_without_a_file_has_no_results(world: World, revet: Revet, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    assert revet("fix", "shop").exit_code == 0
    assert not (tmp_path / ".revet" / "results").exists()


def test_where_results_are_is_said_where_it_matters(world: World, revet: Revet, tmp_path: Path) -> None:
    few = task_file(tmp_path, {"id": "a"})
    assert "results" not in revet("run", few).stdout
    assert "What became of each task: mine.jsonl" in revet("run", few, "--results", "mine.jsonl").stdout
    many = task_file(tmp_path, *({"id": f"t{number}"} for number in range(51)))
    said = revet("run", many, "--jobs", "8").stdout
    assert f"What became of each task: {default_place(Path('.revet'), many)}" in said
    assert "51 tasks in" in said and len(results_of(tmp_path)) == 51


def test_results_that_are_there_are_not_overwritten(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"})
    revet("run", path, "--results", "mine.jsonl")
    before = (tmp_path / "mine.jsonl").read_bytes()
    world.log.clear()
    result = revet("run", path, "--results", "mine.jsonl")
    assert result.exit_code == 2 and "mine.jsonl holds something already" in result.stderr
    refused = revet("run", path, "--results", path, "--resume")
    assert refused.exit_code == 2 and f"{path} is the file of the tasks" in refused.stderr
    assert world.log == [] and (tmp_path / "mine.jsonl").read_bytes() == before and path.read_text().startswith("{")


def test_a_bad_line_fails_and_the_others_run(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "b", "rounds": -1}, {"id": "c"})
    path.write_text(path.read_text() + "\nnonsense\n")
    assert revet("run", path).exit_code == 2 and world.log == []
    result = revet("run", path, "--on-error", "skip")
    assert result.exit_code == 1 and world.log == ["start a", "end a", "start c", "end c"]
    found = {line["id"]: line for line in results_of(tmp_path)}
    assert {name: line["outcome"] for name, line in found.items()} == {
        "a": "committed",
        "b": "failed",
        "c": "committed",
        "line-4": "failed",
    }
    assert f"{path}:2: rounds: must be 0 or more" in found["b"]["error"]


def test_nothing_but_bad_lines_is_bad_input(world: World, revet: Revet, tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text("nonsense\n[1, 2]\n")
    result = revet("run", path, "--on-error", "skip")
    assert result.exit_code == 2 and world.log == []


def test_the_time_of_a_batch(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, *({"id": f"t{number}"} for number in range(60)))
    result = revet("run", path, "--total-seconds", "0.5")
    assert result.exit_code == 1
    assert "not run: the batch's time is over" in result.stdout
    lines = results_of(tmp_path)
    assert len(lines) == 60 and lines[-1]["outcome"] == "not_run"
    assert revet("run", path, "--resume", "--jobs", "4").exit_code == 0
    lines = results_of(tmp_path)
    assert len(lines) == 60 and {line["outcome"] for line in lines} == {"committed"}


@pytest.mark.parametrize(("broken_from", "code"), [(0, 2), (2, 1)])
def test_a_store_that_breaks_stops_the_batch(
    world: World, revet: Revet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_from: int, code: int
) -> None:
    path = task_file(tmp_path, *({"id": name} for name in "abcd"))
    real = Store.begin

    def begin(self: Store, *given: Any) -> None:
        if sum(line.startswith("end") for line in world.log) >= broken_from:
            raise StoreError("the store cannot be used: the disk is full") from OSError(28, "No space left on device")
        real(self, *given)

    monkeypatch.setattr(Store, "begin", begin)
    result = revet("run", path)
    assert result.exit_code == code
    assert "revet: the store cannot be used: the disk is full" in result.stderr
    said = " ".join(result.stdout.split())
    assert f"Stopped. {broken_from} of 4 tasks had ended; the others changed nothing. To go on: " in said
    assert len([line for line in world.log if line.startswith("start")]) == broken_from + 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("revet.batch.SharedAgents", world.opened)
    assert revet("run", path, "--resume").exit_code == 0
    assert sorted(line["id"] for line in results_of(tmp_path)) == ["a", "b", "c", "d"]
