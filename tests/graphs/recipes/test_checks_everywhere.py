"""Whatever the method: the tools that it is cast with run the task's own checks, so that a required check can pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.schema import Outcome, RunOutcome, Task
from tests.graphs.recipes.casting_support import Cast


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_runs_the_checks_of_the_task(recipe: str, tmp_path: Path) -> None:
    assert "tests" in Agent(Cast().model, recipe=recipe, store=tmp_path, sandbox=None).tools


@pytest.mark.sandbox
@pytest.mark.parametrize(("check", "outcome"), [("true", RunOutcome.answered), ("false", RunOutcome.abstained)])
async def test_critic_answers_a_question_whose_check_passes_and_no_other(
    check: str, outcome: RunOutcome, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    cast = Cast(
        proposer=lambda n, _: "So the answer is: 4",
        reviser=lambda n, _: f"So the answer is: {n}",
        critic=lambda n, _: "It is right.\nVerdict: correct",
    )
    agent = Agent(cast.model, recipe="critic", options={"tools": False}, store=tmp_path / "store")
    run = await agent.arun(Task(goal="How much is it?", workspace=str(place), checks=(check,)))
    assert run.outcome is outcome
    assert {e.outcome for e in run.best.evidence if e.check} == {Outcome.passed if check == "true" else Outcome.failed}
