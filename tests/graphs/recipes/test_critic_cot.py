"""Critic-CoT: every step is judged, and redone from the first wrong one; depth, restarts, filter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import RunOutcome, Task
from tests.agents.chat_support import said_action
from tests.graphs.recipes.loop_support import Cast, drafted, interrupted, judged, played, resumed, workspace_task

RECIPE = "critic-cot"
STEPS = ("two and two are four", "four and one are six", "six is even")


async def test_only_the_first_wrong_step_is_told_of_and_redone_with_all_after_it(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("it is even", *STEPS),
        critic=lambda n: judged(count=3) if n else judged(1, 2, count=3),
        reviser=lambda n: drafted("five", "four and one are five", "five is odd"),
    )
    run = await played(cast, tmp_path, RECIPE)
    assert cast.order == ["proposer", "critic", "reviser", "critic"]
    assert run.outcome is RunOutcome.answered and run.answer == "five"
    assert run.best is not None
    assert run.best.draft.steps == (STEPS[0], "four and one are five", "five is odd")
    assert run.best.draft.data["parent"] == 0
    told = cast.prompt("reviser")
    assert STEPS[0] in told and STEPS[1] in told and "reason of step 1" in told and "do step 1 well" in told
    assert STEPS[2] not in told and "reason of step 2" not in told and "it is even" not in told
    assert {request.temperature for request in cast.requests} == {0.7}


async def test_steps_that_are_right_are_accepted_at_once(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: drafted("four", STEPS[0]), critic=lambda n: judged(count=1))
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and cast.order == ["proposer", "critic"]


async def test_a_refiner_who_repeats_the_steps_before_does_not_write_them_twice(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("six", *STEPS),
        critic=lambda n: judged(count=2) if n else judged(1, count=3),
        reviser=lambda n: drafted("five", STEPS[0], "four and one are five"),
    )
    run = await played(cast, tmp_path, RECIPE)
    assert run.best is not None and run.best.draft.steps == (STEPS[0], "four and one are five")


async def test_the_same_answer_by_other_steps_is_judged_anew(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("five", *STEPS),
        critic=lambda n: judged(count=2) if n else judged(1, count=3),
        reviser=lambda n: drafted("five", "four and one are five"),
    )
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and cast.order == ["proposer", "critic", "reviser", "critic"]


async def test_a_chain_that_leads_nowhere_is_begun_again_from_the_first_derivation(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("0", "start", "first"),
        critic=lambda n: judged(1, count=2),
        reviser=lambda n: drafted(str(n + 1), f"redone {n + 1}"),
    )
    run = await played(cast, tmp_path, RECIPE, options={"depth": 2, "restarts": 3})
    assert run.outcome is RunOutcome.abstained and run.usage.rounds == 6
    assert [a.draft.data.get("parent") for a in run.attempts] == [None, 0, 1, 0, 3, 0, 5]
    shown = [next(word for word in ("first", "redone 1", "redone 3", "redone 5") if word in cast.prompt("reviser", n))
             for n in range(6)]  # fmt: skip
    assert shown == ["first", "redone 1", "first", "redone 3", "first", "redone 5"]


def test_eight_deep_and_four_restarts_by_default() -> None:
    team = Agent(Cast().model, recipe=RECIPE, store="never-made").team
    assert team.policy.rounds == 32
    team = Agent(Cast().model, recipe=RECIPE, policy=Policy(rounds=5), store="never-made").team
    assert team.policy.rounds == 5


async def test_a_redone_derivation_that_cannot_be_used_counts_and_the_one_before_it_is_redone(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("six", *STEPS),
        critic=lambda n: judged(count=2) if n else judged(1, count=3),
        reviser=lambda n: "no JSON at all" if n < 2 else drafted("five", "four and one are five"),
    )
    run = await played(cast, tmp_path, RECIPE)
    assert [a.draft.problem is None for a in run.attempts] == [True, False, True]
    assert run.attempts[2].draft.data["parent"] == 0 and run.answer == "five"


@pytest.mark.parametrize("said", ["I cannot tell", {"steps": []}, judged(count=1)])
async def test_a_critic_who_does_not_judge_every_step_accepts_nothing(said: Any, tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: drafted("six", *STEPS), critic=lambda n: said)
    run = await played(cast, tmp_path, RECIPE)
    assert all(c.verdict.value == "abstain" for c in run.attempts[0].critiques)
    assert run.decision.reasons == ("nobody objected to the answer",)


async def test_filter_draws_new_derivations_until_one_passes_and_shows_them_nothing(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted(f"answer {n}", f"way {n}"),
        critic=lambda n: judged(count=1) if n == 2 else judged(0, count=1),
    )
    run = await played(cast, tmp_path, RECIPE, options={"mode": "filter"})
    assert run.answer == "answer 2" and cast.order == ["proposer", "critic"] * 3
    assert len({cast.prompt("proposer", n) for n in range(3)}) == 1
    assert Agent(cast.model, recipe=RECIPE, options={"mode": "filter"}, store="never-made").policy.rounds == 63


def coded(code: str, *steps: str) -> dict[str, Any]:
    return drafted(None, *steps, actions=[said_action("write_file", path="twice.py", content=code)])


@pytest.mark.sandbox
async def test_right_steps_do_not_outweigh_a_failed_check(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: coded("def twice(n):\n    return 7\n", "seven"), critic=lambda n: judged(count=1),
                reviser=lambda n: coded("def twice(n):\n    return n * 2\n", "double it"))  # fmt: skip
    run = await played(cast, tmp_path, RECIPE, workspace_task(tmp_path))
    assert run.outcome is RunOutcome.committed and cast.order == ["proposer", "critic", "reviser", "critic"]
    assert "check_twice" in cast.prompt("reviser") and len(run.attempts) == 2


@pytest.mark.sandbox
async def test_a_failed_check_is_never_committed(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n: coded("def twice(n):\n    return 7\n", "seven"), critic=lambda n: judged(count=1),
                reviser=lambda n: coded(f"def twice(n):\n    return {n}\n", "a number"))  # fmt: skip
    run = await played(cast, tmp_path, RECIPE, workspace_task(tmp_path), options={"depth": 1, "restarts": 2})
    assert run.outcome is RunOutcome.abstained and run.usage.rounds == 2
    assert (tmp_path / "work" / "twice.py").read_text() == "def twice(n):\n    return n\n"


@pytest.mark.parametrize("decided", [1, 2, 3])
async def test_a_run_that_was_broken_off_makes_the_same_drafts(decided: int, tmp_path: Path) -> None:
    def cast() -> Cast:
        return Cast(
            proposer=lambda n: drafted("0", "start", "first"),
            critic=lambda n: judged(1, count=2),
            reviser=lambda n: drafted(str(n + 1), f"redone {n + 1}"),
        )

    options = {"depth": 2, "restarts": 2}
    whole = await played(cast(), tmp_path / "whole", RECIPE, options=options)
    broken = cast()
    again = await resumed(broken, tmp_path, RECIPE, Task(goal="How much is it?"), decided, options=options)
    assert [a.draft for a in again.attempts] == [a.draft for a in whole.attempts]
    assert len(broken.of("reviser")) == 4


@pytest.mark.parametrize("at", range(1, 5))
async def test_an_interrupted_run_asks_nobody_twice(at: int, tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("0", "start", "first"),
        critic=lambda n: judged(1, count=2) if n < 2 else judged(count=2),
        reviser=lambda n: drafted(str(n + 1), f"redone {n + 1}"),
    )
    run = await interrupted(cast, tmp_path, RECIPE, Task(goal="How much is it?"), at)
    assert run.answer == "2" and cast.order == ["proposer", "critic", *["reviser", "critic"] * 2]


async def test_the_lines_of_an_answer_without_steps_are_its_steps(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: drafted("two and two\nare five\nso five"),
        critic=lambda n: judged(count=2) if n else judged(1, count=3),
        reviser=lambda n: drafted("are four"),
    )
    run = await played(cast, tmp_path, RECIPE)
    assert run.best is not None and run.best.draft.steps == ("two and two", "are four") and run.answer == "are four"
    assert "so five" not in cast.prompt("reviser")


@pytest.mark.parametrize(
    "options", [{"mode": "vote"}, {"depth": 0}, {"restarts": 0}, {"samples": 1}, {"temperature": 9}, {"chains": 2}]
)
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Agent(Cast().model, recipe=RECIPE, options=options, store="never-made")
