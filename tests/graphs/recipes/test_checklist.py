"""Refinement by checklist: who makes it, the verdict on each item, what the reviser is told, and where it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.models import Request
from revet.policy import Policy
from revet.schema import RunOutcome, Task, Verdict
from tests.graphs.recipes.casting_support import Cast, answer, broken_off_everywhere, checked, played, writes

ITEMS = ["it names a sea", "it rhymes"]
TASK = Task(goal="Praise the water.", inputs={"checklist": ITEMS, "style": "old"})


def verdicts(*words: str) -> dict[str, Any]:
    items = [
        {"id": n, "requirement": "", "analysis": f"why {n}", "verdict": word, "evidence": [], "suggestion": None}
        | {"confidence": 0.9}
        for n, word in enumerate(words, 1)
    ]
    return {"items": items}


def makes(*requirements: str) -> dict[str, Any]:
    return {"requirements": list(requirements)}


def drafts(number: int, request: Request) -> dict[str, Any]:
    return answer(f"verse {number + (request.role == 'reviser')}")


def cast_of(*judged: Any) -> Cast:
    """Each critic's answer in turn, the last again and again."""
    return Cast(proposer=drafts, reviser=drafts, critic=lambda n, _: judged[min(n, len(judged) - 1)])


async def test_the_checklist_is_made_once_and_the_unmet_items_guide_the_reviser(tmp_path: Path) -> None:
    cast = cast_of(makes(*ITEMS), verdicts("met", "unmet"), verdicts("met", "met"))
    run = await played(cast, "checklist", tmp_path, "Praise the water.")
    assert run.outcome is RunOutcome.answered and run.answer == "verse 1" and cast.order == "pccrc"
    (told,) = cast.asked("reviser")
    assert "not met: it rhymes (why 2)" in told and "names a sea" not in told
    assert [a.critiques[0].score for a in run.attempts] == [0.5, 1.0]
    assert all(item in shown for shown in cast.asked("critic")[1:] for item in ITEMS)


async def test_what_is_no_draft_is_not_judged(tmp_path: Path) -> None:
    cast = cast_of(verdicts("met", "met"))
    cast.says["proposer"] = lambda n, _: "no shape"
    run = await played(cast, "checklist", tmp_path, TASK)
    assert cast.order == "pprc" and run.answer == "verse 1"
    assert run.attempts[0].critiques[0].verdict is Verdict.abstain


async def test_a_given_checklist_is_used_and_the_writer_never_sees_it(tmp_path: Path) -> None:
    cast = cast_of(verdicts("unmet", "met"), verdicts("met", "met"))
    run = await played(cast, "checklist", tmp_path, TASK)
    assert run.ok and cast.order == "pcrc"
    (first,), (told,) = cast.asked("proposer"), cast.asked("reviser")
    assert "style" in first and not any(item in first for item in (*ITEMS, "checklist"))
    assert "it names a sea" in told and "it rhymes" not in told


async def test_items_of_the_options_come_before_those_of_the_task(tmp_path: Path) -> None:
    cast = cast_of(verdicts("met"))
    run = await played(cast, "checklist", tmp_path, TASK, options={"items": ["it is short"]})
    assert run.ok and cast.order == "pc"
    assert "1. it is short" in cast.asked("critic")[0]


async def test_without_guidance_the_reviser_learns_only_that_it_is_not_right(tmp_path: Path) -> None:
    cast = cast_of(verdicts("met", "unmet"), verdicts("met", "unmet"), verdicts("met", "met"))
    run = await played(cast, "checklist", tmp_path, TASK, options={"guided": False})
    assert run.ok and cast.order == "pcrcrc"
    for told in cast.asked("reviser"):
        assert "it does not do yet all that is asked" in told
        assert not any(word in told for word in (*ITEMS, "why 2", "of 2"))
    assert [a.critiques[0].score for a in run.attempts] == [0.5, 0.5, 1.0]


async def test_who_watches_is_told_the_verdicts_in_both_modes(tmp_path: Path) -> None:
    cast = cast_of(verdicts("met", "unmet"), verdicts("met", "met"))
    agent = Agent(
        cast.model, recipe="checklist", options={"guided": False}, store=tmp_path / "store", sandbox=None
    )  # fmt: skip
    events = [event async for event in agent.astream(TASK)]
    told = [e.data for e in events if e.type == "progressed" and e.kind == "checklist"]
    assert told[0]["requirements"] == ITEMS
    assert told[0]["verdicts"] == [{"id": 1, "verdict": "met"}, {"id": 2, "verdict": "unmet"}]


async def test_five_turns_are_the_most(tmp_path: Path) -> None:
    cast = cast_of(verdicts("met", "unmet"))
    run = await played(cast, "checklist", tmp_path, TASK)
    assert run.outcome is RunOutcome.abstained and cast.order == "p" + "cr" * 5 + "c"
    again = cast_of(verdicts("met", "unmet"))
    await played(again, "checklist", tmp_path, TASK, options={"turns": 2})
    assert again.order == "pcrcrc"
    own = cast_of(verdicts("met", "unmet"))
    await played(own, "checklist", tmp_path, TASK, options={"turns": 2}, policy=Policy(rounds=1))
    assert own.order == "pcrc"


async def test_an_answer_that_cannot_be_used_is_no_verdict(tmp_path: Path) -> None:
    cast = Cast(proposer=drafts, critic=lambda n, _: "as you like")
    run = await played(cast, "checklist", tmp_path, TASK)
    assert run.attempts[0].critiques[0].verdict is Verdict.abstain and "unusable" not in str(run.answer)
    hurried = Cast(
        proposer=lambda n, _: "no shape at all", reviser=drafts, critic=lambda n, _: verdicts("met", "met")
    )  # fmt: skip
    run = await played(hurried, "checklist", tmp_path, TASK)
    assert run.attempts[0].draft.problem is not None and run.answer == "verse 1"


async def test_a_failing_check_holds_back_what_the_checklist_approves_of(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n, _: writes("answer = 41\n"),
        reviser=lambda n, _: writes(f"answer = {n}\n"),
        critic=lambda n, _: verdicts("met"),
    )
    run, place = await checked(cast, "checklist", tmp_path, options={"items": ["it is 42"], "turns": 2})
    assert run.outcome is RunOutcome.abstained and (place / "answer.py").read_text() == "answer = 0\n"


async def test_a_run_that_broke_off_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    def make() -> Cast:
        return cast_of(makes(*ITEMS), verdicts("met", "unmet"), verdicts("met", "met"))

    await broken_off_everywhere(make, "checklist", tmp_path)


async def test_a_checklist_that_is_none_is_told_before_anything_is_run(tmp_path: Path) -> None:
    recipe = RECIPES["checklist"]
    assert recipe.check is not None
    for wrong in ("one thing", [], [1], [" "], {"a": "b"}):
        task = Task(goal="?", inputs={"checklist": wrong})
        assert [unmet.field for unmet in recipe.check(task, recipe.options())] == [("inputs", "checklist")]
    assert not [*recipe.check(TASK, recipe.options())]
    with pytest.raises(InputError, match="turns"):
        Agent(Cast().model, recipe="checklist", options={"turns": 0}, store=tmp_path)
    with pytest.raises(InputError, match=r"items\.0"):
        Agent(Cast().model, recipe="checklist", options={"items": [" "]}, store=tmp_path)
    with pytest.raises(InputError, match="at least"):
        Agent(Cast().model, recipe="checklist", policy=Policy(rounds=0), store=tmp_path)
