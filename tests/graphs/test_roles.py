"""Roles that people write: what they give wrongly is told, and never passes for approval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.schema import Critique, Draft, Task, Verdict
from revet.store import Store

QUESTION = Task(id="question", goal="How many?")
ACCEPT = Critique(critic="mine", verdict=Verdict.accept)


class Mine:
    name = "mine"

    def __init__(self, said: Any) -> None:
        self.said = said

    async def criticise(self, view: Any) -> Any:
        return self.said

    async def propose(self, view: Any) -> Any:
        return self.said

    revise = propose


class AtOnce(Mine):
    def criticise(self, view: Any) -> Any:
        return self.said


class Nameless:
    async def criticise(self, view: Any) -> Critique:
        return ACCEPT


def agent(store: Path, proposer: Any = None, critics: Any = ()) -> Agent:
    given = proposer or Scripted([Draft(author="a", answer="7")])
    return Agent(given, sandbox=None, tools=[], critics=critics, store=store)


@pytest.mark.parametrize("said", [None, "hello", Verdict.reject, {"critic": "mine", "verdict": "reject"}], ids=repr)
@pytest.mark.parametrize("beside", [(), (EvidenceCritic(),)], ids=["alone", "beside another"])
async def test_a_critic_that_returns_no_critique_decides_nothing(tmp_path: Path, said: Any, beside: Any) -> None:
    store = Store(tmp_path)
    with pytest.raises(InputError, match=r"criticise of the critic mine returned .* which is no Critique"):
        await agent(tmp_path, critics=[*beside, Mine(said)]).arun(QUESTION, run_id="r")
    assert store.get("r").outcome == "failed"


async def test_a_proposer_that_returns_no_draft_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="propose or revise of mine returned 'seven', which is no Draft"):
        await agent(tmp_path, Mine("seven")).arun(QUESTION)


async def test_a_role_that_is_not_asynchronous_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="async def"):
        await agent(tmp_path, critics=[AtOnce(ACCEPT)]).arun(QUESTION)


def test_a_role_without_a_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no `name`"):
        agent(tmp_path, critics=[Nameless()])
