"""Recursive self-critiquing: two of a kind, one that decides between them, and only the survivor is heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.agents.panel import RecursiveCritic
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Critique, Draft, Evidence, Finding, Outcome, Run, RunOutcome, Severity, Verdict
from revet.tools.base import View
from tests.agents.chat_support import Talker, outside_fences, said_critique, said_finding, view
from tests.graphs.recipes.loop_support import Cast, drafted, played, workspace_task
from tests.graphs.recipes.panel_support import broken_off_everywhere, system_of, written

RECIPE = "recursive"
LOW = said_critique("revise", said_finding("the sum is too low", suggestion="add the tax"))
DULL = said_critique("revise", said_finding("the tone is dull", suggestion="be merry"))
FINE = said_critique("accept")


def sounder(which: str, why: str = "why") -> dict[str, Any]:
    return {"first": f"{why} of the first", "second": f"{why} of the second", "sounder": which}


def story(*second: str, critics: tuple[Any, ...] = (LOW, DULL)) -> dict[str, Callable[[int], Any]]:
    """Two critiques of the first draft differ, `second` decides; of the second draft nobody objects."""
    return {
        "proposer": lambda n: drafted("four"),
        "critic": lambda n: critics[n] if n < len(critics) else FINE,
        "critic-2": lambda n: sounder(second[n]),
        "critic-3": lambda n: sounder("second", "high"),
        "reviser": lambda n: drafted("five"),
    }


def of(run: Run, number: int = 0) -> Critique:
    return next(c for c in run.attempts[number].critiques if c.critic == "recursive")


async def test_the_critique_of_the_critiques_decides_and_only_the_survivor_is_heard(tmp_path: Path) -> None:
    cast = Cast(**story("second"))
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.answer == "five"
    assert cast.order == ["proposer", "critic", "critic", "critic-2", "reviser", "critic", "critic"]
    assert {r.temperature for r in cast.of("critic")} == {0.7} and cast.of("critic-2")[0].temperature == 0.0
    shown = cast.prompt("reviser")
    assert "be merry" in shown and "too low" not in shown and "add the tax" not in shown
    merry, low = of(run).findings
    assert (merry.category, low.category, low.severity) == ("logic", "dropped/logic", Severity.info)
    assert "why of the first" in low.claim, "the record says why it was not upheld"


async def test_the_judge_of_critiques_sees_both_and_neither_critic_sees_the_other(tmp_path: Path) -> None:
    cast = Cast(**story("first"))
    await played(cast, tmp_path, RECIPE)
    assert cast.prompt("critic", 0) == cast.prompt("critic", 1) and "dull" not in cast.prompt("critic", 1)
    shown = cast.prompt("critic-2")
    assert shown.index("the sum is too low") < shown.index("the tone is dull") and "four" in shown
    assert "too low" not in outside_fences(shown) and "assessment" not in shown
    assert "You judge the critics" in system_of(cast.of("critic-2")[0])


async def test_depth_three_lets_the_last_level_decide_between_two_that_differ(tmp_path: Path) -> None:
    # Of the two on the second level the other one is shown the pair in the other order: "first" is DULL to it.
    cast = Cast(**story("first", "first"))
    run = await played(cast, tmp_path, RECIPE, options={"depth": 3})
    assert cast.order[:7] == ["proposer", "critic", "critic", "critic-2", "critic-2", "critic-3", "reviser"]
    one, other = cast.prompt("critic-2", 0), cast.prompt("critic-2", 1)
    assert one.index("too low") < one.index("dull") and other.index("dull") < other.index("too low")
    above = cast.prompt("critic-3")
    assert above.index("upholds: first") < above.index("upholds: second")
    assert "You\njudge the assessors" in system_of(cast.of("critic-3")[0])
    assert "be merry" in cast.prompt("reviser") and "too low" not in cast.prompt("reviser"), "the second is upheld"
    assert run.answer == "five"


async def test_where_a_level_agrees_the_one_above_is_not_asked(tmp_path: Path) -> None:
    cast = Cast(**story("first", "second"))
    await played(cast, tmp_path, RECIPE, options={"depth": 3})
    assert "critic-3" not in cast.order and "add the tax" in cast.prompt("reviser")


async def test_where_neither_critique_is_upheld_the_draft_stands(tmp_path: Path) -> None:
    cast = Cast(**story("neither"))
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.answer == "four"
    assert of(run).verdict is Verdict.abstain and len(of(run).findings) == 2


async def test_where_nobody_objects_there_is_nothing_to_decide(tmp_path: Path) -> None:
    cast = Cast(**story(critics=(FINE, FINE)))
    run = await played(cast, tmp_path, RECIPE)
    assert run.answer == "four" and cast.order == ["proposer", "critic", "critic"]


async def test_to_accept_may_be_upheld_against_an_objection(tmp_path: Path) -> None:
    cast = Cast(**story("second", critics=(LOW, FINE)))
    run = await played(cast, tmp_path, RECIPE)
    assert run.answer == "four" and of(run).verdict is Verdict.accept
    assert [f.category for f in of(run).findings] == ["dropped/logic"]


async def test_depth_one_is_a_critique_alone(tmp_path: Path) -> None:
    cast = Cast(**story(critics=(LOW,)))
    run = await played(cast, tmp_path, RECIPE, options={"depth": 1})
    assert cast.order == ["proposer", "critic", "reviser", "critic"] and run.answer == "five"
    assert {r.temperature for r in cast.of("critic")} == {0.0}


async def test_a_judgement_that_cannot_be_used_upholds_both(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "critic-2": lambda n: "the first, I think"})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=1))
    assert {f.claim for f in of(run).findings} == {"the sum is too low", "the tone is dull"}
    assert "add the tax" in cast.prompt("reviser") and "be merry" in cast.prompt("reviser")


class Fixed:
    """Says one critique after the other."""

    name = "fixed"

    def __init__(self, *said: Critique) -> None:
        self.said = list(said)

    async def criticise(self, view: View) -> Critique:
        return self.said.pop(0)


def fixed(verdict: Verdict, *findings: Finding) -> Critique:
    return Critique(critic="fixed", verdict=verdict, findings=findings)


async def test_a_critic_that_cannot_tell_leaves_the_other_and_two_are_an_abstention() -> None:
    shown, unsure = view(draft=Draft(author="a", answer="four")), fixed(Verdict.abstain)
    low, nobody = fixed(Verdict.revise, Finding(claim="too low")), Talker()
    one = await RecursiveCritic(Fixed(unsure, low), nobody.model).criticise(shown)
    assert one.verdict is Verdict.revise and one.findings == low.findings
    none = await RecursiveCritic(Fixed(unsure, unsure), nobody.model).criticise(shown)
    assert none.verdict is Verdict.abstain and not nobody.requests


@pytest.mark.parametrize("which", ["second", "neither"])
async def test_what_is_grave_and_cites_evidence_stands_whoever_is_upheld(which: str) -> None:
    seen = Evidence(tool="tests", request="pytest", outcome=Outcome.failed)
    proof = Finding(claim="a test fails", evidence=(seen.id,))
    critic = RecursiveCritic(Fixed(fixed(Verdict.revise, proof), fixed(Verdict.accept)), Talker(sounder(which)).model)
    said = await critic.criticise(view(draft=Draft(author="a", answer="four"), evidence=(seen,)))
    assert said.verdict is Verdict.revise and said.findings == (proof,)


@pytest.mark.parametrize("options", [{"depth": 0}, {"depth": 6}, {"temperature": -1}, {"deep": 2}])
def test_options_out_of_range_are_explained(options: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        Agent(Cast().model, recipe=RECIPE, options=options, store=tmp_path / "s", sandbox=None)


async def test_a_run_that_is_broken_off_anywhere_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    runs = await broken_off_everywhere(tmp_path, RECIPE, lambda: story("first", "first"), options={"depth": 3})
    assert {run.answer for run in runs} == {"five"}


@pytest.mark.sandbox
async def test_no_level_commits_what_fails_its_check(tmp_path: Path) -> None:
    cast = Cast(
        proposer=lambda n: written("def twice(n):\n    return n + 1\n"),
        critic=lambda n: FINE,
        reviser=lambda n: written("def twice(n):\n    return n + 2\n"),
    )
    run = await played(cast, tmp_path, RECIPE, workspace_task(tmp_path), policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and "return n\n" in (tmp_path / "work" / "twice.py").read_text()
