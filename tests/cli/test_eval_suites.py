"""`revet eval SUITE`, `list`, `show` and `compare` as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from revet.cli import app
from revet.evals import suites as listed
from tests.evals.fake_suite import toml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _suites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two suites that need no data, and one whose data are missing, in an empty current folder."""
    path = toml(tmp_path, "fake", "other")
    needy = toml(tmp_path / "x", "needy", sets=["things/rows"]) if (tmp_path / "x").mkdir() is None else path
    path.write_text(path.read_text() + "\n" + needy.read_text().replace("'replay'", "'critic'"))
    monkeypatch.setattr(listed, "FILE", path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("REVET_DATA", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    listed.suites.cache_clear()
    yield
    listed.suites.cache_clear()


def revet(*words: str) -> Result:
    return CliRunner().invoke(app, ["eval", *words])


def figures(result: Result) -> dict[str, Any]:
    said = json.loads(result.stdout)
    return {figure["name"]: figure for figure in said["figures"]}


def test_a_suite_is_played_by_its_name(tmp_path: Path) -> None:
    result = revet("fake", "-j", "1")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "fake: 6 cases (fake-" in words
    assert "accuracy 0.500" in words and "0.5 reached" in words
    assert (tmp_path / ".revet" / "results.db").exists()


def test_worker_processes_play_by_default() -> None:
    result = revet("fake", "--option", "log=log", "--json")
    assert result.exit_code == 0, result.output
    played = {line.split()[1] for line in Path("log").read_text().splitlines()}
    assert str(os.getpid()) not in played
    assert figures(result)["accuracy"]["value"] == 0.5


def test_json_is_one_object_a_suite_and_nothing_else() -> None:
    result = revet("fake", "other", "-j", "1", "--json", "--option", "right=2")
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(line["suite"] for line in lines) == ["fake", "other"]
    for line in lines:
        assert line["options"] == {"right": 2} and line["errors"] == 0 and line["reached"] is False
        assert line["headline"] == "accuracy" and line["cases"] == 6 and line["version"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fakes"], "nearest: fake"),
        (["needy"], "reads published data (things/rows.SPLIT.jsonl)"),
        (["needy", "--data", "nowhere"], "there is no folder nowhere"),
        (["needy", "--data", "."], "put the set things there"),
        (["fake", "--option", "colour=red"], "there is no option colour of fake"),
        (["fake", "--recipe", "core"], "there is no option recipe of fake"),
        (["fake", "--metric", "exact"], "--metric is for a task file"),
        (["fake", "--require", "acuracy>=1"], "has no such figure\n  → nearest: accuracy"),
        (["fake", "--require", "accuracy"], "is no requirement"),
        (["fake", "--require", "accuracy>=nan"], "is no requirement"),
        (["fake", "--require", "other:accuracy>=1"], "other is not played"),
        (["fake", "other", "--html", "x.html"], "--html writes the page of one suite"),
        (["fake", "--html", "nowhere/x.html"], "there is no folder nowhere"),
        (["fake", "--option", "cases=0"], "has no cases"),
        (["fake", "--option", "nonsense"], "--option"),
        (["nothing.yaml"], "the task file does not exist"),
        (["show"], None),
        (["show", "fake"], "there is no evaluation 'fake'"),
        (["compare", "a", "b"], "there is no evaluation 'a'"),
    ],
)
def test_bad_input_is_told_and_nothing_is_played(words: list[str], told: str | None) -> None:
    result = revet(*words, *([] if words[0] in ("show", "compare") else ["-j", "1"]))
    assert result.exit_code == (0 if told is None else 2), result.output
    if told is not None:
        assert told in result.stderr and result.stdout == ""


def test_what_cannot_be_played_is_told_and_the_others_are_played() -> None:
    result = revet("all", "-j", "1", "--json")
    assert result.exit_code == 2
    assert [json.loads(line)["suite"] for line in result.stdout.splitlines()] == ["fake", "other"]
    assert "needy is left out: the suite needy reads published data" in result.stderr
    assert revet("replay", "-j", "1").exit_code == 0


@pytest.mark.parametrize(
    ("require", "code", "told"),
    [
        (["accuracy>=0.5"], 0, ""),
        (["accuracy >= 0.5", "false_commits<=0.5", "target"], 0, ""),
        (["accuracy>=0.6"], 1, "fake: accuracy is 0.5, but must be >= 0.6: 0.1 off"),
        (["fake:false_commits<0.5"], 1, "fake: false_commits is 0.5, but must be < 0.5: 0 off"),
    ],
)
def test_what_is_required_decides_the_exit_code(require: list[str], code: int, told: str) -> None:
    result = revet("fake", "-j", "1", *(word for each in require for word in ("--require", each)))
    assert result.exit_code == code, result.output
    assert told in result.stderr


def test_a_target_that_is_missed_is_told_by_how_much() -> None:
    result = revet("fake", "-j", "1", "--option", "right=1", "--require", "target")
    assert result.exit_code == 1
    assert "fake: accuracy is 0.1667, its target is at least 0.5: 0.3333 off" in result.stderr


def test_what_is_not_a_number_misses_what_is_required() -> None:
    result = revet("fake", "-j", "1", "--limit", "1", "--option", "raises=0", "--require", "false_commits<=1")
    assert result.exit_code == 1
    assert "false_commits is not a number" in result.stderr
    assert "1 of 1 cases broke off; the first: case-0: ValueError: a fault" in result.stderr


def test_a_suite_whose_every_case_broke_off_is_no_success() -> None:
    result = revet("fake", "-j", "1", "--limit", "1", "--option", "raises=0")
    assert result.exit_code == 1 and "1 of 1 cases broke off" in result.stderr


def test_what_was_played_is_shown_again_and_listed() -> None:
    assert "No evaluations in .revet yet" in revet("show").stdout
    first = json.loads(revet("fake", "-j", "1", "--json").stdout)
    shown = json.loads(revet("show", "fake", "--json").stdout)
    assert shown["id"] == first["id"] and len(shown["trials"]) == 6
    assert first["id"] in revet("show").stdout
    assert "accuracy" in revet("show", first["id"][:8]).stdout
    again = revet("fake", "-j", "1", "--resume", "--json")
    assert json.loads(again.stdout)["id"] == first["id"] and "nothing is played again" in again.stderr


def test_two_evaluations_are_compared_case_by_case() -> None:
    a, b, c = (
        json.loads(revet("fake", "-j", "1", "--json", *words).stdout)["id"]
        for words in ([], ["--option", "right=6"], ["--limit", "3"])
    )
    result = revet("compare", a, b, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    difference = next(each for each in found["differences"] if each["name"] == "right")
    assert (difference["value"], difference["n"], difference["test"]) == (0.5, 6, "McNemar, exact")
    assert found["unlike"] == [
        "the options differ: right (None and 6)",
    ]
    words = " ".join(revet("compare", a, b).stdout.split())
    assert "right +0.500" in words and "3 gained, 0 lost" in words and "accuracy 0.500" in words
    assert "3 cases are only in the first" in revet("compare", a, c).stdout
    assert revet("compare", a, a).exit_code == 2
    other = json.loads(revet("other", "-j", "1", "--json").stdout)["id"]
    refused = revet("compare", a, other)
    assert refused.exit_code == 2 and "they cannot be compared" in refused.stderr


def test_a_readme_table_is_printed() -> None:
    lines = revet("fake", "other", "-j", "1", "--markdown").stdout.splitlines()
    assert lines[0].startswith("| set | who else") and len(lines) == 4
    assert lines[2].startswith("| fake |  | accuracy 0.500 (") and lines[2].endswith("| 6 | `revet eval fake` |")


def test_the_suites_are_listed(tmp_path: Path) -> None:
    result = revet("list")
    assert "fake" in result.stdout and "accuracy, target 0.5; needs no data" in result.stdout
    assert "needs things" in result.stdout
    assert "needs things, which is not in" in revet("list", "--data", ".").stdout
    (tmp_path / "things").mkdir()
    (tmp_path / "things" / "rows.dev.jsonl").write_text("{}\n")
    assert "has things" in revet("list", "--data", ".").stdout
    lines = [json.loads(line) for line in revet("list", "--json").stdout.splitlines()]
    assert [(line["name"], line["needs_data"]) for line in lines] == [
        ("fake", False),
        ("other", False),
        ("needy", True),
    ]


def test_a_task_file_is_played_with_its_metric(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text('[{"value": {"answer": "it is 4", "thoughts": "x", "steps": []}}]')
    tasks = "defaults: {model: scripted:script.yaml, unproven: commit}\ntasks:\n"
    (tmp_path / "mine.yaml").write_text(tasks + "".join(f"  - {{id: {name}, goal: How many}}\n" for name in "ab"))
    rows = [{"id": "a", "expected": 4}, {"id": "b", "expected": 5}]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = revet("mine.yaml", "--metric", "number", "--expected", "e.jsonl", "--json")
    assert result.exit_code == 0, result.output
    assert figures(result)["accuracy"]["value"] == 0.5
    (tmp_path / "suite.yaml").write_text("suite: {tasks: mine.yaml, metric: number, expected: e.jsonl}\n")
    assert figures(revet("suite.yaml", "--json"))["accuracy"]["value"] == 0.5
    for words, told in (
        (["mine.yaml", "--metric", "number"], "nothing says what is expected"),
        (["mine.yaml", "--metric", "numbers"], "nearest: number"),
        (["mine.yaml", "fake"], "one task file is played at a time"),
        (["mine.yaml", "--markdown"], "--markdown is for the suites"),
    ):
        refused = revet(*words)
        assert refused.exit_code == 2 and told in refused.stderr, refused.output
    (tmp_path / "suite.yaml").write_text("suite: {tasks: mine.yaml, metrics: number}\n")
    assert "suite.metrics: " in revet("suite.yaml").stderr


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_is_stopped_keeps_its_trials(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    program = (
        "from pathlib import Path; from revet.evals import suites; from revet.cli import main;"
        f"suites.FILE = Path({str(tmp_path / 'suites.toml')!r}); main()"
    )
    words = ["eval", "fake", "-j", "2", "--option", "cases=200", "--option", "seconds=0.1", "--option", "log=log"]
    process = subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True)
    while not Path("log").exists() or len(Path("log").read_text().splitlines()) < 5:
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(sent)
    _, said = process.communicate(timeout=30)
    assert process.returncode == code, said
    assert "with --resume goes on" in said
    played = json.loads(revet("show", "--json").stdout)["played"]
    assert 5 <= played <= len(Path("log").read_text().splitlines())


def test_pages_are_written_and_hold_what_a_suite_wrote_as_text(tmp_path: Path) -> None:
    first = json.loads(revet("fake", "-j", "1", "--json", "--html", "a.html").stdout)["id"]
    second = json.loads(revet("fake", "-j", "1", "--json", "--option", "raises=1").stdout)["id"]
    assert revet("show", second, "--html", "b.html").exit_code == 0
    assert revet("compare", first, second, "--html", "c.html").exit_code == 0
    for name, told in (("a.html", first), ("b.html", "ValueError: a fault"), ("c.html", second)):
        assert told in (tmp_path / name).read_text()
    refused = revet("show", first, "--html", "nowhere/x.html")
    assert refused.exit_code == 2 and "there is no folder nowhere" in refused.stderr


def test_a_page_replaces_nothing_but_a_page(tmp_path: Path) -> None:
    (tmp_path / "tasks.yaml").write_text("tasks: []\n")
    refused = revet("fake", "-j", "1", "--html", "tasks.yaml")
    assert refused.exit_code == 2 and "is no page that revet wrote" in refused.stderr and refused.stdout == ""
    assert (tmp_path / "tasks.yaml").read_text() == "tasks: []\n"
    for _ in range(2):
        assert revet("fake", "-j", "1", "--html", "page.html").exit_code == 0
