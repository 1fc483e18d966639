"""A reviser or a judge that is an object of the user's own is asked, or refused; it is never passed over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.policy import Policy
from revet.schema import Attempt, Critique, Draft, RunOutcome
from revet.tools.base import View
from tests.agents.chat_support import said_critique, said_finding
from tests.graphs.recipes.casting_support import Cast, answer, played

OBJECTS = said_critique("revise", said_finding("no"))
ASKED = ("collective", "ctrl", "iad", "lyra")
"""Those whose strategy lets the team's reviser speak."""


class Own:
    """A reviser and judge of the user's own. What it was asked is counted."""

    name = "own"

    def __init__(self) -> None:
        self.revised = self.judged = 0

    async def revise(self, view: View, critique: Critique) -> Draft:
        self.revised += 1
        return Draft(author=self.name, answer=f"own {self.revised}")

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        self.judged += 1
        return len(attempts) - 1


@pytest.mark.parametrize("recipe", ["core", "ctrl", "iad", "lyra"])
async def test_a_reviser_of_ones_own_makes_the_revisions(recipe: str, tmp_path: Path) -> None:
    critic = "Analysis:\nno\n\nOverall judgment: Incorrect" if recipe == "ctrl" else OBJECTS
    cast, own = Cast(proposer=lambda n, _: answer("first"), critic=lambda n, _: critic), Own()
    options: dict[str, Any] = {"ctrl": {"widths": [1, 1, 1]}, "iad": {"verifier": "critic", "samples": 3}}
    more = {"options": options.get(recipe, {}), "policy": Policy(rounds=2)}
    run = await played(cast, recipe, tmp_path, reviser=own, critic=cast.model, **more)
    assert own.revised == 2 and "reviser" not in {request.role for request in cast.requests}
    assert [a.answer for a in run.attempts[:3]] == ["first", "own 1", "own 2"]


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_is_refused_where_the_strategy_lets_another_revise(recipe: str, tmp_path: Path) -> None:
    model, own = Cast().model, Own()
    as_cast = Agent(model, recipe=recipe, store=tmp_path).team
    if as_cast.strategy is None or getattr(as_cast.strategy, "reviser", None) is as_cast.reviser:
        team = Agent(model, recipe=recipe, reviser=own, store=tmp_path).team
        assert team.reviser is own and (team.strategy is None or getattr(team.strategy, "reviser", None) is own)
    else:
        assert recipe not in ASKED
        with pytest.raises(InputError, match=rf"{recipe} does not ask a reviser of your own"):
            Agent(model, recipe=recipe, reviser=own, store=tmp_path)


@pytest.mark.parametrize("role", ["reviser", "critic", "judge"])
def test_what_is_no_language_model_is_refused_by_its_name(role: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {role: "builtin:repair"}
    with pytest.raises(InputError, match=f"{role}='builtin:repair' is no language model"):
        Agent(Cast().model, store=tmp_path, **given)


async def test_a_judge_of_ones_own_chooses_among_the_votes(tmp_path: Path) -> None:
    cast, own = Cast(proposer=lambda n, _: answer(f"{n % 2}")), Own()
    options = {"samples": 4, "batch": 1, "confidence": None, "select": "knockout"}
    run = await played(cast, "vote", tmp_path, judge=own, options=options)
    assert run.outcome is RunOutcome.answered and own.judged > 0
