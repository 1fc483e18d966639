"""Thought Rollback: which step a path goes on from, what it is shown, when it is enough, and who has the majority."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.models import Request
from revet.policy import Policy
from revet.schema import RunOutcome, Severity
from tests.agents.chat_support import said_draft
from tests.graphs.recipes.steps_support import Reads, broken_off_anywhere, checked, played, prompt_of, writes

RECIPE = "thought-rollback"


def path(answer: str, *steps: str) -> dict[str, Any]:
    return said_draft(answer=answer, steps=list(steps))


def report(*bad: int, text: str = "it is off") -> dict[str, Any]:
    return {"report": text if bad else "", "bad_steps": list(bad)}


def steps_shown(prompt: str) -> list[str]:
    """The steps that stand, as one who goes on from them is shown them."""
    found = re.search(r"draft-steps⟧\n(.*?)\n⟦end", prompt, re.DOTALL)
    return re.findall(r"^\d+\. (.*)$", found[1], re.MULTILINE) if found else []


async def test_a_path_goes_on_from_before_its_bad_step_with_the_report_as_experience(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b", "c"),
        reviser=lambda r, n: path("6", "x", "y"),
        critic=lambda r, n: report(1, text="b adds where it should take away") if n == 0 else report(),
    )
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order == ["proposer", "critic", "reviser", "critic"]
    assert [a.draft.steps for a in run.attempts[:2]] == [("a", "b", "c"), ("a", "x", "y")]
    told = cast.of("reviser")[0]
    assert steps_shown(told) == ["a"]
    assert "b adds where it should take away" in told and "0. a 1. b 2. c" in told
    assert "Tried already" not in told and "answer: 7" not in told
    assert run.outcome is RunOutcome.answered and run.answer == "6"
    assert "the majority: 1 of 1.667 votes" in run.decision.reasons[0]


async def test_a_path_without_a_bad_step_is_enough(tmp_path: Path) -> None:
    cast = Reads(proposer=lambda r, n: path("6", "a", "b"), critic=lambda r, n: report())
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order == ["proposer", "critic"] and run.answer == "6" and run.outcome is RunOutcome.answered


async def test_the_caps_end_the_search(tmp_path: Path) -> None:
    """Always the first step is bad: two rollbacks to the task, and no third. The answer that weighs most is taken."""
    cast = Reads(
        proposer=lambda r, n: path("1", "a"),
        reviser=lambda r, n: path(["2", "2"][n], f"b{n}", "c"),
        critic=lambda r, n: report(0),
    )
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order == ["proposer", "critic", "reviser", "critic", "reviser", "critic"]
    assert run.answer == "2" and run.usage.rounds == 2
    assert [a.draft.data.get("kept") for a in run.attempts[:3]] == [None, 0, 0]


async def test_three_rollbacks_along_one_path_are_the_most_and_all_their_reports_are_shown(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("0", "s0", "s1", "s2", "s3", "s4"),
        reviser=lambda r, n: path(str(n + 1), f"t{n}", "u", "v", "w"),
        critic=lambda r, n: report(n + 1, text=f"report {n}"),
    )
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order.count("reviser") == 3 and len(run.attempts) == 5  # the last is the chosen one
    last = cast.of("reviser")[-1]
    assert [f"report {n}" in last for n in range(4)] == [True, True, True, False]
    assert [len(steps_shown(prompt)) for prompt in cast.of("reviser")] == [1, 2, 3]


async def test_a_report_on_a_branch_that_was_left_is_not_shown(tmp_path: Path) -> None:
    """The second path is bad from its first step: nothing of the way to it is left, and neither is its experience."""
    bad = [2, 0]
    cast = Reads(
        proposer=lambda r, n: path("0", "a", "b", "c"),
        reviser=lambda r, n: path("1", f"x{n}", "y"),
        critic=lambda r, n: report(bad[n], text=f"report {n}") if n < 2 else report(),
    )
    run = await played(cast, RECIPE, tmp_path)
    second = cast.of("reviser")[1]
    assert "report 1" in second and "report 0" not in second and steps_shown(second) == []
    assert run.attempts[2].draft.steps == ("x1", "y")


async def test_all_reports_on_what_followed_a_step_are_shown_to_who_goes_on_from_it(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("0", "a", "b", "c"),
        reviser=lambda r, n: path("1", f"x{n}", "y"),
        critic=lambda r, n: report(1, text=f"report {n}") if n < 2 else report(),
    )
    await played(cast, RECIPE, tmp_path)
    first, second = cast.of("reviser")
    assert steps_shown(first) == steps_shown(second) == ["a"]
    assert "report 0" in first and "report 1" not in first
    assert second.index("report 0") < second.index("report 1")


async def test_eight_paths_are_the_most_and_the_weights_decide(tmp_path: Path) -> None:
    """Many poor paths agree on one answer; fewer good ones outweigh them."""

    def poor(number: int) -> dict[str, Any]:
        return path("wrong", *(f"{letter}{number}" for letter in "abcdefghij"))

    cast = Reads(
        proposer=lambda r, n: poor(9),
        reviser=lambda r, n: path("right", *(f"{letter}{n}" for letter in "klmno")) if n in (1, 2) else poor(n),
        critic=lambda r, n: report(4) if n in (2, 3) else report(*range(1, 10)),
    )
    options = {"incoming": 100, "chain": 100}
    run = await played(cast, RECIPE, tmp_path, options=options)
    assert cast.order.count("critic") == 8 and run.usage.rounds == 7 and run.answer == "right"
    assert "2 different answers" in run.decision.reasons[0]


async def test_an_analysis_that_cannot_be_used_leaves_the_path_and_weighs_it_half(tmp_path: Path) -> None:
    cast = Reads(proposer=lambda r, n: path("6", "a"), critic=lambda r, n: "I would rather not say.")
    run = await played(cast, RECIPE, tmp_path)
    assert run.answer == "6" and "0.5 of 0.5" in run.decision.reasons[0]


async def test_steps_that_there_are_not_are_no_bad_steps(tmp_path: Path) -> None:
    cast = Reads(proposer=lambda r, n: path("6", "a", "b"), critic=lambda r, n: report(2, 99))
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order == ["proposer", "critic"] and run.answer == "6"


async def test_what_cannot_be_understood_is_written_again_from_the_same_place(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"),
        reviser=lambda r, n: path("6", "x") if "Answer with" not in prompt_of(r) and n >= 2 else "Hm.",
        critic=lambda r, n: report(1) if n == 0 else report(),
    )
    run = await played(cast, RECIPE, tmp_path)
    assert any(a.draft.problem for a in run.attempts)
    assert run.answer == "6" and run.attempts[-1].draft.steps == ("a", "x")


async def test_one_who_writes_the_steps_that_stand_again_has_not_written_them_twice(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"),
        reviser=lambda r, n: path("6", "a", "x"),
        critic=lambda r, n: report(1) if n == 0 else report(),
    )
    run = await played(cast, RECIPE, tmp_path)
    assert run.attempts[1].draft.steps == ("a", "x")


async def test_with_veto_a_path_with_a_bad_step_is_never_chosen(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"), reviser=lambda r, n: path("7", "x"), critic=lambda r, n: report(0)
    )
    run = await played(cast, RECIPE, tmp_path, options={"veto": True, "solutions": 3})
    assert run.outcome is RunOutcome.abstained


async def test_without_veto_a_bad_step_weighs_and_refuses_nothing_where_minor_faults_do(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"), reviser=lambda r, n: path("7", "x"), critic=lambda r, n: report(0)
    )
    policy = Policy(veto_from=Severity.minor, rounds=2)
    run = await played(cast, RECIPE, tmp_path, options={"solutions": 3}, policy=policy)
    assert run.outcome is RunOutcome.answered and run.answer == "7"


async def test_it_stops_when_an_answer_is_stable_if_it_shall(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"),
        reviser=lambda r, n: path("7", f"x{n}", "y"),
        critic=lambda r, n: report(1),
    )
    await played(cast, RECIPE, tmp_path, options={"stable": 1})
    assert cast.order.count("reviser") == 1


async def test_more_rounds_than_paths_make_no_more_paths(tmp_path: Path) -> None:
    """Two of three paths cannot be used; the third is the last, and what stands is chosen."""
    cast = Reads(proposer=lambda r, n: path("7", "a", "b"), reviser=lambda r, n: "Hm.", critic=lambda r, n: report(1))
    run = await played(cast, RECIPE, tmp_path, options={"solutions": 3}, policy=Policy(rounds=6))
    assert [a.draft.problem is not None for a in run.attempts] == [False, True, True, False, False]
    assert run.attempts[3].draft.gives_up and "3 drafts were made" in run.attempts[3].draft.notes
    assert run.outcome is RunOutcome.answered and run.answer == "7"


async def test_where_no_path_stands_after_the_last_the_draft_is_mended(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"),
        reviser=lambda r, n: path(str(n), f"x{n}"),
        critic=lambda r, n: report(0),
    )
    options = {"solutions": 2, "veto": True}
    run = await played(cast, RECIPE, tmp_path, options=options, policy=Policy(rounds=3))
    assert ["kept" in a.draft.data for a in run.attempts] == [False, True, False, False]


async def test_temperatures_are_as_published(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: path("7", "a", "b"),
        reviser=lambda r, n: path("6", "x"),
        critic=lambda r, n: report(1) if n == 0 else report(),
    )
    await played(cast, RECIPE, tmp_path)
    assert [(r.role, r.temperature) for r in cast.requests[:3]] == [
        ("proposer", 0.7),
        ("critic", 0.0),
        ("reviser", 0.7),
    ]


async def test_a_run_that_broke_off_goes_on_as_it_would_have(tmp_path: Path) -> None:
    def make() -> Reads:
        return Reads(
            proposer=lambda r, n: path("0", "s0", "s1", "s2"),
            reviser=lambda r, n: path("1" if "report 1" in prompt_of(r) else "2", "t", "u"),
            critic=analyst,
        )

    def analyst(request: Request, number: int) -> dict[str, Any]:
        told = prompt_of(request)
        return report(1, text="report 0") if "2. s2" in told else report(2, text="report 1") if "1. t" in told else {}

    await broken_off_anywhere(make, RECIPE, tmp_path, "How much?", options={"solutions": 4})


@pytest.mark.sandbox
async def test_a_failing_check_is_gone_back_from_and_never_committed(tmp_path: Path) -> None:
    task = checked(tmp_path)
    cast = Reads(
        proposer=lambda r, n: said_draft(actions=[writes(40)], steps=["find it", "multiply"]),
        reviser=lambda r, n: said_draft(actions=[writes(43 + n)], steps=["try"]),
        critic=lambda r, n: report(),
    )
    run = await played(cast, RECIPE, tmp_path, task, options={"solutions": 3})
    assert run.outcome is RunOutcome.abstained and run.receipt is None
    assert (tmp_path / "place" / "answer.txt").read_text() == "41\n"
    assert "grep -qx 42" in cast.of("reviser")[0] and steps_shown(cast.of("reviser")[0]) == []


@pytest.mark.sandbox
async def test_a_mended_workspace_is_committed(tmp_path: Path) -> None:
    cast = Reads(
        proposer=lambda r, n: said_draft(actions=[writes(40)], steps=["find it", "multiply"]),
        reviser=lambda r, n: said_draft(actions=[writes(42)], steps=["add"]),
        critic=lambda r, n: report(1) if n == 0 else report(),
    )
    run = await played(cast, RECIPE, tmp_path, checked(tmp_path))
    assert run.outcome is RunOutcome.committed and run.best is not None
    assert run.best.draft.steps == ("find it", "add")
    assert (tmp_path / "place" / "answer.txt").read_text() == "42\n"


@pytest.mark.parametrize(
    ("options", "names"),
    [({"solutions": 0}, "solutions"), ({"chain": -1}, "chain"), ({"temperature": 3}, "temperature"), ({"x": 1}, "x")],
)
def test_bad_options_are_named(options: dict[str, Any], names: str) -> None:
    with pytest.raises(InputError, match=names):
        Agent(Reads().model, recipe=RECIPE, options=options, store="never-made")


def test_rounds_are_as_published_and_too_few_are_refused() -> None:
    assert Agent(Reads().model, recipe=RECIPE, store="never-made").policy.rounds == 7
    assert Agent(Reads().model, recipe=RECIPE, policy=Policy(rounds=2), store="never-made").policy.rounds == 2
    with pytest.raises(InputError, match="rounds"):
        Agent(Reads().model, recipe=RECIPE, policy=Policy(rounds=0), store="never-made")
    with pytest.raises(InputError, match="language model"):
        Agent("builtin:repair", recipe=RECIPE, store="never-made")
    assert "2412.19707" in str(RECIPES[RECIPE].source)
