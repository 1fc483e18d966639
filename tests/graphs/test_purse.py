"""Runs that spend from one purse: once it is spent, each ends as at a budget of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.models import LanguageModel, Reply, Request, Tokens
from revet.models.prices import FREE
from revet.models.purse import Purse
from revet.models.scripted import ScriptedModel
from revet.policy import Policy
from revet.schema import RunOutcome, Task
from tests.agents.chat_support import said_critique, said_draft

COSTS = 10


def _model(asked: list[str], *, priced: bool = True) -> LanguageModel:
    """Drafts, and refuses every draft; each call takes `COSTS` tokens."""

    def answer(request: Request) -> Reply:
        asked.append(request.role)
        said: Any = said_critique(verdict="revise") if request.role == "critic" else said_draft(answer=str(len(asked)))
        return Reply(text=json.dumps(said), tokens=Tokens(input=COSTS - 1, output=1), cost=0.25)

    return LanguageModel(ScriptedModel(answer), prices=FREE if priced else None)


@pytest.mark.parametrize(("purse", "calls"), [(Purse(tokens=COSTS * 2), 2), (Purse(cost=0.7), 3)])
async def test_a_run_ends_with_its_best_draft_and_the_reason(purse: Purse, calls: int, tmp_path: Path) -> None:
    asked: list[str] = []
    model = _model(asked)
    agent = Agent(model, critic=model, store=tmp_path, sandbox=None, purse=purse)
    run = await agent.arun(Task(goal="How much is it?"))
    assert asked == ["proposer", "critic", "reviser"][:calls]
    assert run.outcome is RunOutcome.abstained and run.best is not None and run.best.draft.answer == "1"
    assert any("the batch's budget of" in reason for reason in run.decision.reasons), run.decision.reasons
    assert run.usage.tokens == purse.taken[0] == COSTS * calls
    another = Agent(model, store=tmp_path, sandbox=None, purse=purse)
    run = await another.arun(Task(goal="How much is that?"))
    assert run.outcome is RunOutcome.abstained and len(asked) == calls and not run.usage.tokens


async def test_the_narrower_of_both_budgets_holds(tmp_path: Path) -> None:
    asked: list[str] = []
    model = _model(asked)
    purse = Purse(tokens=1_000)
    agent = Agent(model, store=tmp_path, critic=model, sandbox=None, policy=Policy(tokens=COSTS), purse=purse)
    run = await agent.arun(Task(goal="How much is it?"))
    assert len(asked) == 1 and purse.spent is None
    assert not any("batch" in reason for reason in run.decision.reasons)


@pytest.mark.parametrize("recipe", ["vote", "self-refine"])
async def test_a_method_that_holds_drafts_chooses_among_those_it_has(recipe: str, tmp_path: Path) -> None:
    asked: list[str] = []
    agent = Agent(_model(asked), recipe=recipe, store=tmp_path, sandbox=None, purse=Purse(tokens=COSTS))
    run = await agent.arun(Task(goal="How much is it?"))
    assert len(asked) == 1 and run.ok and run.answer == "1"


def test_a_model_whose_cost_is_not_known_is_refused_where_the_cost_is_limited(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--total-cost"):
        Agent(_model([], priced=False), store=tmp_path, sandbox=None, purse=Purse(cost=1.0))
    Agent(_model([], priced=False), store=tmp_path, sandbox=None, purse=Purse(tokens=1))
    Agent(store=tmp_path, sandbox=None, purse=Purse(cost=1.0))
