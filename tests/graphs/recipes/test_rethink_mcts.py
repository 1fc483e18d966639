"""RethinkMCTS: who is asked in which order, what each is shown, which thought is taken, and when it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
from revet.schema import Critique, Finding, RunOutcome, Task, Verdict
from revet.tools.base import View
from tests.agents.chat_support import outside_fences, said_critique, said_draft
from tests.graphs.recipes.cutting import ends_alike_wherever_it_is_cut
from tests.graphs.recipes.search_support import Asked, number, played, text_of, written

RECIPE = "rethink-mcts"


def ways(*thoughts: tuple[str, float]) -> dict[str, Any]:
    return {"thoughts": [{"thought": text, "reasonableness": prior} for text, prior in thoughts]}


THREE = ways(("Count by ones.", 0.5), ("Count by twos.", 0.3), ("Guess it.", 0.2))


def thinking(n: int, request: Request) -> Any:
    """Three thoughts where it is to expand, one where it is to rewrite."""
    rewriting = "Replace the last of the thoughts" in text_of(request)
    return {"thought": f"Rather this, {n}."} if rewriting else THREE


def numbers(*held: int) -> Any:
    """A writer of these numbers; of the last of them for ever, each with another note."""
    return lambda n, request: number(held[min(n, len(held) - 1)], note=str(n))


def data_of(run: Any, key: str) -> list[Any]:
    drafts = {attempt.round: attempt.draft for attempt in run.attempts}
    return [draft.data.get(key) for draft in drafts.values() if not draft.gives_up]


async def test_a_thought_that_fails_is_rewritten_twice_and_then_built_upon(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1, 2, 3, 4))
    run = await played(cast, RECIPE, tmp_path)
    assert cast.order == ["thinker", "proposer"] * 4 and run.outcome is RunOutcome.committed
    assert (tmp_path / "work" / "answer.py").read_text() == "4\n"
    assert data_of(run, "instead_of") == [None, 0, 0, None]
    assert data_of(run, "parent") == [None, None, None, 2] and data_of(run, "slot") == [0, None, None, 0]
    assert [t["text"] for t in data_of(run, "thought")] == [
        "Count by ones.", "Rather this, 1.", "Rather this, 2.", "Count by ones.",
    ]  # fmt: skip


async def test_the_writer_sees_the_thoughts_alone_and_the_thinker_how_their_code_failed(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1, 2, 3, 4))
    await played(cast, RECIPE, tmp_path, options={"rethinks": 1})
    first, rewritten, second, _ = (text_of(r) for r in cast.of("proposer"))
    assert "Count by ones." in first and "Count by twos." not in first
    assert "Rather this, 1." in rewritten and "Count by ones." not in rewritten
    assert second.index("Rather this, 1.") < second.index("Count by ones.")
    for each in (rewritten, second):
        assert "Tried already" not in each and "1 of 4 tests pass" not in each and "Your last draft" not in each
    expand, rewrite, deeper, _ = (text_of(r) for r in cast.of("thinker"))
    assert "up to 3 different ways" in expand and "0 of 4 tests pass" in expand
    assert "1 of 4 tests pass" in rewrite and "Count by ones." in rewrite and "Count by twos." in rewrite
    assert "2 of 4 tests pass" in deeper and "up to 3 different ways" in deeper
    assert "Count by ones." not in deeper.split("Thoughts so far")[1].split("## Draft")[0]


async def test_what_tools_saw_and_models_thought_is_fenced(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1, 2, 4))
    await played(cast, RECIPE, tmp_path)
    for request in cast.requests:
        bare = outside_fences(request.messages[-1].text)
        assert "tests pass" not in bare and "Count by" not in bare and "Rather this" not in bare


async def test_each_model_that_is_named_has_its_part(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1, 4))
    again = Asked(thinker=thinking)
    critic = Asked(critic=lambda n, r: said_critique("accept"))
    run = await played(cast, RECIPE, tmp_path, reviser=again.model, critic=critic.model)
    assert run.outcome is RunOutcome.committed
    assert cast.order == ["thinker", "proposer", "proposer"] and again.order == ["thinker"]
    assert critic.order == ["critic", "critic"]


async def test_selection_goes_by_the_prior_and_by_what_came_of_it(tmp_path: Path) -> None:
    """The second thought is tried though the first has the higher prior, and built upon for what came of it."""
    near = ways(("First.", 0.4), ("Second.", 0.35), ("Third.", 0.25))
    cast = Asked(thinker=lambda n, r: near, proposer=numbers(0, 3, 4))
    run = await played(cast, RECIPE, tmp_path, options={"rethinks": 0})
    assert data_of(run, "slot") == [0, 1, 0] and data_of(run, "parent") == [None, None, 1]
    assert [a.draft.steps for a in run.attempts[:3]] == [("First.",), ("Second.",), ("Second.", "First.")]


async def test_it_ends_after_so_many_rollouts_with_the_best_draft(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1, 3, 2))
    run = await played(cast, RECIPE, tmp_path, options={"rollouts": 3, "rethinks": 0})
    assert run.outcome is RunOutcome.abstained and "3 rollouts" in run.decision.reasons[0]
    assert cast.order.count("proposer") == 3 and run.best is not None
    assert "3 of 4" in run.best.evidence[0].observation
    assert not (tmp_path / "work" / "answer.py").exists()


async def test_no_thought_is_followed_deeper_than_it_may_be(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=numbers(1))
    run = await played(cast, RECIPE, tmp_path, options={"depth": 1, "rethinks": 0})
    assert data_of(run, "slot") == [0, 1, 2] and "no node of the tree leads any further" in run.decision.reasons[0]


def test_the_defaults_are_the_published_ones(tmp_path: Path) -> None:
    options = RECIPES[RECIPE].options().model_dump()
    expected = {"rollouts": 16, "width": 3, "rethinks": 2, "exploration": 4.0, "all_rollouts": False}
    assert options.items() >= expected.items()
    agent = Agent(Asked().model, recipe=RECIPE, store=tmp_path)
    assert agent.policy.rounds == 48 and [t.name for t in agent.team.tools] == ["tests", "coverage", "blocks"]
    assert Agent(Asked().model, recipe=RECIPE, store=tmp_path, policy=Policy(rounds=5)).policy.rounds == 5


@pytest.mark.parametrize("wrong", [{"width": 0}, {"rollouts": 0}, {"rethinks": -1}, {"exploration": -1}, {"depht": 3}])
def test_options_out_of_range_are_refused(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Agent(Asked().model, recipe=RECIPE, options=wrong, store=tmp_path)


def test_too_few_rounds_and_a_proposer_that_cannot_revise_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs 1 round"):
        Agent(Asked().model, recipe=RECIPE, policy=Policy(rounds=0), store=tmp_path)

    class Once:
        name = "once"

        async def propose(self, view: Any) -> Any: ...

    with pytest.raises(InputError, match="has no `revise`"):
        Agent(Once(), recipe=RECIPE, store=tmp_path)


# --- what cannot be used -----------------------------------------------------------------------------------------


async def test_a_thinker_that_is_never_understood_ends_the_run_soon(tmp_path: Path) -> None:
    cast = Asked(thinker=lambda n, r: "no JSON at all", proposer=numbers(4))
    run = await played(cast, RECIPE, tmp_path)
    assert run.outcome is RunOutcome.abstained and "in a row could not be used" in run.decision.reasons[0]
    assert "proposer" not in cast.order and len(run.attempts) == 5


async def test_a_thinker_that_is_understood_the_second_time_is_heard(tmp_path: Path) -> None:
    cast = Asked(thinker=lambda n, r: {"thoughts": []} if n < 2 else THREE, proposer=numbers(4))
    run = await played(cast, RECIPE, tmp_path)
    assert run.outcome is RunOutcome.committed and run.attempts[0].draft.problem is not None


async def test_code_that_cannot_be_used_is_a_node_worth_nothing(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=lambda n, r: "no JSON" if n < 2 else number(4))
    run = await played(cast, RECIPE, tmp_path)
    assert run.outcome is RunOutcome.committed and data_of(run, "instead_of") == [None, 0]


# --- all rollouts ------------------------------------------------------------------------------------------------


async def test_with_all_rollouts_the_best_reward_is_chosen_and_only_what_passes_is_evaluated(tmp_path: Path) -> None:
    said = [0.1, 0.9, -0.5]
    cast = Asked(
        thinker=thinking,
        proposer=lambda n, r: number([5, 6, 7, 1][min(n, 3)]),
        evaluator=lambda n, r: {"explanation": "it counts", "evaluation": said[n]},
    )
    run = await played(cast, RECIPE, tmp_path, options={"all_rollouts": True, "rollouts": 4, "rethinks": 0})
    assert run.outcome is RunOutcome.committed and len(cast.of("evaluator")) == 3
    assert (tmp_path / "work" / "answer.py").read_text() == "6\n"
    assert "the highest reward of 3 drafts" in run.decision.reasons[0] and "0.980" in run.decision.reasons[0]


async def test_an_evaluation_can_let_nothing_through(tmp_path: Path) -> None:
    cast = Asked(
        thinker=thinking, proposer=numbers(1), evaluator=lambda n, r: {"explanation": "fine", "evaluation": 1.0}
    )
    run = await played(cast, RECIPE, tmp_path, options={"all_rollouts": True, "rollouts": 2, "rethinks": 0})
    assert run.outcome is RunOutcome.abstained and "evaluator" not in cast.order


# --- going on, and without a model -------------------------------------------------------------------------------


def by_request(request: Request) -> Any:
    """The same answer to the same question, whoever asks when: a writer answers with the thoughts that it was given."""
    text = text_of(request)
    if request.role == "thinker":
        return {"thought": "Rather this."} if "Replace the last" in text else THREE
    return said_draft(answer=" ".join(re.findall(r"Count by \w+|Rather this|Guess it", text)))


async def test_a_run_that_is_broken_off_anywhere_makes_the_same_drafts(tmp_path: Path) -> None:
    options = {"rethinks": 1, "rollouts": 9}
    critics = [EvidenceCritic(), Refusing(5)]
    run = await ends_alike_wherever_it_is_cut(
        RECIPE, Task(goal="How?"), by_request, tmp_path, options=options, tools=[], critics=critics
    )
    assert run.outcome is RunOutcome.answered and data_of(run, "instead_of") == [None, 0, None, 2, None, 4]


class Refusing:
    """A critic that has something against the first drafts."""

    name = "refusing"

    def __init__(self, first: int) -> None:
        self.first = first

    async def criticise(self, view: View) -> Critique:
        if view.draft is None or view.round >= self.first:
            return Critique(critic=self.name, verdict=Verdict.accept)
        return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim=f"no, {view.round}"),))


async def test_recorded_samples_are_taken_one_after_another(tmp_path: Path) -> None:
    drafts = [written(held, spaces) for spaces, held in enumerate([1, 2, 4, 4])]
    run = await played(Scripted(drafts), RECIPE, tmp_path)
    assert run.outcome is RunOutcome.committed and [len(a.draft.actions) for a in run.attempts] == [1, 1, 1]
    spent = await played(Scripted(drafts[:2]), RECIPE, tmp_path / "spent")
    assert spent.outcome is RunOutcome.abstained and "no draft number 3" in spent.decision.reasons[0]


async def test_of_recorded_runs_the_one_that_comes_further_goes_on(tmp_path: Path) -> None:
    def chain(name: int, *held: int) -> Sequence[Any]:
        return [written(value, 10 * name + place) for place, value in enumerate(held)]

    poor, good = chain(1, 0, 0, 0, 0, 0, 0, 0, 0), chain(2, 2, 3, 3, 4)
    run = await played(Recorded([poor, good]), RECIPE, tmp_path, options={"rethinks": 0, "exploration": 1.0})
    plain = await played(Recorded([poor, good]), "core", tmp_path / "core", policy=Policy(rounds=15))
    assert run.outcome is plain.outcome is RunOutcome.committed
    assert len(run.attempts) < len(plain.attempts) == 12


TWICE = """def between(values, low, high):
    count = 1
    for value in values:
        if low <= value < high:
            count += 1
    return count
