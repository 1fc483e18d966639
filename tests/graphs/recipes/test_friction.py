"""Friction, an option of every recipe: ten rounds, hotter each time, and a list of what must not be given again."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents.chat.heard import tried
from revet.agents.friction import Friction
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.models import Request
from revet.policy import Policy
from revet.schema import Attempt, Critique, Decision, DecisionKind, Draft, RunOutcome
from revet.taskfile import load
from revet.tools.base import View
from tests.agents.chat_support import said_critique, said_finding
from tests.graphs.recipes.casting_support import Cast, answer, broken_off_everywhere, checked, played, writes

SCHEDULE = [round(min(0.15 * number, 1.5), 4) for number in range(1, 11)]
FORBIDDEN = "Answers that were tried, and refused"


def refused(recipe: str, request: Request) -> Any:
    """What the recipe's critic says of a wrong answer."""
    return {
        "core": said_critique("revise", said_finding("no")),
        "checklist": {"items": [{"id": 1, "requirement": "", "analysis": "", "verdict": "unmet", "evidence": []}
                                | {"suggestion": None, "confidence": 1.0}]},
        "refiner": {"hints": [], "wrong": "yes"},
        "ctrl": "Analysis:\nno\n\nOverall judgment: Incorrect",
        "critic": "It is off.\nVerdict: wrong: it is off",
    }[recipe]  # fmt: skip


def cast_of(recipe: str, **more: Any) -> Cast:
    """All answers are refused. CRITIC's are in words, the others' drafts."""

    def says(text: str) -> Any:
        return f"So the answer is: {text}" if recipe == "critic" else answer(text, f"because of {text}")

    return Cast(
        proposer=lambda n, _: says("first"),
        reviser=lambda n, _: says(f"guess {n}"),
        critic=lambda n, request: refused(recipe, request),
        **more,
    )


OPTIONS: dict[str, dict[str, Any]] = {
    "core": {},
    "checklist": {"items": ["it is right"]},
    "refiner": {},
    "ctrl": {"widths": [1] * 11},
    "critic": {"task": "qa", "tools": False, "temperature": 0.0},
}


@pytest.mark.parametrize("recipe", OPTIONS)
async def test_ten_revisions_each_hotter_than_the_last(recipe: str, tmp_path: Path) -> None:
    cast = cast_of(recipe)
    critic = {"critic": cast.model} if recipe == "core" else {}
    run = await played(cast, recipe, tmp_path, options={**OPTIONS[recipe], "friction": True}, **critic)
    assert run.outcome is RunOutcome.abstained and run.usage.rounds == 10
    assert cast.temperatures("reviser") == SCHEDULE
    assert not any(FORBIDDEN in shown for shown in (*cast.asked("proposer"), *cast.asked("critic")))


@pytest.mark.parametrize("recipe", ["ctrl", "critic"])
async def test_what_was_tried_is_listed_and_forbidden_where_the_method_lists_it_not(
    recipe: str, tmp_path: Path
) -> None:
    cast = cast_of(recipe)
    await played(
        cast, recipe, tmp_path, options={**OPTIONS[recipe], "friction": {"rounds": 3}}, policy=Policy(rounds=4)
    )
    for number, shown in enumerate(cast.asked("reviser")[1:], 1):
        _, _, listed = shown.partition(FORBIDDEN)
        assert listed and "first" in listed
        tried = set(re.findall(r"guess (\d+)", listed))
        own = {str(number - 1)} if recipe == "ctrl" else set()  # what it revises is in the prompt already
        assert tried | own == {str(n) for n in range(number)}


async def test_what_the_method_lists_itself_is_not_listed_twice(tmp_path: Path) -> None:
    cast = cast_of("core")
    await played(cast, "core", tmp_path, options={"friction": True}, critic=cast.model, policy=Policy(rounds=3))
    for shown in cast.asked("reviser"):
        assert "Tried already and refused" in shown and FORBIDDEN not in shown


