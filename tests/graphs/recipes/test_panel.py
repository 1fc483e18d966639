"""MultiCritique as a recipe: critics that do not see each other, a meta-critic that validates and merges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.graphs import Agent
from revet.models import Library, Reply, Tokens
from revet.policy import Policy
from revet.schema import Run, RunOutcome, Severity, Verdict
from tests.agents.chat_support import outside_fences, said_critique, said_finding
from tests.graphs.recipes.loop_support import Cast, drafted, played, workspace_task
from tests.graphs.recipes.panel_support import broken_off_everywhere, system_of, written

RECIPE = "panel"
LOW = said_critique("revise", said_finding("the sum is too low", suggestion="add the tax"))
DULL = said_critique("revise", said_finding("the tone is dull", suggestion="be merry"))
FINE = said_critique("accept")


def unit(number: int, valid: bool = True, same_as: int | None = None) -> dict[str, Any]:
    return {"number": number, "reason": f"reason {number}", "valid": valid, "same_as": same_as}


def meta(*units: dict[str, Any], added: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"units": list(units), "added": list(added), "score": 0.5, "confidence": 0.9}


def panel_of(run: Run, attempt: int = 0) -> Any:
    return next(c for c in run.attempts[attempt].critiques if c.critic == "panel")


def story() -> dict[str, Any]:
    """The first draft is criticised by three of four and one unit is dropped; of the second nobody objects."""
    said = [LOW, DULL, FINE, LOW, FINE, FINE, FINE, FINE]
    return {
        "proposer": lambda n: drafted("four"),
        "critic": lambda n: said[n],
        "meta-critic": lambda n: meta(unit(0), unit(1, valid=False)),
        "reviser": lambda n: drafted("five"),
    }


async def test_four_critics_then_the_meta_critic_then_the_reviser(tmp_path: Path) -> None:
    cast = Cast(**story())
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.answer == "five"
    assert cast.order == ["proposer", *["critic"] * 4, "meta-critic", "reviser", *["critic"] * 4]
    assert {r.temperature for r in cast.of("critic")} == {0.7}, "one model in four seats"
    assert {r.temperature for r in cast.of("meta-critic")} == {0.0}


async def test_what_each_role_is_shown(tmp_path: Path) -> None:
    cast = Cast(**story())
    run = await played(cast, tmp_path, RECIPE)
    critics = [cast.prompt("critic", n) for n in range(4)]
    assert len(set(critics)) == 1 and "four" in critics[0] and "too low" not in critics[0], "none sees another's"
    shown = cast.prompt("meta-critic")
    assert shown.count("the sum is too low") == 1, "what two critics found is one unit"
    assert "add the tax" in shown and "the tone is dull" in shown and "too low" not in outside_fences(shown)
    reviser = cast.prompt("reviser")
    assert "add the tax" in reviser and "dull" not in reviser and "merry" not in reviser
    low, dull = panel_of(run).findings
    assert (low.claim, low.severity) == ("the sum is too low", Severity.major)
    assert dull.category == "dropped/logic" and dull.severity is Severity.info and "reason 1" in dull.claim


async def test_where_no_unit_is_valid_the_draft_stands(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "meta-critic": lambda n: meta(unit(0, valid=False), unit(1, valid=False))})
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.answer == "four" and "reviser" not in cast.order
    assert panel_of(run).verdict is Verdict.accept and len(panel_of(run).findings) == 2


async def test_units_that_the_meta_critic_finds_the_same_become_one(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "meta-critic": lambda n: meta(unit(0, same_as=1), unit(1))})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=1))
    (only,) = panel_of(run).findings
    assert only.claim == "the tone is dull" and only.suggestion == "be merry\nadd the tax"


async def test_what_the_meta_critic_adds_says_so(tmp_path: Path) -> None:
    found = said_finding("the date is missing")
    cast = Cast(**{**story(), "meta-critic": lambda n: meta(added=(found,))})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=1))
    assert [f.category for f in panel_of(run).findings] == ["logic", "logic", "added/logic"]
    assert "the meta-critic adds 1 of its own" in panel_of(run).possible_result


async def test_a_meta_critic_that_cannot_be_understood_leaves_the_union(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "meta-critic": lambda n: "all fine, really"})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=1))
    assert panel_of(run).verdict is Verdict.revise
    assert {f.claim for f in panel_of(run).findings} == {"the sum is too low", "the tone is dull"}


async def test_a_critic_that_cannot_be_understood_has_no_vote(tmp_path: Path) -> None:
    said: list[Any] = ["no idea", FINE, FINE, FINE]
    cast = Cast(**{**story(), "critic": lambda n: said[min(n, 3)]})
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and panel_of(run).verdict is Verdict.accept
    cast = Cast(**{**story(), "critic": lambda n: "no idea"})
    run = await played(cast, tmp_path / "2", RECIPE)
    assert panel_of(run).verdict is Verdict.abstain and "meta-critic" not in cast.order


async def test_personas_are_spoken_to_and_the_number_of_seats_follows(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "critic": lambda n: FINE})
    await played(cast, tmp_path, RECIPE, options={"critics": ["You are an accountant.", "You are a poet."]})
    systems = [system_of(request) for request in cast.of("critic")]
    assert len(systems) == 2 and "You are an accountant." in systems[0] and "You are a poet." in systems[1]
    assert not any("accountant" in system_of(r) for r in cast.of("proposer"))


@pytest.mark.parametrize(("merge", "answer"), [("majority", "four"), ("union", "five")])
async def test_other_ways_to_merge_ask_no_meta_critic(merge: str, answer: str, tmp_path: Path) -> None:
    said = [LOW, FINE, FINE]
    cast = Cast(**{**story(), "critic": lambda n: said[n] if n < 3 else FINE})
    run = await played(cast, tmp_path, RECIPE, options={"critics": 3, "merge": merge})
    assert run.answer == answer and "meta-critic" not in cast.order


async def test_a_confident_minority_wins_a_weighted_vote(tmp_path: Path) -> None:
    sure = said_critique("revise", said_finding("the sum is too low"), confidence=1.0)
    said = [sure, *[said_critique("accept", confidence=0.2)] * 2]
    cast = Cast(**{**story(), "critic": lambda n: said[n] if n < 3 else FINE})
    run = await played(cast, tmp_path, RECIPE, options={"critics": 3, "merge": "majority", "weighted": True})
    assert run.answer == "five"


async def test_further_models_take_seats_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "other.yaml"
    script.write_text(json.dumps([{"role": "critic", "times": 1, "value": LOW}, {"role": "critic", "value": FINE}]))
    cast = Cast(**{**story(), "critic": lambda n: FINE, "meta-critic": lambda n: meta(unit(0))})
    run = await played(cast, tmp_path, RECIPE, options={"models": [f"scripted:{script}"]})
    assert run.answer == "five" and len(cast.of("critic")) == 2, "two rounds, one seat for each model"
    assert {r.temperature for r in cast.of("critic")} == {0.0}
    assert run.usage.roles["critic"].calls == 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"models": ["nobody:x"]}, "nobody"),
        ({"meta": "nobody:x"}, "nobody"),
        ({"models": ["builtin:repair"]}, "no language model"),
        ({"critics": 1, "models": ["scripted:none.yaml"]}, "none.yaml|seats"),
        ({"critics": 0}, "critics"),
        ({"critics": []}, "critics"),
        ({"merge": "vote"}, "merge"),
        ({"temperature": 3}, "temperature"),
        ({"weighted": True}, "merge: majority"),
        ({"meta": "scripted:none.yaml", "merge": "union"}, "no meta-critic"),
    ],
)
def test_what_cannot_be_is_explained_before_anything_runs(options: Any, match: str, tmp_path: Path) -> None:
    cast = Cast(**story())
    with pytest.raises(InputError, match=match):
        Agent(cast.model, recipe=RECIPE, options=options, store=tmp_path / "s", sandbox=None)
    assert not cast.requests


def test_a_panel_needs_a_language_model_and_seats_for_all_that_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a language model"):
        Agent("builtin:repair", recipe=RECIPE, store=tmp_path / "s")
    cast, other = Cast(**story()), Cast(**story())
    library = Library()
    library.get = lambda name: other.model  # type: ignore[assignment]
    with pytest.raises(InputError, match="1 seats for 2 models"):
        Agent(cast.model, recipe=RECIPE, options={"critics": 1, "models": ["x:y"]}, library=library, sandbox=None)


async def test_a_run_that_is_broken_off_anywhere_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    runs = await broken_off_everywhere(tmp_path, RECIPE, story)
    assert len(runs) == 12 and {run.answer for run in runs} == {"five"}


async def test_a_spent_budget_is_no_approval(tmp_path: Path) -> None:
    dear = Reply(text=json.dumps(FINE), tokens=Tokens(input=60, output=0))
    cast = Cast(**{**story(), "critic": lambda n: dear})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(tokens=100))
    assert run.outcome is RunOutcome.abstained and run.attempts[0].critiques[-1].heard is False


@pytest.mark.sandbox
async def test_no_panel_commits_what_fails_its_check(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: written("def twice(n):\n    return n + 1\n"),
        critic=lambda n: FINE,
        reviser=lambda n: written(f"def twice(n):\n    return n - {n + 2}\n"),
    )
    task = workspace_task(tmp_path)
    run = await played(cast, tmp_path, RECIPE, task, policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and "return n\n" in (tmp_path / "work" / "twice.py").read_text()
    assert cast.of("critic") and all(panel_of(run, n).verdict is Verdict.accept for n in range(2))
    right = Cast(proposer=lambda n: written("def twice(n):\n    return n * 2\n"), critic=lambda n: FINE)
    run = await played(right, tmp_path, RECIPE, task)
    assert run.outcome is RunOutcome.committed
