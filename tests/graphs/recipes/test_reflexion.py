"""Reflexion: own tests → run → reflect → retry; what each role sees; five trials; the task's checks rule; memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Outcome, RunOutcome, Task
from revet.store.corrections import Corrections
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, drafted, interrupted, played, resumed, workspace_task

RECIPE = "reflexion"
GOAL = "Write a Python function twice(n) that gives the double of n."
WRONG, RIGHT = "def twice(n):\n    return n + 1\n", "def twice(n):\n    return n * 2\n"
TESTS = {"tests": ["assert twice(4) == 8", "assert twice(0) == 0"]}

pytestmark = pytest.mark.sandbox


def answer(code: str) -> dict[str, Any]:
    return drafted(f"```python\n{code}```")


def written(code: str) -> dict[str, Any]:
    return drafted(actions=[said_action("write_file", path="twice.py", content=code)])


def cast(*codes: str, tests: Any = TESTS, of: Any = answer) -> Cast:
    """The first of `codes`, then one after another, the last again and again."""
    return Cast(
        tester=lambda n: tests,
        proposer=lambda n: of(codes[0]),
        reflector=lambda n: f"I forgot something ({n}).",
        reviser=lambda n: of(codes[min(n + 1, len(codes) - 1)]),
    )


async def test_it_tests_reflects_and_tries_again_until_its_own_tests_pass(tmp_path: Path) -> None:
    who = cast(WRONG, "def twice(n):\n    return 8\n", RIGHT)
    run = await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert who.order == ["tester", "proposer", "reflector", "reviser", "reflector", "reviser"]
    assert run.outcome is RunOutcome.answered and RIGHT in str(run.answer)
    outcomes = [e.outcome for a in run.attempts for e in a.evidence if e.tool == "own-tests"]
    assert outcomes == [Outcome.failed, Outcome.failed, Outcome.passed]
    assert not any(e.required for a in run.attempts for e in a.evidence)
    assert {r.temperature for r in who.of("tester") + who.of("reflector")} == {0.2}
    assert {r.temperature for r in who.of("proposer") + who.of("reviser")} == {0.0}


async def test_what_each_role_sees(tmp_path: Path) -> None:
    who = cast(WRONG, "def twice(n):\n    return 8\n", RIGHT)
    await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert GOAL in who.prompt("tester") and "return" not in who.prompt("tester")
    assert "assert twice" not in who.prompt("proposer")
    first = who.prompt("reflector", 0)
    assert "n + 1" in first and "FAILS: assert twice(4) == 8" in first and "twice(4) is 5" in first
    second = who.prompt("reviser", 1)
    assert "return 8" in second and "n + 1" not in second  # the draft before it, and no other
    assert "forgot something (0)" in second and "forgot something (1)" in second
    assert "twice(0) is 8" in second and "passes: assert twice(4) == 8" in second


async def test_five_trials_and_the_last_three_reflections(tmp_path: Path) -> None:
    who = cast(WRONG, *(f"def twice(n):\n    return {n}\n" for n in range(1, 9)))
    run = await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert run.outcome is RunOutcome.abstained and len(run.attempts) == 5 and len(who.of("reflector")) == 4
    last = who.prompt("reviser", 3)
    assert [f"something ({n})" in last for n in range(4)] == [False, True, True, True]


async def test_the_checks_of_the_task_rule_over_its_own_tests(tmp_path: Path) -> None:
    wrong_test = {"tests": ["from twice import twice\nassert twice(4) == 9"]}
    who = cast(RIGHT, tests=wrong_test, of=written)
    run = await played(who, tmp_path, RECIPE, workspace_task(tmp_path))
    assert run.outcome is RunOutcome.committed and who.order == ["tester", "proposer"]
    own = [e for e in run.evidence if e.tool == "own-tests"]
    assert [e.outcome for e in own] == [Outcome.failed]


async def test_its_own_tests_commit_nothing_that_fails_a_check(tmp_path: Path) -> None:
    who = cast(WRONG, tests={"tests": ["from twice import twice\nassert twice(1) == 2"]}, of=written)
    run = await played(who, tmp_path, RECIPE, workspace_task(tmp_path), options={"trials": 2})
    assert run.outcome is RunOutcome.abstained
    assert (tmp_path / "work" / "twice.py").read_text() == "def twice(n):\n    return n\n"
    assert [e.outcome for e in run.attempts[0].evidence if e.tool == "own-tests"] == [Outcome.passed]


@pytest.mark.parametrize(
    "tests", ["no tests, sorry", {"tests": []}, {"tests": ["assert twice(", "print(1)", "x = 2"]}, {"test": 1}]
)
async def test_without_sound_tests_of_its_own_the_first_answer_stands(tests: Any, tmp_path: Path) -> None:
    who = cast(WRONG, tests=tests)
    run = await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert run.outcome is RunOutcome.answered and who.order[-1] == "proposer" and not run.evidence


async def test_a_draft_that_cannot_be_used_is_a_trial_and_the_one_before_it_is_reflected_on(tmp_path: Path) -> None:
    who = cast(WRONG, RIGHT)
    revise = who.says["reviser"]
    who.says["reviser"] = lambda n: "no JSON" if n < 2 else revise(n)  # it is asked twice
    run = await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert [a.draft.problem is None for a in run.attempts] == [True, False, True]
    assert run.outcome is RunOutcome.answered and "n + 1" in who.prompt("reflector", 1)


async def test_a_reflector_who_says_nothing_holds_nothing_up(tmp_path: Path) -> None:
    who = cast(WRONG, RIGHT)
    who.says["reflector"] = lambda n: ""
    run = await played(who, tmp_path, RECIPE, GOAL, sandbox="local")
    assert run.outcome is RunOutcome.answered and RIGHT in str(run.answer)


async def test_what_it_told_itself_is_shown_to_a_later_run(tmp_path: Path) -> None:
    await played(cast(WRONG, RIGHT), tmp_path, RECIPE, GOAL, sandbox="local")
    notes = Corrections(tmp_path / "store").all(("reflection",))
    assert [note.text for note in notes] == ["I forgot something (0)."] and notes[0].goal == GOAL
    later = cast(RIGHT)
    await played(later, tmp_path, RECIPE, GOAL.replace("double", "twofold"), sandbox="local")
    assert "I forgot something (0)." in later.prompt("proposer")
    unasked = cast(WRONG, RIGHT)
    unasked.says["reflector"] = lambda n: "Mind the sign."
    await played(unasked, tmp_path, RECIPE, GOAL, sandbox="local", options={"recalled": 0})
    assert "I forgot something" not in unasked.prompt("proposer")
    assert "Mind the sign." in [note.text for note in Corrections(tmp_path / "store").all(("reflection",))]


@pytest.mark.parametrize("decided", [1, 2])
async def test_a_run_that_was_broken_off_makes_the_same_drafts(decided: int, tmp_path: Path) -> None:
    codes = (WRONG, "def twice(n):\n    return 8\n", RIGHT)
    whole = await played(cast(*codes), tmp_path / "whole", RECIPE, GOAL, sandbox="local")
    who = cast(*codes)
    again = await resumed(who, tmp_path, RECIPE, Task(goal=GOAL), decided, sandbox="local")
    assert [a.draft for a in again.attempts] == [a.draft for a in whole.attempts]
    assert who.order == ["tester", "proposer", "reflector", "reviser", "reflector", "reviser"]


@pytest.mark.parametrize("at", range(1, 6))
async def test_an_interrupted_run_asks_nobody_twice(at: int, tmp_path: Path) -> None:
    who = cast(WRONG, "def twice(n):\n    return 8\n", RIGHT)
    run = await interrupted(who, tmp_path, RECIPE, Task(goal=GOAL), at, sandbox="local")
    assert run.outcome is RunOutcome.answered and RIGHT in str(run.answer)
    assert who.order == ["tester", "proposer", "reflector", "reviser", "reflector", "reviser"]


def test_five_trials_by_default_and_bad_options_are_named() -> None:
    assert Agent(Cast().model, recipe=RECIPE, store="never-made").policy.rounds == 4
    assert Agent(Cast().model, recipe=RECIPE, policy=Policy(rounds=9), store="never-made").policy.rounds == 9
    for options in ({"trials": 0}, {"tests": 21}, {"shown": 0}, {"recalled": -1}, {"hidden": 1}):
        with pytest.raises(InputError, match=next(iter(options))):
            Agent(Cast().model, recipe=RECIPE, options=options, store="never-made")
