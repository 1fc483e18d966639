"""A task that lacks what a recipe needs is refused by `Agent`, too, before anything is run or kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.schema import RunOutcome, Task
from tests.graphs.recipes.casting_support import Cast, answer, played

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("critic", {}, {}, "workspace: is missing"),
    ("checklist", {}, {"checklist": "not a list"}, "inputs.checklist: is no list"),
    ("draft", {}, {}, "inputs.tool: the input `tool` is missing"),
    ("iad", {}, {}, "checks: are missing"),
    ("reseek", {}, {}, "workspace: is missing"),
    ("cr-planner", {}, {}, "workspace: is missing"),
]


@pytest.mark.parametrize(("recipe", "options", "inputs", "said"), CASES)
async def test_it_says_what_is_missing_and_asks_nobody(
    recipe: str, options: dict[str, Any], inputs: dict[str, Any], said: str, tmp_path: Path
) -> None:
    cast, task = Cast(), Task(goal="What is asked?", inputs=inputs)
    agent = Agent(cast.model, recipe=recipe, options=options, store=tmp_path / "store", sandbox=None)
    for run_id in (None, "r-1"):
        with pytest.raises(InputError, match=said) as refused:
            await agent.arun(task, run_id=run_id)
        assert refused.value.hint and not cast.requests
    assert not agent.store.begun("r-1") and not agent.store.rows()


async def test_who_brings_tools_of_their_own_knows_what_they_need(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: answer("4"), reviser=lambda n, _: answer("5"))
    run = await played(cast, "iad", tmp_path, tools=[], options={"samples": 2, "verifier": "evidence"})
    assert run.outcome is RunOutcome.answered


async def test_a_run_that_has_ended_is_told_again_whatever_is_missing_now(tmp_path: Path) -> None:
    place = tmp_path / "texts"
    place.mkdir()
    cast = Cast(proposer=lambda n, _: "So the answer is: 4", critic=lambda n, _: "It is right.\nVerdict: correct")
    task, options = Task(goal="What is asked?"), {"folder": str(place)}
    agent = Agent(cast.model, recipe="critic", options=options, store=tmp_path / "store", sandbox=None)
    run = await agent.arun(task, run_id="r-1")
    place.rmdir()
    assert (await agent.arun(task, run_id="r-1")).decision == run.decision
    with pytest.raises(InputError, match="there is no folder"):
        await agent.arun(task)
