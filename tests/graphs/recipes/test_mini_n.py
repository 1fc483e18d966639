"""Best of mini-n: batches, the calibrated exit between them, and what is done when nothing is good enough."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, RunOutcome, Task
from revet.tools import Tests
from tests.agents.chat_support import said_critique, said_finding
from tests.graphs.recipes.sampled import Sampler, broken_off, checked, kinds

TASK = Task(goal="How many?")


def agent(model: Any, folder: Path, policy: Policy | None = None, **options: Any) -> Agent:
    how: dict[str, Any] = {"policy": policy, "sandbox": None, "store": folder / "store"}
    return Agent(model, recipe="mini-n", tools=[], options=options, **how)


def scores(folder: Path) -> str:
    """A calibration by which a score above one half is right nine times of ten."""
    rows = [{"score": 0.1, "right": n == 0} for n in range(20)] + [{"score": 0.6, "right": n > 0} for n in range(20)]
    folder.mkdir(exist_ok=True)
    (folder / "scores.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return str(folder / "scores.jsonl")


async def test_three_alike_are_good_enough(tmp_path: Path) -> None:
    sampler = Sampler("12")
    run = await agent(sampler.model, tmp_path).arun(TASK)
    assert run.answer == "12" and sampler.roles == ["proposer"] * 3
    assert "it is right with a probability of 95%" in run.decision.reasons


async def test_batches_go_on_until_the_best_is_good_enough(tmp_path: Path) -> None:
    sampler = Sampler("1", "2", "3", "4", "5", "6", *["7"] * 30)
    run = await agent(sampler.model, tmp_path, samples=60).arun(TASK)
    drawn = len(sampler.requests)
    assert run.answer == "7" and drawn % 3 == 0
    assert (drawn - 6 + 1) / (drawn + 2) >= 0.769 > (drawn - 9 + 1) / (drawn - 1)  # not a batch sooner


async def test_within_a_batch_nobody_stops(tmp_path: Path) -> None:
    sampler = Sampler("12")
    await agent(sampler.model, tmp_path, batch=5).arun(TASK)
    assert len(sampler.requests) == 5


async def test_no_sample_is_shown_another(tmp_path: Path) -> None:
    sampler = Sampler("first", "second", "third", "fourth")
    await agent(sampler.model, tmp_path, samples=6).arun(TASK)
    assert len(sampler.requests) == 6
    assert all(request.messages == sampler.requests[0].messages for request in sampler.requests)


async def test_the_best_where_nothing_is_good_enough(tmp_path: Path) -> None:
    sampler = Sampler("1", "2", "2", "3", "4", "5")
    run = await agent(sampler.model, tmp_path, samples=6).arun(TASK)
    assert run.outcome is RunOutcome.answered and run.answer == "2"
    assert "it is right with a probability of 7%" in run.decision.reasons


async def test_as_a_guardrail_it_abstains(tmp_path: Path) -> None:
    sampler = Sampler("1", "2", "3")
    run = await agent(sampler.model, tmp_path, samples=6, otherwise="abstain").arun(TASK)
    assert run.outcome is RunOutcome.abstained and "nothing is good enough" in run.decision.reasons[0]
    assert len(sampler.requests) == 6


async def test_twelve_samples_at_most_by_default(tmp_path: Path) -> None:
    sampler = Sampler(*map(str, range(50)))
    run = await agent(sampler.model, tmp_path).arun(TASK)
    assert len(sampler.requests) == 12 and kinds(run)[-2:] == ["choose", "answer"]


async def test_the_policy_comes_first(tmp_path: Path) -> None:
    sampler = Sampler(*map(str, range(50)))
    await agent(sampler.model, tmp_path, Policy(rounds=4)).arun(TASK)
    assert len(sampler.requests) <= 6  # a batch is drawn as a whole; five of it are examined


async def test_a_critics_score_is_worth_what_its_calibration_says(tmp_path: Path) -> None:
    low = said_critique("revise", said_finding("no"), score=0.1)
    sampler = Sampler("rotten", "rotting", "good", critic={"rott": low})
    options = {"score": "critic", "calibration": scores(tmp_path), "threshold": 0.85}
    run = await agent(sampler.model, tmp_path, **options).arun(TASK)
    assert run.answer == "good" and sampler.roles == ["proposer"] * 3 + ["critic"] * 3


async def test_a_critique_that_cannot_be_used_is_good_enough_for_nothing(tmp_path: Path) -> None:
    sampler = Sampler("1", critic={"How many?": "no JSON"})
    options = {"score": "critic", "calibration": scores(tmp_path), "samples": 3, "otherwise": "abstain"}
    run = await agent(sampler.model, tmp_path, **options).arun(TASK)
    assert run.outcome is RunOutcome.abstained


def test_a_critics_scores_need_a_calibration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="scores are worth is not known"):
        agent(Sampler("1").model, tmp_path, score="critic")


@pytest.mark.parametrize(("kind", "number"), [("proposed", 2), ("decided", 3), ("decided", 4), ("proposed", 7)])
async def test_a_run_that_was_broken_off_goes_on_with_the_same_samples(kind: str, number: int, tmp_path: Path) -> None:
    said = ["1", "2", "3", "4", *["2"] * 20]
    whole = await agent(Sampler(*said).model, tmp_path / "whole").arun(TASK)
    sampler = Sampler(*said)
    await broken_off(agent(sampler.model, tmp_path), TASK, "r-1", kind, number)
    run = await agent(sampler.model, tmp_path).arun(TASK, run_id="r-1")
    assert [a.draft.answer for a in run.attempts] == [a.draft.answer for a in whole.attempts]
    assert len(sampler.requests) == len(run.attempts) - 1 and run.answer == whole.answer


async def test_a_batch_whose_last_sample_is_refused_can_be_enough(tmp_path: Path) -> None:
    cut = Draft(author="tape", problem="cut off")
    good = Draft(author="tape", answer="8")
    run = await agent(Scripted([good, good, good, cut, good]), tmp_path, batch=4).arun(TASK)
    assert run.answer == "8" and [a.draft.answer for a in run.attempts] == ["8", "8", "8", None, None, "8"]


@pytest.mark.sandbox
async def test_what_fails_the_check_is_never_the_best(tmp_path: Path) -> None:
    task, wrong, right = checked(tmp_path)
    built = Agent(
        Scripted([wrong, wrong, right]),
        recipe="mini-n",
        options={"samples": 3},
        store=tmp_path / "store",
        tools=[Tests()],
    )
    run = await built.arun(task)
    assert run.outcome is RunOutcome.committed and run.best is not None and run.best.draft.id == right.id


@pytest.mark.parametrize("options", [{"batch": 0}, {"threshold": 0}, {"otherwise": "worst"}])
def test_options_out_of_range_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"options of the recipe mini-n: {next(iter(options))}"):
        agent(Sampler("1").model, tmp_path, **options)


def test_less_than_a_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 2 rounds"):
        agent(Sampler("1").model, tmp_path, Policy(rounds=1))