async def test_without_it_nothing_of_it_is_there(tmp_path: Path) -> None:
    for friction in (False, None):
        cast = cast_of("ctrl")
        options = {"widths": [1, 1, 1]} | ({} if friction is None else {"friction": friction})
        await played(cast, "ctrl", tmp_path, options=options)
        assert cast.temperatures("reviser") == [0.0, 0.0] and FORBIDDEN not in "".join(cast.asked("reviser"))


async def test_each_of_its_parts_can_be_set(tmp_path: Path) -> None:
    cast = cast_of("ctrl")
    friction = {"step": 0.5, "cap": 0.6, "forbid": False}
    await played(cast, "ctrl", tmp_path, options={"widths": [1] * 4, "friction": friction})
    assert cast.temperatures("reviser") == [0.5, 0.6, 0.6] and FORBIDDEN not in "".join(cast.asked("reviser"))


async def test_rounds_that_are_set_stay_and_more_rounds_of_the_method_stay_too(tmp_path: Path) -> None:
    model = Cast().model

    def rounds(recipe: str, friction: Any, policy: Policy | None = None, **options: Any) -> int:
        given = {**options, "friction": friction}
        return Agent(model, recipe=recipe, options=given, policy=policy, store=tmp_path, sandbox=None).policy.rounds

    assert rounds("core", True) == 10 and rounds("core", {"rounds": 7}) == 7 and rounds("core", False) == 4
    assert rounds("core", True, Policy(rounds=2)) == 2 and rounds("ctrl", True) == 44
    assert rounds("refiner", True) == 10 and rounds("refiner", True, turns=2, temperature=0.5) == 2
    assert rounds("refiner", True, temperature=0.5) == 10 and rounds("refiner", {"rounds": 7}, turns=2) == 7
    assert rounds("lyra", True, attempts=2, corrections=0) == 1 and rounds("critic", True, iterations=6) == 6
    for recipe in RECIPES.values():
        assert {*recipe.options.lengths} <= {*recipe.options.model_fields}, recipe.name


async def test_first_drafts_and_critics_are_left_alone(tmp_path: Path) -> None:
    cast = cast_of("ctrl")
    await played(cast, "ctrl", tmp_path, options={"widths": [3, 1], "friction": True})
    assert cast.temperatures("proposer") == [0.7] * 3 and set(cast.temperatures("critic")) == {0.6}
    assert len(set(cast.asked("proposer"))) == 1


async def test_a_failing_check_is_never_committed(tmp_path: Path) -> None:
    cast = Cast(proposer=lambda n, _: writes("answer = 0x\n"), reviser=lambda n, _: writes(f"answer = {n}\n"))
    run, place = await checked(cast, "core", tmp_path, options={"friction": True})
    assert run.outcome is RunOutcome.abstained and (place / "answer.py").read_text() == "answer = 0\n"
    assert cast.temperatures("reviser") == SCHEDULE


@pytest.mark.parametrize("recipe", ["ctrl", "refiner"])
async def test_a_run_that_broke_off_goes_on_with_the_same_requests(recipe: str, tmp_path: Path) -> None:
    options = {**OPTIONS[recipe], "friction": True}
    await broken_off_everywhere(lambda: cast_of(recipe), recipe, tmp_path, options=options, rounds=2)


async def test_a_model_of_its_own_for_revisions_heeds_too(tmp_path: Path) -> None:
    writer, other = cast_of("refiner"), cast_of("refiner")
    await played(
        writer, "refiner", tmp_path, reviser=other.model, options={"friction": True}, policy=Policy(rounds=2)
    )  # fmt: skip
    assert writer.order == "pccc" and other.temperatures("reviser") == [0.15, 0.3]
    assert writer.model is not other.model and type(other.model).__name__ == "LanguageModel"


@settings(deadline=None)
@given(st.none() | st.floats(0, 2), st.integers(0, 40), st.floats(0, 2), st.floats(0, 2))
def test_it_never_cools_and_never_boils(usual: float | None, number: int, step: float, cap: float) -> None:
    heat = Friction(step=step, cap=cap).temperature(usual, number)
    assert heat is None or 0 <= heat <= 2
    assert usual is None or (heat is not None and heat >= usual)
    later = Friction(step=step, cap=cap).temperature(usual, number + 1)
    assert (later or 1.0) >= (heat or 1.0) or usual is not None


