"""Self-Refine: one call says what is wrong and rewrites; "it is correct" stops it, and proves nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from revet.cli import app
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import RunOutcome, Task
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, drafted, interrupted, played, resumed, workspace_task

RECIPE = "self-refine"


def correct(feedback: str = "every part holds") -> dict[str, Any]:
    return {"feedback": feedback, "correct": True, "rewritten": None}


def rewritten(answer: str, feedback: str) -> dict[str, Any]:
    return {"feedback": feedback, "correct": False, "rewritten": drafted(answer)}


def written(code: str) -> dict[str, Any]:
    return drafted(actions=[said_action("write_file", path="twice.py", content=code)])


async def test_it_refines_until_it_calls_the_draft_correct(tmp_path: Path) -> None:
    turns = [rewritten("five", "flaw one"), rewritten("six", "flaw two"), correct()]
    cast = Cast(proposer=lambda n: drafted("four"), reviser=lambda n: turns[n])
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.decision.kind.value == "answer"
    assert cast.order == ["proposer", "reviser", "reviser", "reviser"]
    assert [a.answer for a in run.attempts] == ["four", "five", "six", "six", "six"]
    assert run.attempts[-1].answer == "six" and "called it correct" in run.decision.reasons[0]
    assert {r.temperature for r in cast.of("proposer")} == {0.0} and {r.temperature for r in cast.of("reviser")} == {
        0.7
    }


async def test_a_turn_sees_the_newest_draft_and_all_feedback_so_far(tmp_path: Path) -> None:
    turns = [rewritten("five", "flaw one"), rewritten("six", "flaw two"), correct()]
    cast = Cast(proposer=lambda n: drafted("four"), reviser=lambda n: turns[n])
    await played(cast, tmp_path, RECIPE)
    first, second, third = (cast.prompt("reviser", n) for n in range(3))
    assert "four" in first and "flaw" not in first
    assert "five" in second and "four" not in second and "flaw one" in second
    assert "six" in third and "five" not in third and "flaw one" in third and "flaw two" in third


async def test_the_first_draft_may_be_called_correct_at_once(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: drafted("four"), reviser=lambda n: correct())
    run = await played(cast, tmp_path, RECIPE)
    assert run.attempts[-1].answer == "four" and cast.order == ["proposer", "reviser"] and run.usage.rounds == 1


async def test_after_four_attempts_the_last_refinement_stands(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: drafted("0"), reviser=lambda n: rewritten(str(n + 1), f"flaw {n}"))
    run = await played(cast, tmp_path, RECIPE)
    assert len(cast.of("reviser")) == 4 and run.attempts[-1].answer == "4"
    assert run.outcome is RunOutcome.answered and "the last refinement" in run.decision.reasons[0]


async def test_correct_counts_and_not_the_words(tmp_path: Path) -> None:
    turns = [rewritten("5", "it is correct that x is 2, and yet"), correct()]
    cast = Cast(proposer=lambda n: drafted("4"), reviser=lambda n: turns[n])
    assert (await played(cast, tmp_path, RECIPE)).attempts[-1].answer == "5"


@pytest.mark.parametrize("said", ["nothing that fits", {"feedback": "bad", "correct": False, "rewritten": None}])
async def test_an_answer_that_cannot_be_used_counts_and_the_draft_before_it_is_refined(
    said: Any, tmp_path: Path
) -> None:
    turns = [said, said, rewritten("5", "flaw"), correct()]  # asked twice
    cast = Cast(proposer=lambda n: drafted("4"), reviser=lambda n: turns[n])
    run = await played(cast, tmp_path, RECIPE)
    assert run.attempts[1].draft.problem is not None and run.attempts[-1].answer == "5"
    assert '"4"' in cast.prompt("reviser", 2) or "\n4\n" in cast.prompt("reviser", 2)


@pytest.mark.sandbox
async def test_what_it_calls_correct_is_refined_further_while_a_check_fails(tmp_path: Path) -> None:
    good = {"feedback": "add", "correct": False, "rewritten": written("def twice(n):\n    return n + n\n")}
    turns = [correct("it is correct"), good, correct()]
    cast = Cast(proposer=lambda n: written("def twice(n):\n    return n * n\n"), reviser=lambda n: turns[n])
    task = workspace_task(tmp_path)
    run = await played(cast, tmp_path, RECIPE, task)
    assert run.outcome is RunOutcome.committed
    assert (tmp_path / "work" / "twice.py").read_text() == "def twice(n):\n    return n + n\n"
    assert "check_twice" in cast.prompt("reviser", 0)
    decided = [a.decision.kind.value for a in run.attempts if a.decision]
    assert decided == ["revise", "revise", "revise", "choose", "commit"]


@pytest.mark.sandbox
async def test_a_draft_that_fails_a_check_is_never_committed_whatever_it_is_called(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: written("def twice(n):\n    return 7\n"), reviser=lambda n: correct("it is correct"))
    task = workspace_task(tmp_path)
    run = await played(cast, tmp_path, RECIPE, task)
    assert run.outcome is RunOutcome.abstained and len(cast.of("reviser")) == 4
    assert (tmp_path / "work" / "twice.py").read_text() == "def twice(n):\n    return n\n"


@pytest.mark.sandbox
async def test_it_may_ask_to_read_a_file_before_it_rewrites(tmp_path: Path) -> None:
    wants = {"feedback": "?", "correct": False, "rewritten": drafted(read=["check_twice.py"])}
    good = {"feedback": "add", "correct": False, "rewritten": written("def twice(n):\n    return n + n\n")}
    turns = [wants, good, correct()]
    cast = Cast(proposer=lambda n: written("def twice(n):\n    return 7\n"), reviser=lambda n: turns[n])
    run = await played(cast, tmp_path, RECIPE, workspace_task(tmp_path))
    assert run.outcome is RunOutcome.committed and run.usage.rounds == 2


async def test_a_run_that_was_broken_off_goes_on_with_the_same_drafts(tmp_path: Path) -> None:
    def turn(n: int) -> Any:
        return [rewritten("five", "flaw one"), rewritten("six", "flaw two"), correct()][n]

    whole = await played(Cast(proposer=lambda n: drafted("four"), reviser=turn), tmp_path / "whole", RECIPE)
    broken = Cast(proposer=lambda n: drafted("four"), reviser=turn)
    again = await resumed(broken, tmp_path, RECIPE, Task(goal="How much is it?"), 2)
    assert [a.draft for a in again.attempts] == [a.draft for a in whole.attempts]
    assert broken.order == ["proposer", "reviser", "reviser", "reviser"]


@pytest.mark.parametrize("at", range(1, 4))
async def test_an_interrupted_run_asks_nobody_twice(at: int, tmp_path: Path) -> None:
    turns = [rewritten("five", "flaw one"), rewritten("six", "flaw two"), correct()]
    cast = Cast(proposer=lambda n: drafted("four"), reviser=lambda n: turns[n])
    run = await interrupted(cast, tmp_path, RECIPE, Task(goal="How much is it?"), at)
    assert [a.answer for a in run.attempts][-1] == "six" and cast.order == ["proposer", *["reviser"] * 3]


def test_it_is_watched_to_its_end_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        {"role": "proposer", "value": drafted("six")},
        {"role": "reviser", "lacks": "\nfive\n", "value": rewritten("five", "two and three are five")},
        {"role": "reviser", "value": correct()},
    ]
    task = {"id": "sum", "goal": "Two and three?", "recipe": RECIPE, "model": "scripted:script.json"}
    (tmp_path / "script.json").write_text(json.dumps(rules))
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": [task]}))
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["run", "tasks.json", "--out", "out"], catch_exceptions=False)
    assert ended.exit_code == 0 and "draft 3 stands" in ended.output and "five" in ended.output


@pytest.mark.parametrize("options", [{"attempts": 0}, {"temperature": 3}, {"first": -1}, {"tries": 2}])
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Agent(Cast().model, recipe=RECIPE, options=options, store="never-made")


def test_it_needs_a_model_and_a_round() -> None:
    with pytest.raises(InputError, match="language model"):
        Agent("builtin:repair", recipe=RECIPE, store="never-made")
    with pytest.raises(InputError, match="1 round"):
        Agent(Cast().model, recipe=RECIPE, policy=Policy(rounds=0), store="never-made")