"""

COUNTS = """from between import between


def test_none():
    assert between([], 1, 3) == 0


def test_outside():
    assert between([5], 1, 3) == 0


def test_border():
    assert between([3, 3], 1, 3) == 2
"""


@pytest.mark.sandbox
async def test_a_fault_in_two_places_is_mended_in_two_steps_without_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "between"
    folder.mkdir()
    (folder / "between.py").write_text(TWICE)
    (folder / "test_between.py").write_text(COUNTS)
    task = Task(goal="Mend it.", workspace=str(folder), edit=("between.py",), checks=("pytest -q",))
    run = await Agent(
        "builtin:repair", recipe=RECIPE, options={"tries": 480, "rethinks": 0}, store=tmp_path / "store"
    ).arun(task)
    assert run.outcome is RunOutcome.committed
    assert run.attempts[-1].draft.data.get("parent") is not None
    assert sum(int(n or 0) for n in data_of(run, "tried")) <= 480


async def test_a_question_without_checks_is_answered(tmp_path: Path) -> None:
    cast = Asked(thinker=thinking, proposer=lambda n, r: {**number(1), "actions": [], "answer": "4"})
    agent = Agent(cast.model, recipe=RECIPE, sandbox=None, store=tmp_path, tools=[])
    run = await agent.arun(Task(goal="What is two and two?"))
    assert run.outcome is RunOutcome.answered and run.answer == "4" and cast.order == ["thinker", "proposer"]
