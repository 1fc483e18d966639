"""The public bug sets as workspaces: nothing added to their tests, nothing lost, and a judge that cannot be fooled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from revet.errors import InputError
from revet.evals import Bug, as_pytest, judge, load_bugs, prepare
from revet.sandboxes import get

SCRIPT = """
def check(candidate):
    rows = [1, 2]
    assert candidate(rows) == 3, "sum"
    for row in rows:
        assert candidate([row]) == row
    assert candidate([]) == 0

check(total)
"""
ROW = {
    "task_id": "HumanEvalFix/7",
    "buggy_code": "def total(xs):\n    return sum(xs) + 1",
    "fixed_code": "def total(xs):\n    return sum(xs)",
    "hidden_test": SCRIPT,
    "visible_test": "def check(candidate):\n    assert candidate([1]) == 1\ncheck(total)\n",
}


@pytest.fixture
def bug(tmp_path: Path) -> Bug:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    return load_bugs(path)[0]


def test_every_assertion_becomes_a_test_of_its_own() -> None:
    source = as_pytest(SCRIPT, "module")
    assert source.count("def test_") == 3
    assert source.count("assert ") == 3
    assert "candidate = total" in source
    compile(source, "test", "exec")


def test_named_test_functions_are_left_to_pytest() -> None:
    source = as_pytest("def test1():\n    assert f() == 1\n\ntest1()\n", "module")
    assert source.count("def test") == 1
    assert "\ntest1()" not in source


def test_a_script_that_asserts_nothing_or_does_not_parse_is_refused() -> None:
    with pytest.raises(InputError, match="assert nothing"):
        as_pytest("x = 1\n", "module")
    with pytest.raises(InputError, match="do not parse"):
        as_pytest("def check(:\n", "module")


def test_the_loop_is_shown_the_buggy_code_and_only_the_chosen_tests(bug: Bug, tmp_path: Path) -> None:
    task = prepare(bug, tmp_path / "ws", "visible")
    assert task is not None
    files = {p.name: p.read_text() for p in (tmp_path / "ws").iterdir()}
    assert sorted(files) == ["task_7_impl.py", "test_task_7_impl.py"]
    assert "sum(xs) + 1" in files["task_7_impl.py"]
    assert files["test_task_7_impl.py"].count("assert ") == 1
    assert prepare(bug.model_copy(update={"visible_tests": None}), tmp_path / "none", "visible") is None


def test_a_row_that_is_not_one_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(ROW) + "\n{}\n")
    with pytest.raises(InputError, match=r"set\.jsonl:2"):
        load_bugs(path)
    with pytest.raises(InputError, match="cannot read"):
        load_bugs(tmp_path / "nothing.jsonl")


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "right"),
    [
        (ROW["fixed_code"], True),
        (ROW["buggy_code"], False),
        ("import sys\nsys.exit(0)\n", False),
        ("import os\nos._exit(0)\n", False),
        ("def total(xs):\n    while True: pass\n", False),
        ("def total(xs):\n    print('done'); raise SystemExit(0)\n", False),
    ],
)
async def test_the_judge_runs_the_rows_own_tests_to_their_end(bug: Bug, code: str, right: bool) -> None:
    assert (await judge(code, bug, get("local"), seconds=3)).right is right


@pytest.mark.shared
@pytest.mark.parametrize("name", ["quixbugs_py.dev.jsonl", "humanevalfix_py.dev.jsonl"])
def test_every_row_of_the_public_sets_becomes_a_workspace(name: str, shared: Path, tmp_path: Path) -> None:
    bugs = load_bugs(shared / "bugfix_tasks" / name)
    assert len(bugs) >= 28
    for bug in bugs:
        for shown in ("hidden", "visible"):
            task = prepare(bug, tmp_path / bug.id / shown, shown)
            if task is not None:
                test = next((tmp_path / bug.id / shown).glob("test_*.py")).read_text()
                assert test.count("assert ") >= 1 and "def test" in test
