"""`revet run --dry-run`: what would be run and what it may cost; and the budget of a batch, kept when it is run."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet.sandboxes.base import Support
from revet.store import Store

Revet = Callable[..., Result]

ANSWERS = """
- role: proposer
  value: {thoughts: "", give_up: null, actions: [], answer: "4", steps: [so it is], read: []}
  tokens: {input: 90, output: 10}
  cost: 0.01
"""

REPAIR = {"id": "r", "model": "builtin:repair", "workspace": "place", "checks": "true"}


@pytest.fixture
def batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a task file of these entries; questions for a scripted model by default."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    (tmp_path / "answers.yaml").write_text(ANSWERS)
    (tmp_path / "place").mkdir()
    _all_sandboxes(monkeypatch, Support(available=True))

    def write(*entries: dict[str, Any], bad: tuple[str, ...] = ()) -> Path:
        given = ({"goal": f"How much is {n}?", "model": "scripted:answers.yaml", **e} for n, e in enumerate(entries))
        path = tmp_path / "tasks.jsonl"
        path.write_text("\n".join([*map(json.dumps, given), *bad]) + "\n")
        return path

    return write


def _all_sandboxes(monkeypatch: pytest.MonkeyPatch, support: Support) -> None:
    async def told(name: str) -> Support:
        return support

    monkeypatch.setattr(importlib.import_module("revet.cli.doctor"), "support_of", told)


def _questions(count: int) -> list[dict[str, Any]]:
    return [{"id": f"t{number}"} for number in range(count)]


def _told(revet: Revet, *words: str | Path) -> dict[str, Any]:
    done = revet("run", *words, "--dry-run", "--json")
    assert done.exit_code in (0, 1, 2), done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_nothing_is_run_and_nothing_is_left_behind(batch: Callable[..., Path], revet: Revet, tmp_path: Path) -> None:
    path = batch(*_questions(3))
    before = sorted(tmp_path.rglob("*"))
    done = revet("run", path, "--dry-run", "--total-tokens", "1000", "--results", "r.jsonl")
    assert done.exit_code == 0, done.output
    assert sorted(tmp_path.rglob("*")) == before


def test_it_says_what_would_be_run_with_whom_and_within_which_budget(batch: Callable[..., Path], revet: Revet) -> None:
    path = batch(*_questions(3), {"id": "v", "recipe": "vote", "tokens": 5000}, REPAIR)
    done = revet("run", path, "--dry-run", "--total-cost", "2", "--critic", "scripted:answers.yaml")
    assert done.exit_code == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for words in (
        "3 tasks: core, sandbox local",
        "critic scripted:answers.yaml",
        "calls 2 to 10 a task, 6 to 30 in all",
        "1 task: vote, sandbox local",
        "calls 8 to 80 a task",
        "budget 5,000 tokens a task; no limit of cost or time",
        "took no estimate: no earlier runs with these models here; a budget bounds it",
        "to run 5 tasks",
        "budget $2.00 for the batch; no limit of tokens or time",
        "may take by the budgets $2.00 at most",
    ):
        assert words in lines, done.stdout


def test_as_json_it_says_the_same(batch: Callable[..., Path], revet: Revet) -> None:
    path = batch(*_questions(2), {"id": "v", "recipe": "vote", "tokens": 5000}, REPAIR)
    told = _told(revet, path, "--total-seconds", "60")
    assert (told["tasks"], told["to_run"], told["bad"], told["done"]) == (4, 4, 0, 0)
    core, vote, repair = told["groups"]
    assert core["tasks"] == 2 and core["calls_per_task"] == {"least": 1, "most": 5}
    assert core["calls"] == {"least": 2, "most": 10} and core["earlier_per_task"] is None
    assert vote["budget_per_task"] == {"tokens": 5000, "cost": None, "seconds": None}
    assert repair["models"] == {"model": "builtin:repair"} and repair["calls"] == {"least": 0, "most": 0}
    assert told["calls"] == {"least": 6, "most": 50}
    assert told["budget"] == {"tokens": None, "cost": None, "seconds": 60.0}
    assert told["most"] == {"tokens": None, "cost": None} and told["in_the_way"] == []


def test_earlier_runs_of_the_same_model_and_method_say_what_it_may_cost(
    batch: Callable[..., Path], revet: Revet
) -> None:
    assert revet("run", batch(*_questions(3))).exit_code == 0
    path = batch(*_questions(10), {"id": "v", "recipe": "vote"})
    told = _told(revet, path)
    assert told["groups"][0]["earlier_per_task"] == {"runs": 3, "tokens": 100.0, "cost": pytest.approx(0.01)}
    assert told["groups"][1]["earlier_per_task"] is None
    assert told["estimate"] == {"tasks": 10, "tokens": 1000.0, "cost": pytest.approx(0.1)}
    shown = " ".join(revet("run", path, "--dry-run").stdout.split())
    assert "took 100 tokens, $0.01 a task on the mean of 3 earlier runs" in shown
    assert "may take about 1,000 tokens and $0.10 for 10 of 11 tasks; no budget bounds it" in shown


def test_what_is_done_already_is_not_counted(batch: Callable[..., Path], revet: Revet) -> None:
    assert revet("run", batch(*_questions(2))).exit_code == 0
    path = batch(*_questions(5))
    assert _told(revet, path)["to_run"] == 5
    told = _told(revet, path, "--resume")
    assert (told["tasks"], told["done"], told["to_run"]) == (5, 2, 3) and told["groups"][0]["tasks"] == 3
    assert "to run     3 tasks of 5; 2 are done already" in revet("run", path, "--dry-run", "--resume").stdout


def test_bad_lines_are_counted_where_they_would_be_skipped(batch: Callable[..., Path], revet: Revet) -> None:
    path = batch(*_questions(2), bad=("{", '{"id": "x", "recipe": "nothing"}'))
    assert revet("run", path, "--dry-run").exit_code == 2
    told = _told(revet, path, "--on-error", "skip")
    assert (told["tasks"], told["bad"], told["to_run"]) == (4, 2, 2)


def test_tasks_that_share_a_workspace_are_told(batch: Callable[..., Path], revet: Revet, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    entries = [{"id": f"t{n}", "workspace": "ab"[n % 2] if n < 5 else None} for n in range(6)]
    path = batch(*entries)
    assert _told(revet, path)["workspaces"] == {"shared": 2, "tasks": 5}
    assert "5 of them share 2 workspaces: in each, one after another" in revet("run", path, "--dry-run").stdout


def test_a_sandbox_that_does_not_work_stands_in_the_way_of_tasks_that_run_code(
    batch: Callable[..., Path], revet: Revet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _all_sandboxes(monkeypatch, Support(available=False, reason="bwrap is not there", hint="install bubblewrap"))
    assert revet("run", batch(*_questions(2)), "--dry-run").exit_code == 0
    path = batch(*_questions(2), {"id": "c", "checks": "true", "workspace": "."})
    done = revet("run", path, "--dry-run")
    assert done.exit_code == 1
    assert "in the way the sandbox local cannot be used here: bwrap is not there (1 task)" in done.stdout
    assert "→ install bubblewrap" in done.stdout
    assert _told(revet, path)["in_the_way"][0]["tasks"] == 1


def test_what_does_not_fit_together_is_bad_input(batch: Callable[..., Path], revet: Revet) -> None:
    path = batch(*_questions(1), {"id": "v", "recipe": "vote", "options": {"select": "knockout"}})
    done = revet("run", path, "--dry-run")
    assert done.exit_code == 2 and "needs a judge (1 task)" in done.stdout
    assert "calls      1 to 5" in done.stdout.splitlines(), "of the task that can be run"


def test_models_without_a_price_are_refused_where_the_cost_is_limited(
    batch: Callable[..., Path], revet: Revet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    path = batch(*_questions(1), {"id": "u", "model": "openai:unheard-of"})
    for words in (("--dry-run",), ()):
        done = revet("run", path, "--total-cost", "1", *words)
        assert done.exit_code == 2 and "what openai:unheard-of costs is not known" in done.stderr, done.output
    assert not (tmp_path / ".revet").exists()
    shown = revet("run", path, "--dry-run").stdout
    assert "what openai:unheard-of costs is not known" in shown


@pytest.mark.parametrize("option", [("--model-rate", "0"), ("--total-cost", "-1"), ("--model-jobs", "0")])
def test_options_that_allow_nothing_are_refused(
    option: tuple[str, str], batch: Callable[..., Path], revet: Revet
) -> None:
    assert revet("run", batch(*_questions(1)), "--dry-run", *option).exit_code == 2


# --- when it is run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "limit"), [("--total-tokens", "500"), ("--total-cost", "0.05")])
def test_a_batch_stops_when_its_budget_is_spent(
    option: str, limit: str, batch: Callable[..., Path], revet: Revet, tmp_path: Path
) -> None:
    """Five calls are paid for; three at once can go beyond by two at most. What is done stays, the rest is not run."""
    path = batch(*_questions(30))
    done = revet("run", path, option, limit, "--jobs", "3", "--json")
    assert done.exit_code == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(f"t{n}" for n in range(30))
    answered = [line for line in lines if line["outcome"] == "answered"]
    assert 5 <= len(answered) <= 7 and sum(line["tokens"] for line in lines) == 100 * len(answered)
    others = [line for line in lines if line["outcome"] != "answered"]
    assert {line["outcome"] for line in others} <= {"abstained", "not_run"}
    unrun = [line for line in others if line["outcome"] == "not_run"]
    assert len(unrun) >= 20 and all("budget" in line["error"] and option in line["error"] for line in unrun)
    for row in Store(tmp_path / ".revet").rows(-1):
        run = Store(tmp_path / ".revet").get(row.id)
        assert run.ok or any(option in reason for reason in run.decision.reasons)
    again = revet("run", path, "--resume", "--json")
    assert again.exit_code == 0, "a resumed batch has a budget of its own, here none"


@pytest.mark.sandbox
def test_a_budget_of_cost_is_no_matter_for_who_costs_nothing(batch: Callable[..., Path], revet: Revet) -> None:
    done = revet("run", batch(REPAIR), "--total-cost", "0.01", "--json")
    assert "--total-cost" not in done.output and json.loads(done.stdout)["outcome"] == "answered", done.output
