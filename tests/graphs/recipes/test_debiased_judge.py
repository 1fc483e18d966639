"""RBD: a judgement is looked at, reconsidered if it is biased, and what was said last counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from revet.agents.panel import BiasDetector, DebiasedCritic, DebiasedJudge
from revet.errors import InputError
from revet.graphs import Agent
from revet.models import Request
from revet.policy import Policy
from revet.schema import Critique, Draft, Evidence, Finding, Outcome, Run, RunOutcome, Verdict
from revet.tools.base import View
from tests.agents.chat_support import Talker, attempt, outside_fences, said_critique, said_finding, view
from tests.graphs.recipes.loop_support import Cast, asked, drafted, judged, played, workspace_task
from tests.graphs.recipes.panel_support import broken_off_everywhere, system_of, written

RECIPE = "debiased-judge"
SHORT = said_critique("revise", said_finding("it is too short", suggestion="write more"))
FINE = said_critique("accept")


def bias(kind: str, why: str = "it counts words") -> dict[str, Any]:
    return {"reasoning": why, "bias": kind}


def story(*found: str, critics: tuple[Any, ...] = (SHORT, FINE)) -> dict[str, Callable[[int], Any]]:
    return {
        "proposer": lambda n: drafted("four"),
        "critic": lambda n: critics[min(n, len(critics) - 1)],
        "bias-detector": lambda n: bias(found[min(n, len(found) - 1)]),
        "reviser": lambda n: drafted("five"),
    }


def of(run: Run, number: int = 0) -> Critique:
    return next(c for c in run.attempts[number].critiques if c.critic.endswith("+debiased"))


async def test_a_biased_judgement_is_reconsidered_and_the_last_word_counts(tmp_path: Path) -> None:
    cast = Cast(**story("verbosity"))
    run = await played(cast, tmp_path, RECIPE)
    assert run.outcome is RunOutcome.answered and run.answer == "four"
    assert cast.order == ["proposer", "critic", "bias-detector", "critic"]
    assert of(run).critic == "chat-critic+debiased" and of(run).verdict is Verdict.accept and not of(run).findings


async def test_what_each_role_is_shown(tmp_path: Path) -> None:
    cast = Cast(**story("verbosity"))
    run = await played(cast, tmp_path, RECIPE)
    first, again = (cast.prompt("critic", n) for n in range(2))
    assert "bias" not in first and "it counts words" in again and "it is too short" in again
    assert "it counts words" not in outside_fences(again) and "by bias-detector" in system_of(cast.of("critic")[0])
    shown = cast.prompt("bias-detector")
    assert "it is too short" in shown and "four" in shown and "chat-critic" not in shown
    assert all(e.tool != "bias-detector" for a in run.attempts for e in a.evidence), "it is no evidence of the draft"


async def test_without_a_bias_the_judgement_stands_and_is_asked_once(tmp_path: Path) -> None:
    cast = Cast(**story("none"))
    run = await played(cast, tmp_path, RECIPE)
    assert cast.order[:4] == ["proposer", "critic", "bias-detector", "reviser"] and run.answer == "five"


@pytest.mark.parametrize(("times", "critics"), [(0, 1), (1, 2), (3, 4)])
async def test_it_is_asked_again_so_often_at_most(times: int, critics: int, tmp_path: Path) -> None:
    cast = Cast(**story("bandwagon", critics=(SHORT,)))
    await played(cast, tmp_path, RECIPE, options={"reconsider": times}, policy=Policy(rounds=0))
    assert cast.order.count("critic") == critics and cast.order.count("bias-detector") == times


async def test_only_the_biases_that_are_looked_for_count(tmp_path: Path) -> None:
    cast = Cast(**story("sentiment"))
    await played(cast, tmp_path, RECIPE, options={"biases": ["verbosity"]})
    assert cast.order[3] == "reviser"


async def test_a_detector_or_a_reconsideration_that_cannot_be_understood_changes_nothing(tmp_path: Path) -> None:
    cast = Cast(**{**story(), "bias-detector": lambda n: "perhaps"})
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=0))
    assert of(run).verdict is Verdict.revise and run.outcome is RunOutcome.abstained
    cast = Cast(**story("position", critics=(SHORT, "never mind")))
    run = await played(cast, tmp_path / "2", RECIPE, policy=Policy(rounds=0))
    assert of(run).findings[0].claim == "it is too short"


class Wavering:
    """Objects with evidence, and accepts when it is asked again; cites whatever it is shown."""

    name = "wavering"

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)

    async def criticise(self, view: View) -> Critique:
        verdict = self.verdicts.pop(0)
        finding = Finding(claim=f"claim {len(self.verdicts)}", evidence=tuple(e.id for e in view.evidence))
        found = (finding,) if verdict is Verdict.revise else ()
        return Critique(critic=self.name, verdict=verdict, findings=found)


@pytest.mark.parametrize("evidence", [(), (Evidence(tool="tests", request="pytest", outcome=Outcome.failed),)])
async def test_any_critic_can_be_wrapped_and_no_second_thought_removes_evidence(evidence: tuple[Evidence, ...]) -> None:
    detector = BiasDetector(Talker(bias("verbosity")).model)
    shown = view(draft=Draft(author="a", answer="four"), evidence=evidence)
    said = await DebiasedCritic(Wavering(Verdict.revise, Verdict.accept), detector).criticise(shown)
    assert said.verdict is (Verdict.revise if evidence else Verdict.accept)
    twice = await DebiasedCritic(Wavering(Verdict.revise, Verdict.revise), detector).criticise(shown)
    known = {e.id for e in evidence}
    assert all(set(f.evidence) <= known for f in twice.findings), "the doubt itself cannot be cited"


async def test_step_and_checklist_critics_are_wrapped_too(tmp_path: Path) -> None:
    said = {"proposer": lambda n: drafted("four", "2+2=4"), "bias-detector": lambda n: bias("none")}
    cast = Cast(**said, critic=lambda n: judged(count=1))
    run = await played(cast, tmp_path, RECIPE, options={"critic": "steps"})
    assert of(run).critic == "step-critic+debiased" and run.outcome is RunOutcome.answered


# --- between drafts ----------------------------------------------------------------------------------------------


def preferring(*said: str, doubts: tuple[str, ...] = ("none",)) -> tuple[Talker, list[Request]]:
    """A judge that says `said` in turn, and a detector that says `doubts`."""
    judged_, doubted = list(said), list(doubts)

    def answer(request: Request) -> dict[str, Any]:
        if request.role == "bias-detector":
            return bias(doubted.pop(0) if len(doubted) > 1 else doubted[0])
        return {"first": "long", "second": "short", "better": judged_.pop(0)}

    talker = Talker(by=answer)
    return talker, talker.requests


PAIR = (attempt(0, Draft(author="a", answer="long and wide")), attempt(1, Draft(author="a", answer="brief")))


async def test_a_pair_is_judged_in_both_orders_and_a_biased_judgement_reconsidered() -> None:
    talker, requests = preferring("first", "second", "first", doubts=("verbosity", "none", "none"))
    judge = DebiasedJudge(talker.model, BiasDetector(talker.model))
    assert await judge.choose(view(), PAIR) == 1
    assert [r.role for r in requests] == ["judge", "bias-detector", "judge", "judge", "bias-detector"]
    again = asked(requests[2])
    assert "Think again" in again and "it counts words" in again and "it counts words" not in outside_fences(again)
    assert "Think again" not in asked(requests[3]), "the other order is judged afresh"
    swapped = asked(requests[3])
    assert swapped.index("brief") < swapped.index("long and wide")


async def test_a_preference_that_changes_with_the_order_is_none() -> None:
    talker, requests = preferring("first", "first")
    assert await DebiasedJudge(talker.model, BiasDetector(talker.model)).choose(view(), PAIR) is None
    assert [r.role for r in requests].count("judge") == 2


async def test_the_judge_of_the_run_is_debiased(tmp_path: Path) -> None:
    said = ["first", "second"]
    cast = Cast(
        **{
            **story("none", critics=(SHORT,)),
            "judge": lambda n: {"first": "a", "second": "b", "better": said[n]},
        }
    )
    run = await played(cast, tmp_path, RECIPE, policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and run.answer == "four", "both orders prefer the first draft"
    assert cast.order[-4:] == ["judge", "bias-detector", "judge", "bias-detector"]


# --- and the rest ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"reconsider": -1}, {"reconsider": 11}, {"biases": []}, {"biases": ["gloom"]}, {"critic": "any"},
     {"detector": "nobody:x"}],
)  # fmt: skip
def test_options_out_of_range_are_explained(options: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{next(iter(options))}|nobody"):
        Agent(Cast().model, recipe=RECIPE, options=options, store=tmp_path / "s", sandbox=None)


async def test_a_run_that_is_broken_off_anywhere_goes_on_and_asks_nobody_twice(tmp_path: Path) -> None:
    runs = await broken_off_everywhere(
        tmp_path, RECIPE, lambda: story("verbosity", "none", critics=(SHORT, SHORT, FINE))
    )
    assert {run.answer for run in runs} == {"five"}


@pytest.mark.sandbox
async def test_no_judge_commits_what_fails_its_check(tmp_path: Path) -> None:
    cast = Cast(
        **story("none", critics=(FINE,))
        | {
            "proposer": lambda n: written("def twice(n):\n    return n + 1\n"),
            "reviser": lambda n: written("def twice(n):\n    return n + 2\n"),
            "judge": lambda n: {"first": "a", "second": "b", "better": "tie"},
        }
    )
    run = await played(cast, tmp_path, RECIPE, workspace_task(tmp_path), policy=Policy(rounds=1))
    assert run.outcome is RunOutcome.abstained and "return n\n" in (tmp_path / "work" / "twice.py").read_text()
