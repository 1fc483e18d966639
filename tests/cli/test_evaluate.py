"""`revet eval evidence` and `revet eval gate` as a user types it: tables, JSON, and what is said of bad input."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from revet.cli import app
from revet.errors import InputError
from revet.evals import Figure, Measurement, Progress, Source, gate
from revet.evals.evidence import SETS, measurement


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["eval", "evidence", *map(str, words)])


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two measurements: `sums`, which counts rows, and `none`, whose data are missing."""

    async def count(source: Source, progress: Progress) -> Figure:
        rows = source.rows("sums", "easy")
        progress(len(rows), len(rows))
        counts: dict[str, float | int | None] = {"right": 1, "recall": 0.5, "unknown": None}
        return Figure(
            set="sums", measure="share", value=0.25, low=0.1, high=0.5, n=len(rows), target=0.2, counts=counts
        )

    async def fail(source: Source, progress: Progress) -> Figure:
        raise InputError("there is no file none.dev.jsonl")

    for name, how in (("sums", count), ("none", fail)):
        module = types.ModuleType(f"revet.evals.evidence.{name}")
        module.MEASUREMENT = Measurement(set=name, measure="share", about="", target=0.2, run=how)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("revet.evals.evidence.SETS", {"sums": "sums", "none": "none"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "easy.dev.jsonl").write_text("{}\n{}\n")
    return tmp_path


@pytest.mark.usefixtures("sums")
def test_a_table_shows_the_value_with_its_interval_and_whether_it_is_enough(data: Path) -> None:
    result = run("--data", data, "--only", "sums")
    assert result.exit_code == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "0.250 0.100 – 0.500 2 0.2 reached" in words
    assert "unknown –" in words


@pytest.mark.usefixtures("sums")
def test_json_is_one_object_for_each_set_and_what_could_not_be_measured_is_told(data: Path) -> None:
    result = run("--data", data, "--json")
    assert result.exit_code == 2
    (line,) = result.stdout.splitlines()
    said = json.loads(line)
    assert {"set", "measure", "value", "low", "high", "n", "counts"} <= set(said)
    assert (said["value"], said["low"], said["high"], said["n"]) == (0.25, 0.1, 0.5, 2)
    assert "none was not measured: there is no file none.dev.jsonl" in result.stderr


@pytest.mark.usefixtures("sums")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "product"], "there is no measurement on 'product'"),
        (["--only", "sums", "--split", "held"], r"splits there: dev"),
        (["--only", "none"], "there is no file none.dev.jsonl"),
    ],
)
def test_bad_input_is_told_and_nothing_is_measured(data: Path, words: list[str], said: str) -> None:
    result = run("--data", data, *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    result = run("--data", tmp_path / "nowhere")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


@pytest.mark.parametrize("name", SETS)
def test_every_set_has_a_measurement(name: str) -> None:
    found = measurement(name)
    assert found.set == name
    assert found.about and 0 < found.target <= 1


@pytest.mark.parametrize("name", ["dcg", "nl2bash"])
def test_every_set_of_the_gate_has_a_measurement(name: str) -> None:
    found = gate.measurement(name)
    assert found.set == name
    assert found.about and 0 < found.target <= 1


def test_the_gate_is_measured_in_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "risk_shell").mkdir()
    row = {"action": "git reset --hard", "label": "deny", "kind": "shell", "category": "git"}
    (tmp_path / "risk_shell" / "dcg.dev.jsonl").write_text(json.dumps(row) + "\n")
    result = CliRunner().invoke(app, ["eval", "gate", "--data", str(tmp_path), "--only", "dcg", "--json"])
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert (said["set"], said["value"], said["n"]) == ("dcg", 1.0, 1)
    assert said["counts"]["text_deny_allowed"] == 0
