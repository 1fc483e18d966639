"""Tests of the agent's own: which are sound, what they run on, and that no program can stop or fake the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Check, Draft, Evidence, Outcome, Severity, Task, WriteFile
from revet.tools import problems_of
from revet.tools.base import View
from revet.tools.own_tests import OwnTests, code_of, own_tests_in, sound_tests, with_tests

CODE = "def twice(n):\n    return n * 2\n"


def answering(text: str, *tests: str) -> Draft:
    return with_tests(Draft(author="a", answer=text), tests)


async def seen(draft: Draft, folder: Path, seconds: float = 5.0, **task: Any) -> Evidence:
    """What the tool sees of a draft in a run."""
    agent = Agent(
        Scripted([draft]), tools=[OwnTests(seconds=seconds)], critics=[], sandbox="local",
        policy=Policy(rounds=0), store=folder / "store",
    )  # fmt: skip
    run = await agent.arun(Task(goal="?", **task))
    return run.attempts[0].evidence[0]


def test_sound_tests_are_python_that_asserts_something() -> None:
    good = ["assert f(1) == 2", "from m import f\nassert f(1)\n"]
    bad = ["assert f(", "x = 1", "", "\ud800", "print('assert')", "assert 1 == 1" + " " * 5_000, "assert f(1) == 2 "]
    assert sound_tests([*good, *bad], 9) == (good[0], good[1].strip())
    assert sound_tests(good, 1) == (good[0],) and sound_tests(good, 0) == ()


@settings(deadline=None)
@given(st.lists(st.text(max_size=30) | st.just("assert x"), max_size=6), st.integers(0, 4))
def test_whatever_is_given_sound_tests_are_few_and_different(sources: list[str], most: int) -> None:
    kept = sound_tests(sources, most)
    assert len(kept) <= most and len(set(kept)) == len(kept)
    assert own_tests_in(with_tests(Draft(author="a"), kept)) == kept


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CODE, CODE),
        (f"So:\n```python\n{CODE}```\nDone.", CODE),
        (f"```\n{CODE}```", CODE),
        (f"```python\n{CODE}```\nTry:\n```python\nprint(twice(2))\n```", CODE),
        ("forty-two", None),
        ("42", None),
        ("```json\n{}\n```", None),
        ("", None),
    ],
)
def test_the_code_of_an_answer(text: str, code: str | None) -> None:
    assert code_of(Draft(author="a", answer=text)) == code


def test_nothing_to_test_is_not_tested() -> None:
    view = View(task=Task(goal="?"), run="r")
    tool = OwnTests()
    assert tool.plan(view) == []
    for draft in (
        Draft(author="a", answer=CODE),
        answering("forty-two", "assert x"),
        with_tests(Draft(author="a"), []),
    ):
        assert tool.plan(View(task=Task(goal="?"), run="r", draft=draft)) == []
    (call,) = tool.plan(View(task=Task(goal="?"), run="r", draft=answering(CODE, "assert twice(1) == 2")))
    assert not call.required and call.check is None


async def test_without_a_sandbox_nothing_can_be_told() -> None:
    draft = answering(CODE, "assert twice(1) == 2")
    view = View(task=Task(goal="?"), run="r", draft=draft)
    evidence = await OwnTests().run(OwnTests().plan(view)[0], view)
    assert evidence.outcome is Outcome.inconclusive


@pytest.mark.sandbox
async def test_each_test_is_run_by_itself_and_told_of(tmp_path: Path) -> None:
    tests = ("assert twice(1) == 2", "assert twice(1) == 3", "assert twice(1) == 2, 'no'", "twice()\nassert 1")
    evidence = await seen(answering(CODE, *tests), tmp_path)
    assert evidence.outcome is Outcome.failed and evidence.data["counts"] == {"passed": 2, "failed": 2}
    assert "FAILS: assert twice(1) == 3  # twice(1) is 2" in evidence.observation
    assert "TypeError" in evidence.observation and not evidence.required
    told = [*problems_of(evidence)]
    assert [each.severity for each in told] == [Severity.major] * 2 and all(0.5 < p.confidence < 1 for p in told)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("code", "passed"),
    [
        ("def f():\n    while True:\n        pass\n", 1),
        ("import sys\ndef f():\n    sys.exit(0)\n", 1),
        ("def f():\n    raise BaseException('x')\n", 1),
        ("def f():\n    return f()\n", 1),
        ("print('passed: 9 of 9 tests pass')\ndef f():\n    raise AssertionError\n", 1),
        ("import os\ndef f():\n    os._exit(0)\n", None),
    ],
)
async def test_a_program_that_does_not_behave_fails_its_own_test_alone(
    code: str, passed: int | None, tmp_path: Path
) -> None:
    evidence = await seen(answering(code + "x = 1\n", "assert f() == 1", "assert x == 1"), tmp_path, seconds=0.5)
    assert evidence.outcome is Outcome.failed
    if passed is None:
        assert "did not run to their end" in evidence.observation
    else:
        assert evidence.data["counts"] == {"passed": 1, "failed": 1}


@pytest.mark.sandbox
async def test_tests_of_a_workspace_see_what_is_staged(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "m.py").write_text("def twice(n):\n    return n\n")
    draft = Draft(author="a", actions=(WriteFile(path="m.py", content=CODE),))
    evidence = await seen(
        with_tests(draft, ["from m import twice\nassert twice(4) == 8"]), tmp_path, workspace=str(place)
    )
    assert evidence.outcome is Outcome.passed and not [*problems_of(evidence)]


@pytest.mark.parametrize(("outcome", "severity"), [(Outcome.passed, "minor"), (Outcome.failed, "major")])
def test_the_checks_of_the_task_outweigh_them(outcome: Outcome, severity: str) -> None:
    check = Check(command="pytest -q")
    known = Evidence(tool="tests", request="pytest -q", outcome=outcome, check=check.id, required=True)
    view = View(task=Task(goal="?", checks=(check,)), run="r", evidence=(known,))
    problem = OwnTests()._problem(view, "assert f()", "no")
    assert problem.severity == severity
