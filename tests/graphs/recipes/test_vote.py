"""Self-consistency: who is asked how often, what a sample is shown, when it stops, and who wins."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES, Roles
from revet.models import Finish, Reply, Request
from revet.policy import Policy
from revet.schema import Draft, RunOutcome, Task
from revet.tools import Tests
from tests.agents.chat_support import said_critique, said_draft, said_finding
from tests.graphs.recipes.sampled import Sampler, broken_off, checked, kinds

TASK = Task(goal="How many?")
OBJECTS = said_critique("revise", said_finding("it forgets one"), score=0.2)


def agent(model: Any, folder: Path, policy: Policy | None = None, **options: Any) -> Agent:
    how: dict[str, Any] = {"policy": policy, "sandbox": None, "store": folder / "store"}
    how |= {name: options.pop(name) for name in ("critic", "judge", "library") if name in options}
    return Agent(model, recipe="vote", tools=[], options=options, **how)


async def test_a_unanimous_majority_is_settled_with_four_samples(tmp_path: Path) -> None:
    sampler = Sampler("12")
    run = await agent(sampler.model, tmp_path).arun(TASK)
    assert run.outcome is RunOutcome.answered and run.answer == "12"
    assert sampler.roles == ["proposer"] * 4
    assert kinds(run) == ["revise", "revise", "revise", "choose", "answer"]
    assert run.decision.reasons[0] == "the majority: 4 of 4 votes (100%), 1 answer"
    assert [request.temperature for request in sampler.requests] == [0.7] * 4


async def test_no_sample_is_shown_what_was_tried(tmp_path: Path) -> None:
    sampler = Sampler("alpha", *["beta"] * 8)
    await agent(sampler.model, tmp_path).arun(TASK)
    first, *others = [request.messages for request in sampler.requests]
    assert len(others) == 6 and all(each == first for each in others)


@pytest.mark.parametrize("policy", [None, Policy()])
async def test_it_stops_at_forty_samples_as_published(tmp_path: Path, policy: Policy | None) -> None:
    sampler = Sampler(*(str(n % 2) for n in range(60)))
    run = await agent(sampler.model, tmp_path, policy).arun(TASK)
    assert len(sampler.requests) == 40 and run.usage.rounds == 39
    assert run.answer == "0"  # a tie: who came first


async def test_the_policy_comes_before_the_number_of_samples(tmp_path: Path) -> None:
    sampler = Sampler("1", "2", "2", "1", "2")
    run = await agent(sampler.model, tmp_path, Policy(rounds=2)).arun(TASK)
    assert len(sampler.requests) == 3 and run.answer == "2"


async def test_without_a_confidence_it_is_plain_self_consistency(tmp_path: Path) -> None:
    sampler = Sampler("7")
    run = await agent(sampler.model, tmp_path, samples=9, confidence=None).arun(TASK)
    assert len(sampler.requests) == 9 and run.answer == "7"


async def test_numbers_that_are_written_otherwise_vote_together(tmp_path: Path) -> None:
    sampler = Sampler("8", "1,000", "$1000.0", "8", "1000")
    run = await agent(sampler.model, tmp_path, samples=5, confidence=None).arun(TASK)
    assert run.answer == "1,000" and "3 of 5 votes" in run.decision.reasons[0]


async def test_a_batch_is_asked_for_at_the_same_time(tmp_path: Path) -> None:
    under_way: list[int] = []
    sampler = Sampler("3")
    answer, now = sampler._answer, 0

    async def slowly(request: Request) -> Any:
        nonlocal now
        now += 1
        under_way.append(now)
        await asyncio.sleep(0.01)
        now -= 1
        return answer(request)

    sampler.model.backend._ask = slowly  # type: ignore[attr-defined]
    run = await agent(sampler.model, tmp_path, batch=4).arun(TASK)
    assert max(under_way) == 4 and len(sampler.requests) == 4 and run.answer == "3"


async def test_a_sample_that_cannot_be_used_does_not_vote(tmp_path: Path) -> None:
    cut = Reply(text='{"thoughts": "', finish=Finish.length)
    sampler = Sampler("5", cut, cut, *["5"] * 4)
    run = await agent(sampler.model, tmp_path).arun(TASK)
    problems = [a.draft.problem is not None for a in run.attempts[:-1]]
    assert run.answer == "5" and sum(problems) == 1 and problems.count(False) == 4


async def test_what_the_critic_refuses_does_not_vote(tmp_path: Path) -> None:
    sampler = Sampler("rotten", "rotten", "rotten", "9", "9", "9", "9", critic={"rotten": OBJECTS})
    run = await agent(sampler.model, tmp_path, critics="filter").arun(TASK)
    assert run.answer == "9" and "4 of 4 votes" in run.decision.reasons[0]
    assert sampler.roles == ["proposer", "critic"] * 7  # each was come by in its own way


async def test_critiques_weigh_votes_and_veto_none(tmp_path: Path) -> None:
    sampler = Sampler("rotten", "rotten", "9", critic={"rotten": OBJECTS})
    run = await agent(sampler.model, tmp_path, critics="weigh", critiques=3, samples=3, confidence=None).arun(TASK)
    assert sampler.roles == ["proposer", *["critic"] * 3] * 3
    assert {r.temperature for r in sampler.requests if r.role == "critic"} == {0.7}
    assert run.answer == "9"  # 1.0 against 0.2 + 0.2
    assert run.decision.reasons[:2] == (
        "the majority: 1 of 1.4 votes (71%), 2 different answers",
        "its critiques score 1.00",
    )


async def test_a_winner_whose_critiques_score_low_is_an_abstention(tmp_path: Path) -> None:
    sampler = Sampler("rotten", critic={"rotten": OBJECTS})
    options = {"critics": "weigh", "critiques": 1, "samples": 3, "least_score": 0.5}
    run = await agent(sampler.model, tmp_path, **options).arun(TASK)
    assert run.outcome is RunOutcome.abstained and "score 0.20, below 0.5" in run.decision.reasons[0]


async def test_a_critique_that_cannot_be_used_counts_as_not_known(tmp_path: Path) -> None:
    sampler = Sampler("4", "4", "6", critic={"How many?": "no JSON"})
    run = await agent(sampler.model, tmp_path, critics="weigh", critiques=1, samples=3, confidence=None).arun(TASK)
    assert run.answer == "4" and "1 of 1.5 votes" in run.decision.reasons[0]


async def test_too_small_a_majority_is_an_abstention(tmp_path: Path) -> None:
    run = await agent(Sampler("1", "2", "3").model, tmp_path, samples=3, least=0.5).arun(TASK)
    assert run.outcome is RunOutcome.abstained and "no answer has 50% of the votes" in run.decision.reasons[0]


async def test_a_judge_holds_a_tournament_of_different_answers(tmp_path: Path) -> None:
    judge = Sampler(critic={"": {"first": "", "second": "", "better": "second"}}, name="judge")
    options = {"samples": 4, "confidence": None, "select": "knockout", "judge": judge.model}
    run = await agent(Sampler("1", "2", "2", "1").model, tmp_path, **options).arun(TASK)
    assert judge.roles == ["judge"] * 2  # two answers, one match, in both orders: which do not agree
    assert run.answer == "1" and "won a knockout of 2 different drafts" in run.decision.reasons[0]


def test_a_tournament_needs_a_judge(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="swiss needs a judge"):
        agent(Sampler("1").model, tmp_path, select="swiss")


def with_models(folder: Path, model: Any, others: dict[str, Any], policy: Policy, **options: Any) -> Agent:
    """An agent that finds the `others` by their names."""
    recipe = RECIPES["vote"]
    chosen = recipe.options.model_validate({**options, "models": [*others]})
    built = agent(model, folder)
    built.team = recipe.cast(Roles(model=model, load=others.__getitem__), chosen, policy)
    built.policy, built.tools = built.team.policy, {}
    return built


async def test_several_models_vote_by_how_consistent_they_are(tmp_path: Path) -> None:
    steady, wavering = Sampler("good"), Sampler("a", "bad", "bad", "c", name="wavering")
    others = {"test:wavering": wavering.model}
    built = with_models(tmp_path, steady.model, others, Policy(), samples=8, confidence=None)
    run = await built.arun(TASK)
    assert len(steady.requests) == len(wavering.requests) == 4  # in turn
    assert run.answer == "good"
    assert "4 of 6 votes" in run.decision.reasons[0]  # 4 × 1 and 4 × 2/4


def test_a_budget_of_cost_needs_the_price_of_every_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="what wavering costs is not known"):
        others = {"test:wavering": Sampler("1", name="wavering").model}
        with_models(tmp_path, Sampler("1").model, others, Policy(cost=1.0))


async def test_a_sample_is_made_to_doubt_its_reasoning_at_growing_budgets(tmp_path: Path) -> None:
    thoughts = [Reply(text=each) for each in ("first thought", "second thought", "third thought")]
    sampler = Sampler(*thoughts, said_draft(answer="11"))
    run = await agent(sampler.model, tmp_path, samples=1, doubts=2, budget=100, growth=3.0).arun(TASK)
    assert run.answer == "11"
    assert [request.max_tokens for request in sampler.requests] == [100, 300, 900, None]
    last = [message.text for message in sampler.requests[-1].messages]
    doubts = [n for n, text in enumerate(last) if text.startswith("Wait, maybe I made a mistake")]
    assert len(doubts) == 2 and last[doubts[0] - 1] == "first thought" and last[doubts[1] - 1] == "second thought"
    assert (sampler.requests[0].answer is None and sampler.requests[-1].answer is not None) or last[-1] != last[-2]


@pytest.mark.parametrize(("kind", "number"), [("proposed", 1), ("decided", 2), ("proposed", 4), ("decided", 5)])
async def test_a_run_that_was_broken_off_goes_on_with_the_same_samples(kind: str, number: int, tmp_path: Path) -> None:
    said = ["1", "2", "2", "1", *["2"] * 20]
    whole = await agent(Sampler(*said).model, tmp_path / "whole").arun(TASK)
    sampler = Sampler(*said)
    await broken_off(agent(sampler.model, tmp_path), TASK, "r-1", kind, number)
    run = await agent(sampler.model, tmp_path).arun(TASK, run_id="r-1")
    assert [a.draft.answer for a in run.attempts] == [a.draft.answer for a in whole.attempts]
    assert run.decision.reasons == whole.decision.reasons
    assert len(sampler.requests) == len(run.attempts) - 1  # nobody is asked twice


async def test_recorded_samples_need_no_model(tmp_path: Path) -> None:
    drafts = [Draft(author="tape", answer=each) for each in ("b", "a", "a", "b", "a", "a")]
    run = await agent(Scripted(drafts), tmp_path).arun(TASK)
    assert run.answer == "a" and run.decision.reasons[0].startswith("the majority: 4 of 6 votes")


@pytest.mark.sandbox
async def test_what_fails_the_check_never_wins(tmp_path: Path) -> None:
    task, wrong, right = checked(tmp_path)
    built = Agent(Scripted([wrong, wrong, wrong, right]), recipe="vote", store=tmp_path / "store", tools=[Tests()])
    run = await built.arun(task)
    assert run.outcome is RunOutcome.committed and run.best is not None and run.best.draft.id == right.id
    nothing = Agent(Scripted([wrong, wrong]), recipe="vote", store=tmp_path / "store", tools=[Tests()])
    run.undo()
    assert (await nothing.arun(task)).outcome is RunOutcome.abstained


@pytest.mark.parametrize("options", [{"samples": 0}, {"confidence": 0.5}, {"least": 2}, {"critics": "many"}])
def test_options_out_of_range_are_refused_before_anything_runs(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"options of the recipe vote: {next(iter(options))}"):
        agent(Sampler("1").model, tmp_path, **options)


def test_too_few_rounds_for_a_majority_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 2 rounds"):
        agent(Sampler("1").model, tmp_path, Policy(rounds=1))


def test_doubts_need_a_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are for language models"):
        agent(Scripted([]), tmp_path, doubts=1)
