"""What a strategy chose, when something happens in between: a refusal, a workspace that moves, a person's word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from revet.agents import Choice, EvidenceCritic, Scripted
from revet.graphs import Agent
from revet.graphs.choosing import candidates
from revet.graphs.parts.views import as_first
from revet.policy import Policy
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    Evidence,
    Finding,
    Outcome,
    RunOutcome,
    Task,
    Verdict,
    WriteFile,
)
from revet.tools import ToolCall, View
from tests.graphs.speaking import Checker
from tests.graphs.test_choosing import Sampling, agent, kinds


class Strict:
    """Objects to what was come by in steps that say `bad`; cannot be heard on what they call `unheard`."""

    name = "strict"

    async def criticise(self, view: View) -> Critique:
        assert view.draft is not None
        if "bad" in view.draft.steps:
            return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="bad steps"),))
        return Critique(critic=self.name, verdict=Verdict.accept, heard="unheard" not in view.draft.steps)


def stepped(*samples: tuple[str, str]) -> list[Draft]:
    return [Draft(author="sample", answer=answer, steps=(step,)) for answer, step in samples]


def strict(strategy: Sampling, folder: Path, rounds: int = 10) -> Agent:
    built = agent(strategy, folder, rounds)
    object.__setattr__(built.team, "critics", (Strict(),))
    return built


async def test_an_answer_that_was_badly_come_by_leaves_the_same_answer_a_candidate(tmp_path: Path) -> None:
    strategy = Sampling(stepped(("7", "good"), ("7", "bad"), ("8", "good")), enough=3, wanted=0)
    run = await strict(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "7" and run.decision.reasons[0] == "one of 2"


async def test_a_spent_budget_leads_to_the_choice_whatever_the_last_draft_was(tmp_path: Path) -> None:
    for last in ("bad", "unheard"):
        strategy = Sampling(stepped(("7", "good"), ("7", last)), enough=9, wanted=0)
        run = await strict(strategy, tmp_path / last, rounds=1).arun(Task(goal="?"))
        assert run.outcome is RunOutcome.answered and run.answer == "7", last


class Fickle:
    """Accepts an action once, and objects to it when it comes again in other words."""

    name = "fickle"

    async def criticise(self, view: View) -> Critique:
        assert view.draft is not None
        if view.draft.steps:
            return Critique(critic=self.name, verdict=Verdict.revise, findings=(Finding(claim="no"),))
        return Critique(critic=self.name, verdict=Verdict.accept)


async def test_what_nothing_is_left_of_is_not_chosen_from(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    write = WriteFile(path="a.txt", content="a")
    drafts = [Draft(author="s", actions=(write,)), Draft(author="s", actions=(write,), steps=("again",))]
    built = agent(Sampling(drafts, enough=9, wanted=0), tmp_path, rounds=1)
    object.__setattr__(built.team, "critics", (Fickle(),))
    run = await built.arun(Task(goal="?", workspace=str(place)))
    assert run.outcome is RunOutcome.abstained and not [*place.glob("*.txt")]


def attempt(number: int, draft: Draft, held: bool, outcome: Outcome) -> Attempt:
    seen = Evidence(tool="tests", request="t", outcome=outcome, check="t", required=True)
    decision = Decision(kind=DecisionKind.revise, held=held)
    return Attempt(round=number, draft=draft, evidence=(seen,), decision=decision)


def test_what_the_evidence_refused_later_is_no_candidate_whatever_its_steps() -> None:
    first, again = stepped(("7", "one"), ("7", "two"))
    passed = attempt(0, first, True, Outcome.passed)
    assert candidates([passed, attempt(1, again, False, Outcome.failed)]) == []
    assert candidates([passed, attempt(1, again, False, Outcome.passed)]) == [passed]
    assert candidates([passed, attempt(1, first, False, Outcome.passed)]) == []


class Moving:
    """Chooses what writes `wanted`, and marks the workspace red before the first choice."""

    name, selects = "moving", True

    def __init__(self, drafts: Sequence[Draft], wanted: Sequence[str], marks: Path) -> None:
        self.source, self.wanted, self.marks, self.chosen = Scripted(drafts), [*wanted], marks, 0
        self.enough = len(drafts)

    async def drafts(self, view: View) -> Sequence[Draft]:
        if len(view.attempts) >= self.enough:
            return [Draft(author=self.name, notes="all were drawn")]
        return [await self.source.propose(as_first(view))]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return "more" if len(attempts) < self.enough else None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        self.chosen += 1
        if self.chosen == 1:
            self.marks.write_text("red")
        wanted = self.wanted[self.chosen - 1]
        return Choice(next(n for n, a in enumerate(candidates) if wanted in a.diff))


class Marked(Checker):
    """The check passes while the workspace is marked green."""

    async def run(self, call: ToolCall, view: View) -> Evidence:
        assert view.workspace is not None
        seen = await super().run(call, view)
        green = view.draft is not None and (view.workspace / "mark").read_text() == "green"
        return seen.model_copy(update={"outcome": Outcome.passed if green else Outcome.failed})


async def test_a_choice_after_a_choice_that_failed_rests_on_no_evidence_of_another_world(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "mark").write_text("green")
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=n),)) for n in ("first", "last")]
    strategy = Moving(drafts, ("first", "last"), place / "mark")
    built = Agent(Scripted([]), critics=[EvidenceCritic()], tools=[Marked()], sandbox=None, store=tmp_path / "store")
    object.__setattr__(built.team, "strategy", strategy)
    run = await built.arun(Task(goal="?", workspace=str(place), edit=("*.txt",), checks=("the mark is green",)))
    assert strategy.chosen == 2
    assert run.outcome is RunOutcome.abstained and not [*place.glob("*.txt")]
    assert len({a.round for a in run.attempts if a.decision and a.decision.kind != "choose"}) >= 3


async def test_what_a_person_asked_for_is_put_to_them_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=str(n)),)) for n in range(3)]
    wished = Draft(author="reviser", actions=(WriteFile(path="wished.txt", content="so"),))
    built = agent(Sampling(drafts, enough=3, wanted=1), tmp_path)
    object.__setattr__(built.team, "reviser", Scripted([wished] * 9))
    built.policy = Policy(rounds=9, approve="ask", unproven="commit")
    asked = await built.arun(Task(goal="?", workspace=str(place)))
    assert asked.outcome is RunOutcome.asked
    again = await asyncio.to_thread(built.resume, asked.id, {"type": "respond", "message": "call it wished"})
    assert again.outcome is RunOutcome.asked and kinds(again.attempts)[-1] == ("ask", False)
    assert again.attempts[-1].draft.actions == wished.actions
    done = await asyncio.to_thread(built.resume, asked.id, True)
    assert done.outcome is RunOutcome.committed and [p.name for p in place.glob("*.txt")] == ["wished.txt"]


async def test_a_dry_run_shows_what_was_chosen(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=str(n)),)) for n in range(3)]
    built = agent(Sampling(drafts, enough=3, wanted=1), tmp_path)
    built.policy = Policy(rounds=9, approve="never", unproven="commit")
    run = await built.arun(Task(goal="?", workspace=str(place)))
    assert run.outcome is RunOutcome.abstained and run.best is not None
    assert run.best.draft.actions == drafts[1].actions
