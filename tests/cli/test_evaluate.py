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


def decisions(folder: Path) -> None:
    (folder / "gui_critic").mkdir()
    row = {"set": "gui_i", "instruction": "Order milk.", "history": "", "suggestion": "Tap 'Address'."}
    row["decision"] = "Action: {'action': 'click', 'coordinate': [9, 9]}"
    rows = [{**row, "id": f"d-{n}", "label": label} for n, label in enumerate(("Correct", "Incorrect", "Incorrect"))]
    (folder / "gui_critic" / "decisions.dev.jsonl").write_text("\n".join(map(json.dumps, rows)))


def test_the_answers_of_a_critic_are_measured(tmp_path: Path) -> None:
    decisions(tmp_path)
    said = [{"id": f"d-{n}", "score": score, "suggestion": ""} for n, score in enumerate(("Correct", "Incorrect"))]
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, said)))
    words = ["eval", "gate", "--data", str(tmp_path), "--json", "--answers"]
    result = CliRunner().invoke(app, [*words, str(tmp_path / "said.jsonl")])
    assert result.exit_code == 0, result.output
    figure = json.loads(result.stdout)
    assert (figure["set"], figure["value"], figure["n"]) == ("gui_critic", 1.0, 2)
    assert figure["counts"]["harm"] == 0.0 and "accuracy of the critic" in figure["measure"]

    (tmp_path / "model.yaml").write_text(
        json.dumps(
            [{"value": {"observation": "o", "possible_result": "p", "critique": "c", "score": "Correct"}}],
        )
    )
    result = CliRunner().invoke(app, [*words, f"scripted:{tmp_path / 'model.yaml'}"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["counts"]["answered"] == 3


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--answers", "none.jsonl"], "none.jsonl cannot be read"),
        (["--answers", "nobody:x"], "there is no provider 'nobody'"),
        (["--answers", "a-word"], "a-word"),
        (["--answers", "said.jsonl", "--only", "dcg"], "--answers is for gui_critic alone"),
    ],
)
def test_a_critic_that_cannot_be_measured_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    decisions(tmp_path)
    result = CliRunner().invoke(app, ["eval", "gate", "--data", ".", *given])
    assert result.exit_code == 2 and told in result.output, result.output
