"""What a strategy chose, when something happens in between: a refusal, a workspace that moves, a person's word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Choice, EvidenceCritic, Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.graphs.choosing import candidates
from revet.graphs.parts.views import as_first, child_of
from revet.models import Reply, Tokens
from revet.policy import Policy
from revet.schema import (
    Attempt,
    Critique,
    Decision,
    DecisionKind,
    Draft,
    EditFile,
    Evidence,
    Finding,
    Outcome,
    Replacement,
    RunOutcome,
    Task,
    Verdict,
    WriteFile,
)
from revet.tools import ToolCall, View
from tests.graphs.probing import Probe
from tests.graphs.speaking import Checker
from tests.graphs.test_choosing import Sampling, agent, answers, kinds


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


async def test_a_better_way_to_a_refused_answer_is_heard(tmp_path: Path) -> None:
    strategy = Sampling(stepped(("7", "bad"), ("7", "good"), ("8", "good")), enough=3, wanted=0)
    run = await strict(strategy, tmp_path).arun(Task(goal="?"))
    assert run.answer == "7" and run.decision.reasons[0] == "one of 2"


async def test_a_spent_budget_leads_to_the_choice_whatever_the_last_draft_was(tmp_path: Path) -> None:
    for last in ("bad", "unheard"):
        strategy = Sampling(stepped(("7", "good"), ("7", last)), enough=9, wanted=0)
        run = await strict(strategy, tmp_path / last, rounds=1).arun(Task(goal="?"))
        assert run.outcome is RunOutcome.answered and run.answer == "7", last


async def test_who_gives_up_in_a_batch_takes_nothing_from_the_others(tmp_path: Path) -> None:
    drafts = [
        Draft(author="s", answer="7"),
        Draft(author="s", notes="no tokens are left"),
        Draft(author="s", answer="8"),
    ]
    run = await agent(Sampling(drafts, enough=9, wanted=1, batch=3), tmp_path).arun(Task(goal="?"))
    assert run.answer == "8" and run.decision.reasons[0] == "one of 2"
    assert [a.draft.notes for a in run.attempts if a.draft.gives_up] == ["no tokens are left"]


def test_what_an_author_says_of_itself_gives_its_draft_no_parent() -> None:
    told = child_of(Draft(author="s", answer="7", data={"parent": 0, "tried": 3}), None, source=1)
    assert told.data == {"tried": 3, "source": 1}


class Spending(Sampling):
    """Spends ten tokens and a cent on every draft, and takes very long for the third."""

    async def drafts(self, view: View) -> Sequence[Draft]:
        reply = Reply(text="", tokens=Tokens(input=8, output=2), cost=0.01)
        view.fork("sample").account.add("proposer", reply)
        if len(view.attempts) == 2:
            await asyncio.sleep(30)
        return await super().drafts(view)


@pytest.mark.parametrize("budget", [{"seconds": 0.5}, {"tokens": 20}, {"cost": 0.02}, {"tool_calls": 2}, {"rounds": 1}])
async def test_every_budget_leads_to_the_choice(budget: dict[str, Any], tmp_path: Path) -> None:
    policy = Policy(**{"rounds": 9, **budget})
    built = Agent(Scripted([]), critics=[], tools=[Probe()], sandbox=None, policy=policy, store=tmp_path / "store")
    object.__setattr__(built.team, "strategy", Spending(answers("a", "b", "c"), enough=9, wanted=1))
    run = await built.arun(Task(goal="?"))
    assert run.outcome is RunOutcome.answered and run.answer == "b"
    assert run.decision.reasons[0] == "one of 2"


async def test_a_strategy_or_memory_that_answers_something_else_is_a_fault_of_its_author(tmp_path: Path) -> None:
    class Vague(Sampling):
        def wants_more(self, attempts: Sequence[Attempt]) -> Any:
            return True

    with pytest.raises(InputError, match="wants_more of sampling returned True"):
        await agent(Vague(answers("a"), enough=1, wanted=0), tmp_path).arun(Task(goal="?"))
    with pytest.raises(InputError, match="returned Choice"):
        await agent(Sampling(answers("a"), enough=1, wanted="a"), tmp_path).arun(Task(goal="?"))  # type: ignore[arg-type]

    class Forgetful:
        name = "forgetful"

        async def recall(self, view: View) -> Any:
            return None

    built = agent(Sampling(answers("a"), enough=1, wanted=0), tmp_path)
    object.__setattr__(built.team, "memory", Forgetful())
    with pytest.raises(InputError, match="recall of forgetful returned None"):
        await built.arun(Task(goal="?"))


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


@pytest.mark.parametrize("rounds", [4, 1])
async def test_a_chosen_draft_that_applies_no_more_leaves_the_others(rounds: int, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "mark").write_text("green")
    change = EditFile(path="mark", replacements=(Replacement(search="green", replace="greener"),))
    drafts = [
        Draft(author="s", actions=(change,)),
        Draft(author="s", actions=(WriteFile(path="last.txt", content="last"),)),
    ]
    strategy = Moving(drafts, ("greener", "last"), place / "mark")
    policy = Policy(rounds=rounds, unproven="commit")
    built = Agent(Scripted([]), critics=[], tools=[], sandbox=None, store=tmp_path / "store", policy=policy)
    object.__setattr__(built.team, "strategy", strategy)
    run = await built.arun(Task(goal="?", workspace=str(place)))
    assert run.outcome is RunOutcome.committed and (place / "last.txt").exists()
    refused = next(a for a in run.attempts if a.draft == drafts[0] and a.decision and not a.decision.held)
    assert refused.decision is not None
    assert refused.decision.kind is (DecisionKind.revise if rounds == 4 else DecisionKind.choose)
    assert any("apply draft" in reason for reason in refused.decision.reasons)


class Breaks(EvidenceCritic):
    """Breaks off once, at the first draft that is examined in a red workspace."""

    broke = False

    async def criticise(self, view: View) -> Critique:
        assert view.workspace is not None
        if not self.broke and (view.workspace / "mark").read_text() == "red":
            self.broke = True
            raise RuntimeError("the process ends here")
        return await super().criticise(view)


async def test_a_run_that_broke_off_after_the_choice_goes_on_with_what_was_chosen(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "mark").write_text("green")
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=n),)) for n in ("first", "last")]
    strategy = Moving(drafts, ("first", "last"), place / "mark")
    built = Agent(Scripted([]), critics=[Breaks()], tools=[Marked()], sandbox=None, store=tmp_path / "store")
    object.__setattr__(built.team, "strategy", strategy)
    task = Task(goal="?", workspace=str(place), edit=("*.txt",), checks=("the mark is green",))
    with pytest.raises(RuntimeError):
        await built.arun(task, run_id="r-1")
    (place / "mark").write_text("green")  # and now it would pass
    run = await built.arun(task, run_id="r-1")
    assert strategy.chosen == 2 and run.outcome is RunOutcome.committed
    assert [p.name for p in place.glob("*.txt")] == ["last.txt"], "examined anew, where it passes now"
    told = [e.outcome for a in run.attempts for e in a.evidence if e.check and a.draft == drafts[0]]
    assert told[:2] == [Outcome.passed, Outcome.failed], "what was seen of it stays as it was seen"


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


async def test_where_what_a_person_asked_for_comes_to_nothing_they_are_asked_of_the_others(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=str(n)),)) for n in range(3)]
    built = agent(Sampling(drafts, enough=3, wanted=1), tmp_path)
    object.__setattr__(built.team, "reviser", Scripted([]))
    built.policy = Policy(rounds=9, approve="ask", unproven="commit")
    asked = await built.arun(Task(goal="?", workspace=str(place)))
    assert asked.best is not None and asked.best.draft == drafts[1]
    again = await asyncio.to_thread(built.resume, asked.id, {"type": "respond", "message": "not so"})
    assert again.outcome is RunOutcome.asked and again.best is not None and again.best.draft == drafts[2]


async def test_a_dry_run_shows_what_was_chosen(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    drafts = [Draft(author="s", actions=(WriteFile(path=f"{n}.txt", content=str(n)),)) for n in range(3)]
    built = agent(Sampling(drafts, enough=3, wanted=1), tmp_path)
    built.policy = Policy(rounds=9, approve="never", unproven="commit")
    run = await built.arun(Task(goal="?", workspace=str(place)))
    assert run.outcome is RunOutcome.abstained and run.best is not None
    assert run.best.draft.actions == drafts[1].actions