def test_it_is_an_option_of_every_recipe_and_bad_values_are_named(tmp_path: Path) -> None:
    for recipe in RECIPES.values():
        assert recipe.options.model_fields["friction"].default is False, recipe.name
    model = Cast().model
    for friction in ("hot", {"rounds": 0}, {"step": 3}, {"steps": 1}, {"cap": -1}):
        with pytest.raises(InputError, match="friction"):
            Agent(model, recipe="core", options={"friction": friction}, store=tmp_path)
    for friction, said in (({"steps": 1}, "no setting 'steps', they are rounds,"), ({"rounds": 0}, "rounds: must be")):
        with pytest.raises(InputError, match=f"^options of the recipe core: friction: [^;]*{said}[^;]*$"):
            Agent(model, recipe="core", options={"friction": friction}, store=tmp_path)
    with pytest.raises(InputError, match="there is none"):
        Agent("builtin:repair", options={"friction": True}, store=tmp_path)


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("vote", {}),
        ("mini-n", {}),
        ("iad", {"parallel": True}),
        ("rethink-mcts", {}),
        ("draft", {}),
        ("critic-cot", {"mode": "filter"}),
    ],
)
def test_it_is_refused_where_nothing_is_revised(recipe: str, options: dict[str, Any], tmp_path: Path) -> None:
    model, given = Cast().model, {**options, "friction": True}
    assert Agent(model, recipe=recipe, options=options, store=tmp_path)
    with pytest.raises(InputError, match=f"the recipe {recipe} asks for none"):
        Agent(model, recipe=recipe, options=given, store=tmp_path)
    (tmp_path / "t.yaml").write_text(
        f"tasks:\n- id: a\n  goal: g\n  model: scripted:s\n  recipe: {recipe}\n  options: {json.dumps(given)}\n"
    )
    with pytest.raises(InputError, match=rf"friction: it is for revisions, and the recipe {recipe} asks for no"):
        load(tmp_path / "t.yaml")


def test_a_reviser_that_is_no_language_model_cannot_heed(tmp_path: Path) -> None:
    class Own:
        name = "own"

        async def revise(self, view: View, critique: Critique) -> Draft:
            return Draft(author=self.name)

    with pytest.raises(InputError, match="the reviser is an object of your own"):
        Agent(Cast().model, reviser=Own(), options={"friction": True}, store=tmp_path)


async def test_a_draft_that_is_only_held_is_not_forbidden(tmp_path: Path) -> None:
    """Self-Refine holds drafts that nothing speaks against while their author finds fault with them."""
    turns = [{"feedback": "?", "correct": False, "rewritten": answer(f"guess {n}")} for n in range(3)]
    cast = Cast(proposer=lambda n, _: answer("first"), reviser=lambda n, _: turns[n])
    run = await played(cast, "self-refine", tmp_path, options={"friction": True}, policy=Policy(rounds=3))
    assert run.outcome is RunOutcome.answered and run.answer == "guess 2"
    assert len(cast.asked("reviser")) == 3 and FORBIDDEN not in "".join(cast.asked("reviser"))


def test_a_list_of_what_was_tried_says_what_was_only_held_back() -> None:
    def decided(number: int, *, held: bool) -> Attempt:
        decision = Decision(kind=DecisionKind.revise, reasons=(f"reason {number}",), held=held)
        return Attempt(round=number, draft=Draft(author="a", answer=str(number)), decision=decision)

    told = tried([decided(0, held=True), decided(1, held=False)], "s", 4_000)
    assert "held back: reason 0" in told and "refused: reason 1" in told and "refused: reason 0" not in told


def test_a_task_file_says_so_before_anything_is_run(tmp_path: Path) -> None:
    text = "tasks:\n- {id: a, workspace: ., goal: g, checks: [pytest], options: {friction: true}}\n"
    (tmp_path / "t.yaml").write_text(text)
    with pytest.raises(InputError, match=r"friction.*: it is for revisers that are language models"):
        load(tmp_path / "t.yaml")
