"""`revet run` and `revet fix`: exit codes, what is said, JSON, order, resumption."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from revet.errors import InputError, WorkspaceError
from revet.graphs.events import Event
from revet.schema import Run
from revet.store import Store
from tests.cli.fakes import FakeAgent, World, fault, task_file
from tests.report.samples import WHEN

Revet = Callable[..., Result]
KEYS = {"id", "outcome", "answer", "rounds", "checks", "seconds", "tokens", "cost", "run", "receipt"}


# --- exit codes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"a": "commit", "b": "answer"}, 0),
        ({"a": "commit", "b": "abstain"}, 1),
        ({"a": "ask", "b": "commit"}, 1),
        ({"a": "raise", "b": "commit"}, 1),
        ({"a": "raise", "b": "raise"}, 1),
    ],
)
def test_exit_codes(world: World, revet: Revet, tmp_path: Path, script: dict[str, str], code: int) -> None:
    world.script, world.errors = script, {"a": fault(), "b": fault()}
    assert revet("run", task_file(tmp_path, {"id": "a"}, {"id": "b"})).exit_code == code


def test_bad_input_is_2_and_nothing_runs(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "a", "rounds": -1})
    result = revet("run", path)
    assert result.exit_code == 2
    assert f"{path}:2: id: the id 'a' is already used in line 1" in result.stderr
    assert f"{path}:2: rounds: must be 0 or more" in result.stderr
    assert result.stdout == "" and world.log == [] and not (tmp_path / ".revet").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "nope.yaml"], "nope.yaml: the task file does not exist"),
        (["run", "."], "is a folder, not a task file"),
        (["run", "t.jsonl", "--rounds", "-1"], "--rounds: must be 0 or more"),
        (["run", "t.jsonl", "--model", "opnai:gpt-5"], "--model: there is no provider 'opnai'"),
        (["run", "t.jsonl", "--approve", "maybe"], "--approve: must be one of auto, ask or never"),
        (["run", "t.jsonl", "--sandbox", "moon"], "--sandbox"),
        (["run", "t.jsonl", "--recipe", "moon"], "--recipe: there is no recipe 'moon'"),
        (["run", "t.jsonl", "--seconds", "0"], "--seconds: must be more than 0"),
        (["run", "t.jsonl", "--jobs", "0"], "jobs"),
        (["run", "t.jsonl", "--jobs", "x"], "jobs"),
        (["run", "t.jsonl", "--bogus"], "bogus"),
        (["run"], "tasks"),
        (["fix", "nope"], "does not exist"),
        (["fix", "a", "--test", "x 'y"], "cannot be read"),
        (["fix", "a", "--test", "x", "--test", "x"], "--test: 'x' is given twice"),
        (["fix", "a", "--edit", "nope.py"], "--edit: no file of"),
        (["show", "nope"], "there is no run 'nope'"),
        (["undo", "nope"], "there is no run 'nope'"),
        (["bogus"], "bogus"),
        (["run", "t.jsonl", "--out", "t.jsonl"], "the store t.jsonl cannot be used"),
    ],
)
def test_every_bad_input_is_2(world: World, revet: Revet, tmp_path: Path, words: list[str], said: str) -> None:
    task_file(tmp_path, {"id": "a"}).rename(tmp_path / "t.jsonl")
    result = revet(*words)
    assert result.exit_code == 2
    assert said.lower() in result.stderr.lower()
    assert "Traceback" not in result.output and world.log == []


def test_a_workspace_refused_before_anything_ran_is_bad_input(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"a": "raise"}, {"a": WorkspaceError("too large", hint="name a part of it")}
    (tmp_path / "a").mkdir()
    result = revet("fix", "a")
    assert result.exit_code == 2
    assert "too large → name a part of it" in " ".join(result.stdout.split())


def test_a_fault_of_revet_itself_ends_one_task_and_is_told(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"a": "raise"}, {"a": KeyError("oops")}
    result = revet("run", task_file(tmp_path, {"id": "a"}, {"id": "b"}))
    assert result.exit_code == 1
    assert "internal error: KeyError: 'oops'" in result.stdout and "1 committed, 1 failed" in result.stdout
    assert "fault in revet itself" in result.stderr and "Traceback" in result.stderr


def test_a_task_that_broke_off_is_told_with_its_record(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"a": "x-raise"}, {"a": fault("the sandbox went away")}
    path = task_file(tmp_path, {"id": "a"})
    result = revet("run", path, "--json")
    (line,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (line["outcome"], line["run"], line["error"]) == ("failed", "a-run", "the sandbox went away → enable one")
    assert "a broke off. To go on with it where it was: revet " in result.stderr
    assert "What happened, in full: revet show a-run" in result.stderr
    assert "✗ failed" in revet("show", "a-run").stdout
    world.script, world.log = {}, []
    assert revet("run", path, "--resume").exit_code == 0
    assert world.log == ["resume a", "end a"]


def test_debug_lets_the_error_through(world: World, revet: Revet) -> None:
    with pytest.raises(InputError):
        revet("run", "nope.yaml", "--debug")


# --- what is said -------------------------------------------------------------------------------------------


def test_the_story_of_a_batch(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script = {"b": "abstain"}
    result = revet("run", task_file(tmp_path, {"id": "a"}, {"id": "b"}))
    for line in (
        "[a] before: 3 of 9 tests fail: test_a, test_b, test_c",
        "✓ committed  a",
        "– abstained  b",
        "    the best draft leaves 1 of 9 tests failing; 1,204 candidates tried, none passes",
        "To take a commit back:  revet undo a-run",
    ):
        assert line in result.stdout.splitlines()
    assert "2 tasks in " in result.stdout and "1 committed, 1 abstained." in result.stdout
    assert "\x1b" not in result.stdout and result.stderr == ""
    table = result.stdout.partition("  task ")[2]
    assert all(len(line) <= 80 for line in table.splitlines())


def test_options_reach_the_agent(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a", "seed": 7, "rounds": 1}, {"id": "b"})
    revet("run", path, "--rounds", "9", "--seconds", "3.5", "--approve", "never")
    assert [(s.rounds, s.seconds, s.approve, s.seed) for s in world.settings] == [
        (9, 3.5, "never", 7),
        (9, 3.5, "never", 0),
    ]


def test_runs_are_kept_under_out(world: World, revet: Revet, tmp_path: Path) -> None:
    result = revet("run", task_file(tmp_path, {"id": "a"}), "--out", "kept here")
    assert "revet show a-run --out 'kept here'" in result.stdout
    assert Store(tmp_path / "kept here").get("a-run").ok
    assert not (tmp_path / ".revet").exists()
    assert revet("show", "a-run", "--out", "kept here").exit_code == 0


def test_fix_a_folder_and_a_file(world: World, revet: Revet, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("")
    assert revet("fix", "shop", "--test", "make a", "--test", "make b", "--edit", "*.py").exit_code == 0
    assert revet("fix", "shop/cart.py").exit_code == 0
    store = Store(tmp_path / ".revet")
    shop, cart = store.get("shop-run").task, store.get("cart-run").task
    assert ([c.command for c in shop.checks], shop.edit) == (["make a", "make b"], ("*.py",))
    assert ([c.command for c in cart.checks], cart.edit) == (["pytest -q"], ("/cart.py",))
    assert shop.workspace == cart.workspace == str((tmp_path / "shop").resolve())


# --- JSON ---------------------------------------------------------------------------------------------------


def test_json_is_all_that_stdout_holds(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script, world.errors = {"b": "abstain", "c": "raise", "d": "ask"}, {"c": fault()}
    result = revet("run", task_file(tmp_path, *({"id": name} for name in "abcd")), "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["a", "b", "c", "d"]
    assert [line["outcome"] for line in lines] == ["committed", "abstained", "failed", "asked"]
    assert all(set(line) - {"error"} == KEYS for line in lines)
    assert all(("error" in line) is (line["outcome"] == "failed") for line in lines)
    assert lines[0]["receipt"] and lines[0]["run"] == "a-run" and lines[1]["receipt"] is None
    assert "4 tasks in" in result.stderr


def test_json_of_bad_input_is_empty(world: World, revet: Revet) -> None:
    result = revet("run", "nope.yaml", "--json")
    assert (result.exit_code, result.stdout) == (2, "")


# --- several at once ----------------------------------------------------------------------------------------


def test_jobs_run_at_once_but_one_at_a_time_on_one_workspace(world: World, revet: Revet, tmp_path: Path) -> None:
    entries = [
        {"id": "a1", "workspace": "a"},
        {"id": "a2", "workspace": "a/inner"},
        {"id": "b1", "workspace": "b"},
        {"id": "a3", "workspace": "a"},
        {"id": "c1", "workspace": "ab"},
    ]
    world.seconds = 0.3
    revet("run", task_file(tmp_path, *entries), "--jobs", "4")
    order = [entry for entry in world.log if entry[-2] == "a"]
    assert order == ["start a1", "end a1", "start a2", "end a2", "start a3", "end a3"]
    assert sorted(world.log[:3]) == ["start a1", "start b1", "start c1"]
    assert world.most == 3


def test_one_job_keeps_the_files_order(world: World, revet: Revet, tmp_path: Path) -> None:
    entries = [{"id": "a1", "workspace": "a"}, {"id": "a2", "workspace": "a"}, {"id": "b1", "workspace": "b"}]
    revet("run", task_file(tmp_path, *entries))
    assert [entry for entry in world.log if entry.startswith("start")] == ["start a1", "start a2", "start b1"]
    assert world.most == 1


# --- going on -----------------------------------------------------------------------------------------------


def test_resume_repeats_nothing_that_is_done(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "done"}, {"id": "gave-up"}, {"id": "stopped"}, {"id": "new"})
    world.script = {"gave-up": "abstain"}
    revet("run", path)
    store = Store(tmp_path / ".revet")
    store.begin("stopped-again", store.get("stopped-run").task)
    fresh = [row.id for row in store.rows()]
    assert "stopped-again" in fresh
    world.log.clear()
    world.script = {}
    result = revet("run", path, "--resume", "--json")
    assert world.log == ["start gave-up", "end gave-up", "resume stopped", "end stopped"]
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["id"], line["outcome"]) for line in lines] == [
        ("done", "committed"),  # what is done is told as it is read, before what is run
        ("new", "committed"),
        ("gave-up", "committed"),
        ("stopped", "committed"),
    ]
    assert lines[3]["run"] == "stopped-again"
    assert "had ended before" in result.stderr


def test_without_resume_everything_runs_anew(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"})
    revet("run", path)
    revet("run", path)
    assert world.log == ["start a", "end a", "start a", "end a"]


def test_resume_runs_anew_what_was_undone_or_changed(world: World, revet: Revet, tmp_path: Path) -> None:
    path = task_file(tmp_path, {"id": "a"}, {"id": "b"})
    revet("run", path)
    store = Store(tmp_path / ".revet")
    run = store.get("a-run")
    assert run.receipt is not None
    store.save(run.model_copy(update={"receipt": run.receipt.model_copy(update={"undone_at": WHEN})}))
    path.write_text(path.read_text().replace('"id": "b"', '"id": "b", "goal": "Something else."'))
    world.log.clear()
    revet("run", path, "--resume")
    assert world.log == ["start a", "end a", "start b", "end b"]


# --- asking -------------------------------------------------------------------------------------------------


def test_nobody_to_ask_leaves_the_run_waiting(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script = {"a": "ask"}
    path = task_file(tmp_path, {"id": "a"})
    result = revet("run", path, "--approve", "ask")
    assert result.exit_code == 1
    assert "a waits for your answer. In a terminal: " in result.stdout
    assert "--resume" in result.stdout and "--approve auto" in result.stdout
    world.log.clear()
    result = revet("run", path, "--approve", "ask", "--resume")
    assert (result.exit_code, world.log) == (1, []), "it is not run again, and still waits"


def test_a_waiting_run_is_approved_by_resume_with_auto(world: World, revet: Revet, tmp_path: Path) -> None:
    world.script = {"a": "ask"}
    path = task_file(tmp_path, {"id": "a"})
    revet("run", path, "--approve", "ask")
    world.log.clear()
    result = revet("run", path, "--resume", "--approve", "auto")
    assert (result.exit_code, world.log) == (0, ["approve a"])


@pytest.mark.parametrize(("answer", "code", "last"), [(True, 0, "approve a"), (False, 1, "refuse a")])
def test_the_answer_is_carried_out(
    world: World,
    revet: Revet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: bool,
    code: int,
    last: str,
) -> None:
    async def reply(self: Any, run: Run) -> bool:
        return answer

    monkeypatch.setattr("revet.cli.asking.Asking.__call__", reply)
    world.script = {"a": "ask"}
    result = revet("run", task_file(tmp_path, {"id": "a"}), "--approve", "ask")
    assert (result.exit_code, world.log[-1]) == (code, last)
    if not answer:
        assert "not approved; nothing was changed" in result.stdout


def test_a_stream_without_an_end_is_a_failure(
    world: World, revet: Revet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: Any, **__: Any) -> AsyncIterator[Event]:
        events: tuple[Event, ...] = ()
        for event in events:
            yield event

    monkeypatch.setattr(FakeAgent, "astream", silent)
    result = revet("run", task_file(tmp_path, {"id": "a"}))
    assert result.exit_code == 1 and "ended without a result" in result.stdout
