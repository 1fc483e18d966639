"""Strategies: several drafts, held until there are enough, one chosen, and the same gate for what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from revet.agents import Choice, Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.parts.views import as_first, next_round
from revet.policy import Policy
from revet.schema import Attempt, Critique, DecisionKind, Draft, Finding, RunOutcome, Task, Verdict, WriteFile
from revet.tools.base import View


class Sampling:
    """Draws `batch` drafts at a time, wants `enough` that stand, and chooses the one at `wanted`."""

    name, selects = "sampling", True

    def __init__(self, drafts: Sequence[Draft], enough: int, wanted: int | None, batch: int = 1) -> None:
        self.source, self.enough, self.wanted, self.batch = Scripted(drafts), enough, wanted, batch
        self.asked = 0

    async def drafts(self, view: View) -> Sequence[Draft]:
        self.asked += 1
        first = next_round(view)
        return [await self.source.propose(as_first(view, first + n)) for n in range(self.batch)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return f"{len(attempts)} of {self.enough} samples" if len(attempts) < self.enough else None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return Choice(self.wanted, (f"one of {len(candidates)}",))


class Picky:
    """Objects to what answers `wrong`."""

    name = "picky"

    async def criticise(self, view: View) -> Critique:
        assert view.draft is not None
        if view.draft.answer == "wrong":
            return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="it is wrong"),))
        return Critique(critic=self.name, verdict=Verdict.accept, score=1.0)


def answers(*said: str) -> list[Draft]:
    return [Draft(author="sample", answer=each) for each in said]


def agent(strategy: Sampling, folder: Path, rounds: int = 10, **how: object) -> Agent:
    built = Agent(
        Scripted([]), critics=[Picky()], tools=[], sandbox=None, policy=Policy(rounds=rounds), store=folder / "store"
    )
    object.__setattr__(built.team, "strategy", strategy)
    return built


def kinds(attempts: Sequence[Attempt]) -> list[tuple[str, bool]]:
    return [(a.decision.kind.value, a.decision.held) for a in attempts if a.decision]


async def test_drafts_that_stand_are_held_until_there_are_enough_and_one_is_chosen(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "b", "c"), enough=3, wanted=1)
    run = await agent(strategy, tmp_path).arun(Task(goal="?"))
    assert run.outcome is RunOutcome.answered and run.answer == "b"
    assert kinds(run.attempts) == [("revise", True), ("revise", True), ("choose", True), ("answer", False)]
    assert run.decision.reasons[0] == "one of 3" and run.usage.rounds == 2


async def test_drafts_made_together_are_examined_one_after_another(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "b", "c", "d"), enough=4, wanted=3, batch=2)
    run = await agent(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "d" and strategy.asked == 2


async def test_what_a_critic_refused_is_no_candidate(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "wrong", "c"), enough=3, wanted=1)
    run = await agent(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "c" and run.decision.reasons[0] == "one of 2"


async def test_a_spent_budget_leads_to_the_choice_where_something_stands(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "wrong", "wrong", "wrong"), enough=9, wanted=0)
    run = await agent(strategy, tmp_path, rounds=2).arun(Task(goal="?"))
    assert run.outcome is RunOutcome.answered and run.answer == "a"


async def test_a_strategy_that_has_nothing_more_chooses_among_what_stands(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "b"), enough=9, wanted=1)
    run = await agent(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "b"


async def test_nothing_that_stands_is_an_abstention(tmp_path: Path) -> None:
    strategy = Sampling(answers("wrong", "wrong"), enough=2, wanted=0)
    run = await agent(strategy, tmp_path, rounds=1).arun(Task(goal="?"))
    assert run.outcome is RunOutcome.abstained


async def test_a_strategy_may_abstain(tmp_path: Path) -> None:
    run = await agent(Sampling(answers("a", "b"), enough=2, wanted=None), tmp_path).arun(Task(goal="?"))
    assert run.outcome is RunOutcome.abstained and run.decision.kind is DecisionKind.abstain


async def test_a_choice_of_nothing_there_is_a_fault_of_its_author(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="returned Choice"):
        await agent(Sampling(answers("a", "b"), enough=2, wanted=7), tmp_path).arun(Task(goal="?"))


async def test_what_is_chosen_is_committed_as_it_was_examined(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=str(n)),)) for n in range(3)]
    built = agent(Sampling(drafts, enough=3, wanted=1), tmp_path)
    built.policy = Policy(rounds=9, unproven="commit")
    run = await built.arun(Task(goal="?", workspace=str(place)))
    assert run.outcome is RunOutcome.committed
    assert sorted(p.name for p in place.iterdir() if p.suffix) == ["1.txt"]
    assert kinds(run.attempts)[-2:] == [("choose", True), ("commit", False)]


async def test_the_same_answer_sampled_again_counts_again(tmp_path: Path) -> None:
    strategy = Sampling(answers("a", "a", "b"), enough=3, wanted=1)
    run = await agent(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "a" and run.decision.reasons[0] == "one of 3"
