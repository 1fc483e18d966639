"""How often a method asks models: what each recipe says of itself holds for runs of it, whatever the models answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.graphs import Agent
from revet.graphs.calls import NONE, ONE, Calls, judged
from revet.graphs.recipes import RECIPES
from revet.policy import Policy
from revet.schema import RunOutcome, Task
from tests.graphs.recipes.anyone import Anyone

OPTIONS: dict[str, dict[str, Any]] = {
    "critic": {"tools": False},
    "iad": {"verifier": "critic", "samples": 3},
    "vote": {"samples": 6, "doubts": 1, "critics": "weigh", "critiques": 2, "batch": 2},
    "collective": {"rounds": 2},
    "rethink-mcts": {"rollouts": 3, "rethinks": 1},
    "swe-search": {"nodes": 4, "finished": 2, "agents": 2, "debate": 2},
    "ctrl": {"widths": [2, 1], "critiques": 2},
    "self-contrast": {"perspectives": 3, "turns": 1},
    "cr-planner": {"steps": 2, "width": 2},
    "reseek": {"searches": 2},
    "lyra": {"attempts": 3},
    "mini-n": {"samples": 6},
    "debiased-judge": {"reconsider": 2},
    "recursive": {"depth": 3},
    "critic-tool": {"turns": 3},
    "draft": {"episodes": 2},
}
"""Shorter than published, and with what can be varied."""


def look_up(word: str) -> str:
    """Looks a word up."""
    return f"{word} is a word."


def _texts(folder: Path) -> dict[str, str]:
    place = folder / "texts"
    place.mkdir()
    (place / "park.md").write_text("# Nick Park\n\nNick Park created Wallace and Gromit.\n")
    return {"folder": str(place)}


async def _asked(recipe: str, folder: Path, seed: int, *, kind: bool, **voices: Any) -> tuple[Anyone, Calls, Any]:
    """Who was asked, what the recipe said before, and the run."""
    who = Anyone(seed, kind=kind)
    options = {**OPTIONS.get(recipe, {}), **(_texts(folder) if recipe in ("reseek", "cr-planner") else {})}
    named = dict.fromkeys(voices, who.model)
    rounds = {} if recipe in OPTIONS and recipe not in ("cr-planner", "reseek") else {"rounds": 2}
    agent = Agent(
        who.model,
        recipe=recipe,
        options=options,
        store=folder / "store",
        sandbox=None,
        policy=Policy(**rounds),
        extra_tools=[look_up] if recipe in ("critic-tool", "draft") else [],
        **named,
    )
    said = agent.team.calls
    assert said is not None
    run = await agent.arun(Task(goal="How much is it?", inputs={"tool": "look_up"} if recipe == "draft" else {}))
    assert sum(spent.calls for spent in run.usage.roles.values()) == who.calls + who.again
    return who, said, run


@pytest.mark.parametrize("recipe", RECIPES)
async def test_no_run_asks_more_often_than_its_method_said(recipe: str, tmp_path: Path) -> None:
    for seed in range(3):
        place = tmp_path / str(seed)
        place.mkdir()
        voices = {"critic": True, "judge": True} if seed % 2 else {}
        who, said, _ = await _asked(recipe, place, seed, kind=False, **voices)
        assert who.calls <= said.most, (seed, said)


@pytest.mark.parametrize("recipe", RECIPES)
async def test_a_run_in_which_all_is_well_asks_no_less_often_than_its_method_said(recipe: str, tmp_path: Path) -> None:
    who, said, run = await _asked(recipe, tmp_path, 1, kind=True)
    assert said.least <= who.calls + who.again and who.calls <= said.most, (who.calls, who.again, said, run.outcome)
    assert run.outcome in (RunOutcome.answered, RunOutcome.abstained)


@pytest.mark.parametrize("recipe", [name for name, each in RECIPES.items() if each.without_model])
def test_without_a_language_model_nobody_is_asked(recipe: str, tmp_path: Path) -> None:
    assert Agent(recipe=recipe, store=tmp_path, sandbox=None).team.calls == NONE


def test_who_plays_a_role_themselves_says_nothing_of_it(tmp_path: Path) -> None:
    class Mine:
        name = "mine"

        async def propose(self, view: object) -> Any: ...

        async def revise(self, view: object, critique: object) -> Any: ...

    assert Agent(Mine(), store=tmp_path, sandbox=None).team.calls is None


def test_ranges_add_and_multiply() -> None:
    assert ONE + Calls(1, 3) * 2 == Calls(3, 7)
    assert Calls(1, 2) * Calls(1, 5) == Calls(1, 10)
    assert Calls(2, 4).maybe == Calls(0, 4)
    assert judged(None, 5) == NONE == judged(Anyone(0).model, 1)
    assert judged(Anyone(0).model, 2) == Calls(0, 2)
