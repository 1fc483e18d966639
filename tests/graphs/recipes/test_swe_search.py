"""SWE-Search: which node has the next child, what its maker is told of its siblings, when it ends, and who chooses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from revet.agents import EvidenceCritic, Scripted
from revet.agents.search import Recorded
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.recipes import RECIPES
from revet.models import Request
from revet.policy import Policy
from revet.schema import Critique, Finding, Run, RunOutcome, Task, Verdict
from revet.tools.base import View
from tests.agents.chat_support import said_draft
from tests.graphs.recipes.cutting import ends_alike_wherever_it_is_cut
from tests.graphs.recipes.search_support import Asked, number, played, text_of, written

RECIPE = "swe-search"


def valued(*values: int) -> Any:
    """A value function of these values; the last of them for ever."""

    def say(n: int, request: Request) -> dict[str, Any]:
        value = values[min(n, len(values) - 1)]
        return {"explanation": f"worth {value}", "feedback": f"avoid the way of draft {n}", "value": value}

    return say


def numbers(*held: int) -> Any:
    """Drafts of these numbers, whoever is asked; the last of them for ever, each told apart by blank lines."""
    made = iter(range(10_000))

    def say(n: int, request: Request) -> dict[str, Any]:
        place = next(made)
        return number(held[min(place, len(held) - 1)], note=str(place))

    return say


def cast_of(held: tuple[int, ...], values: tuple[int, ...], **more: Any) -> Asked:
    writer = numbers(*held)
    return Asked(proposer=writer, reviser=writer, value=valued(*values), **more)


def parents(run: Run) -> list[Any]:
    drafts = {attempt.round: attempt.draft for attempt in run.attempts}
    return [draft.data.get("parent") for draft in drafts.values() if not draft.gives_up]


async def test_the_most_valuable_node_is_built_upon(tmp_path: Path) -> None:
    """The first child of the root is worth little, the second much: the third draft revises the second."""
    cast = cast_of((1, 2, 4), (-80, 60, 90))
    run = await played(cast, RECIPE, tmp_path, options={"finished": 1})
    assert cast.order == ["proposer", "value", "proposer", "value", "reviser", "value"]
    assert parents(run) == [None, None, 1] and run.outcome is RunOutcome.committed
    assert (tmp_path / "work" / "answer.py").read_text() == "4\n"


async def test_whoever_tries_another_branch_is_told_what_the_first_one_taught(tmp_path: Path) -> None:
    cast = cast_of((1, 2, 4), (-80, 60, 90))
    await played(cast, RECIPE, tmp_path, options={"finished": 1})
    first, second = (text_of(r) for r in cast.of("proposer"))
    assert "avoid the way" not in first and "avoid the way of draft 0" in second
    (reviser,) = (text_of(r) for r in cast.of("reviser"))
    assert "avoid the way" not in reviser and "2 of 4 tests pass" in reviser
    assert "attempt:1" in reviser and "attempt:0" not in reviser
    for request in cast.of("value"):
        assert "of 4 tests pass" in text_of(request) and "avoid the way" not in text_of(request)


async def test_a_node_has_no_more_children_than_it_may_and_none_too_deep(tmp_path: Path) -> None:
    cast = cast_of((0,), (50, 40, 30, 20, 10, 0))
    writer = iter(range(100))
    cast.says["proposer"] = cast.says["reviser"] = lambda n, r: said_draft(answer=f"a{next(writer)}")
    run = await played(cast, RECIPE, tmp_path, options={"expansions": 2, "depth": 2})
    assert run.outcome is RunOutcome.abstained and "none that may be expanded" in run.decision.reasons[0]
    assert sorted(str(p) for p in parents(run)) == ["0", "0", "1", "1", "None", "None"] or len(parents(run)) == 6


async def test_it_ends_when_there_are_as_many_nodes_as_it_may_make(tmp_path: Path) -> None:
    run = await played(cast_of((0, 1, 2, 3), (0,)), RECIPE, tmp_path, options={"nodes": 3})
    assert run.outcome is RunOutcome.abstained and "3 nodes" in run.decision.reasons[0] and len(parents(run)) == 3
    assert run.best is not None and "2 of 4" in run.best.evidence[0].observation


def choice(solution: int, why: str = "it is better") -> dict[str, Any]:
    return {"explanation": why, "solution": solution}


async def test_finished_drafts_are_collected_and_a_debate_chooses(tmp_path: Path) -> None:
    said = [choice(1, "first"), choice(2, "second"), choice(1, "third"), choice(2), choice(2), choice(1)]
    cast = cast_of((4, 5, 6), (90, 80, 70), discriminator=lambda n, r: said[n])
    run = await played(cast, RECIPE, tmp_path, options={"finished": 2, "agents": 3, "debate": 2})
    assert run.outcome is RunOutcome.committed and (tmp_path / "work" / "answer.py").read_text() == "5\n"
    assert cast.order[-6:] == ["discriminator"] * 6 and "2 of 3 agents" in run.decision.reasons[0]
    assert [a.decision.held for a in run.attempts[:2] if a.decision] == [True, True]
    first, later = text_of(cast.of("discriminator")[0]), text_of(cast.of("discriminator")[3])
    assert "Solution 1 (value 90)" in first and "Solution 2 (value 80)" in first
    assert "What the other agents say" not in first and "What you said before" in later
    assert "second" in later and "third" in later


async def test_a_debate_that_cannot_be_understood_leaves_the_values_to_decide(tmp_path: Path) -> None:
    cast = cast_of((4, 5), (60, 90), discriminator=lambda n, r: "no JSON" if n % 3 else choice(7))
    run = await played(cast, RECIPE, tmp_path, options={"finished": 2, "agents": 2, "debate": 1})
    assert run.outcome is RunOutcome.committed and (tmp_path / "work" / "answer.py").read_text() == "5\n"
    assert "the highest mean value along its path" in run.decision.reasons[0]


async def test_without_a_discriminator_the_path_of_the_highest_mean_value_is_chosen(tmp_path: Path) -> None:
    cast = cast_of((4, 5), (60, 90))
    run = await played(cast, RECIPE, tmp_path, options={"finished": 2, "discriminator": False})
    assert (tmp_path / "work" / "answer.py").read_text() == "5\n" and "discriminator" not in cast.order
    assert run.outcome is RunOutcome.committed


async def test_whatever_is_said_of_its_value_a_failing_draft_is_not_committed(tmp_path: Path) -> None:
    cast = cast_of((3,), (100,))
    run = await played(cast, RECIPE, tmp_path, options={"nodes": 4})
    assert run.outcome is RunOutcome.abstained and not (tmp_path / "work" / "answer.py").exists()


async def test_a_value_that_cannot_be_used_leaves_it_to_the_checks(tmp_path: Path) -> None:
    cast = cast_of((3, 0, 4), (0,))
    cast.says["value"] = lambda n, r: "no JSON"
    run = await played(cast, RECIPE, tmp_path, options={"finished": 1, "nodes": 5})
    assert run.outcome is RunOutcome.committed and parents(run)[:2] == [None, 0]


async def test_a_draft_that_cannot_be_used_is_not_built_upon(tmp_path: Path) -> None:
    cast = cast_of((4,), (50,))
    cast.says["proposer"] = lambda n, r: "no JSON" if n < 2 else number(4)
    run = await played(cast, RECIPE, tmp_path, options={"finished": 1})
    assert run.outcome is RunOutcome.committed and run.attempts[0].draft.problem is not None
    assert "reviser" not in cast.order


async def test_finished_drafts_that_are_the_same_count_once(tmp_path: Path) -> None:
    cast = cast_of((4,), (50,), discriminator=lambda n, r: choice(1))
    cast.says["proposer"] = lambda n, r: number(4)
    run = await played(cast, RECIPE, tmp_path, options={"finished": 3, "agents": 1, "debate": 1})
    assert run.outcome is RunOutcome.committed and "discriminator" not in cast.order


async def test_a_judge_and_a_reviser_of_the_users_own_are_asked_in_their_places(tmp_path: Path) -> None:
    class Last:
        name = "last"

        async def choose(self, view: View, attempts: Any) -> int | None:
            return len(attempts) - 1

    cast = cast_of((1,), (50, 90))
    mending = Scripted([written(n) for n in range(9)])
    run = await played(cast, RECIPE, tmp_path, options={"finished": 2}, judge=Last(), reviser=mending)
    assert run.outcome is RunOutcome.committed and "last chose it" in run.decision.reasons[0]
    assert "reviser" not in cast.order and "discriminator" not in cast.order


def test_the_defaults_are_the_published_ones(tmp_path: Path) -> None:
    options = RECIPES[RECIPE].options().model_dump()
    expected = {"nodes": 100, "expansions": 3, "depth": 25, "agents": 5, "debate": 3, "temperature": 0.7}
    assert options.items() >= expected.items()
    team = Agent(Asked().model, recipe=RECIPE, store=tmp_path).team
    assert team.policy.rounds == 100 and team.strategy is not None and team.strategy.selects
    assert getattr(team.strategy, "finished", None) == 5
    repair = Agent("builtin:repair", recipe=RECIPE, store=tmp_path).team
    assert getattr(repair.strategy, "finished", None) == 1 and getattr(repair.strategy, "debate", 1) is None


@pytest.mark.parametrize("wrong", [{"nodes": 1}, {"expansions": 0}, {"agents": 0}, {"temperature": 9}, {"finsh": 2}])
def test_options_out_of_range_are_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Agent(Asked().model, recipe=RECIPE, options=wrong, store=tmp_path)


# --- going on, and without a model -------------------------------------------------------------------------------


class Refusing:
    """A critic that has something against the first drafts."""

    name = "refusing"

    async def criticise(self, view: View) -> Critique:
        if view.draft is None or view.round >= 4:
            return Critique(critic=self.name, verdict=Verdict.accept)
        return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim=f"no, {view.round}"),))


async def test_a_run_that_is_broken_off_anywhere_makes_the_same_drafts(tmp_path: Path) -> None:
    def by(request: Request) -> Any:
        text = text_of(request)
        if request.role == "discriminator":
            return choice(1)
        return said_draft(answer=f"after {sorted(set(re.findall(r'no, [0-9]+', text)))}")

    options = {"finished": 2, "agents": 2, "debate": 1, "expansions": 2}
    critics = [EvidenceCritic(), Refusing()]
    run = await ends_alike_wherever_it_is_cut(
        RECIPE, Task(goal="How?"), by, tmp_path, options=options, tools=[], critics=critics
    )
    assert run.outcome is RunOutcome.answered and len(parents(run)) >= 6


async def test_recorded_runs_are_searched_and_samples_taken_in_order(tmp_path: Path) -> None:
    chains = [
        [written(held, 10 * name + place) for place, held in enumerate(chain)]
        for name, chain in enumerate([(0, 0, 0, 0, 0, 0, 0, 0), (2, 3, 4)], 1)
    ]
    run = await played(Recorded(chains), RECIPE, tmp_path)
    plain = await played(Recorded(chains), "core", tmp_path / "core", policy=Policy(rounds=15))
    assert run.outcome is plain.outcome is RunOutcome.committed
    assert len(parents(run)) == 4 < len(parents(plain)) == 11
    samples = Scripted([written(held, held) for held in (1, 4)])
    assert (await played(samples, RECIPE, tmp_path / "samples")).outcome is RunOutcome.committed


@pytest.mark.sandbox
async def test_without_a_model_a_real_bug_is_mended(task: Task, tmp_path: Path) -> None:
    run = await Agent("builtin:repair", recipe=RECIPE, options={"tries": 400}, store=tmp_path / "store").arun(task)
    assert run.outcome is RunOutcome.committed and "of 1 finished drafts" in run.decision.reasons[0]
