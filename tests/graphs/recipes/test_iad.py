"""IAD: what the next candidate is told, that the best is kept, when it ends; and its baseline, best of n."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.models import Finish, Reply
from revet.policy import Policy
from revet.schema import RunOutcome, Task
from revet.tools import Tests
from tests.agents.chat_support import inside_fences, said_critique, said_finding
from tests.graphs.recipes.sampled import Sampler, broken_off, checked, kinds

TASK = Task(goal="How many?")
SCORES = {
    "poor": said_critique("revise", said_finding("it counts nothing"), score=0.2),
    "fair": said_critique("accept", said_finding("it is short", severity="minor"), score=0.6),
    "well": said_critique("accept", score=0.9),
}


def agent(model: Any, folder: Path, policy: Policy | None = None, **options: Any) -> Agent:
    how: dict[str, Any] = {"policy": policy, "sandbox": None, "store": folder / "store"}
    return Agent(model, recipe="iad", tools=[], options={"verifier": "critic", **options}, **how)


def prompts(sampler: Sampler, *roles: str) -> list[str]:
    """The user's messages to those who write candidates."""
    asked = [request for request in sampler.requests if request.role in (roles or ("proposer", "reviser"))]
    return [next(m.text for m in request.messages if m.role == "user") for request in asked]


async def test_one_candidate_after_another_and_a_score_for_each(tmp_path: Path) -> None:
    sampler = Sampler("poor", "fair", "fair 2", "well", "fair 3", critic=SCORES)
    run = await agent(sampler.model, tmp_path).arun(TASK)
    assert sampler.roles == ["proposer", "critic", *["reviser", "critic"] * 4]
    assert run.outcome is RunOutcome.answered and run.answer == "well"
    assert "the best of 5 by evidence and score" in run.decision.reasons[0]


async def test_the_next_candidate_is_told_the_signal_of_the_best_and_of_the_last(tmp_path: Path) -> None:
    sampler = Sampler("fair", "poor", "well", critic=SCORES)
    await agent(sampler.model, tmp_path, samples=3).arun(TASK)
    first, second, third = prompts(sampler)
    assert "verifier" not in first
    assert "attempt 0 scores 0.60 and is the best so far" in second and "It is the last one, too." in second
    told = "\n".join(inside_fences(third))
    assert "attempt 0 scores 0.60 and is the best so far" in told
    assert "The last one, attempt 1 scores 0.20." in told
    assert "it counts nothing" in told  # what speaks against the last


async def test_the_best_is_what_is_built_upon(tmp_path: Path) -> None:
    sampler = Sampler("fair", "poor", "poor 2", critic=SCORES)
    run = await agent(sampler.model, tmp_path, samples=3).arun(TASK)
    assert [a.draft.data.get("parent") for a in run.attempts[:3]] == [None, 0, 0]
    last = prompts(sampler)[-1].split("## Your last draft")[1]
    assert "fair" in last.split("##")[0] and "poor" not in last.split("##")[0]
    assert run.answer == "fair"


async def test_full_marks_end_it(tmp_path: Path) -> None:
    sampler = Sampler("poor", "12", "13", critic=SCORES)
    run = await agent(sampler.model, tmp_path).arun(TASK)
    assert run.answer == "12" and sampler.roles == ["proposer", "critic", "reviser", "critic"]


async def test_five_candidates_by_default_and_the_policy_comes_first(tmp_path: Path) -> None:
    for policy, count in ((None, 5), (Policy(rounds=2), 3)):
        sampler = Sampler(*(f"fair {n}" for n in range(9)), critic=SCORES)
        await agent(sampler.model, tmp_path, policy).arun(TASK)
        assert sampler.roles.count("critic") == count


async def test_a_candidate_that_cannot_be_used_is_passed_over(tmp_path: Path) -> None:
    cut = Reply(text="{", finish=Finish.length)
    sampler = Sampler(cut, cut, "fair", "well", critic=SCORES)
    run = await agent(sampler.model, tmp_path, samples=3).arun(TASK)
    assert run.answer == "well" and run.attempts[0].draft.problem is not None
    assert sampler.roles.count("proposer") == 3  # one re-ask, and again from nothing: there is no best yet


async def test_a_verifier_that_cannot_be_understood_scores_nothing(tmp_path: Path) -> None:
    sampler = Sampler("a", "b", critic={"How many?": "no JSON"})
    run = await agent(sampler.model, tmp_path, samples=2).arun(TASK)
    assert run.answer == "a" and "attempt 0 scores 0.00" in prompts(sampler)[1]


async def test_best_of_n_shows_nobody_another(tmp_path: Path) -> None:
    sampler = Sampler("poor", "fair", "well", critic=SCORES)
    run = await agent(sampler.model, tmp_path, samples=3, parallel=True).arun(TASK)
    assert sampler.roles == ["proposer"] * 3 + ["critic"] * 3
    assert len(set(prompts(sampler))) == 1 and run.answer == "well"


@pytest.mark.parametrize(("kind", "number"), [("proposed", 1), ("criticised", 2), ("decided", 3)])
async def test_a_run_that_was_broken_off_goes_on_with_the_same_candidates(
    kind: str, number: int, tmp_path: Path
) -> None:
    said = ["fair", "poor", "well", "fair 2", "poor 2"]
    whole = Sampler(*said, critic=SCORES)
    expected = await agent(whole.model, tmp_path / "whole").arun(TASK)
    sampler = Sampler(*said, critic=SCORES)
    await broken_off(agent(sampler.model, tmp_path), TASK, "r-1", kind, number)
    run = await agent(sampler.model, tmp_path).arun(TASK, run_id="r-1")
    assert [a.draft.answer for a in run.attempts] == [a.draft.answer for a in expected.attempts]
    assert sampler.roles == whole.roles and kinds(run) == kinds(expected)


@pytest.mark.sandbox
async def test_what_fails_the_check_is_never_committed(tmp_path: Path) -> None:
    task, wrong, right = checked(tmp_path)
    how: dict[str, Any] = {"recipe": "iad", "tools": [Tests()], "store": tmp_path / "store"}
    scripted = Scripted([wrong, wrong])
    assert (await Agent(scripted, options={"samples": 2}, **how).arun(task)).outcome is RunOutcome.abstained
    parallel = {"parallel": True, "samples": 2}
    run = await Agent(Scripted([wrong, right]), options=parallel, **how).arun(task)
    assert run.outcome is RunOutcome.committed and run.best is not None and run.best.draft.id == right.id


def test_without_a_verifier_there_is_nothing_to_be_told() -> None:
    recipe = RECIPES["iad"]
    assert recipe.check is not None
    unmet = [*recipe.check(TASK, recipe.options())]
    assert [each.field for each in unmet] == [("checks",)] and "verifier: critic" in unmet[0].hint
    assert not [*recipe.check(Task(goal="?", checks=("true",)), recipe.options())]
    assert not [*recipe.check(TASK, recipe.options.model_validate({"verifier": "critic"}))]


@pytest.mark.parametrize("options", [{"samples": 1}, {"enough": 0}, {"verifier": "nobody"}])
def test_options_out_of_range_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"options of the recipe iad: {next(iter(options))}"):
        agent(Sampler("1").model, tmp_path, **options)


def test_no_revision_is_no_iteration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1 round"):
        agent(Sampler("1").model, tmp_path, Policy(rounds=0))
