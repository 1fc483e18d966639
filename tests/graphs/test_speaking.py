"""Language models in the loop: accounts, budgets, failures, tools that roles use, and who is cast."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from revet.agents import Scripted
from revet.errors import InputError, ModelFailed
from revet.graphs import Agent, events
from revet.graphs.team import Recipe, Roles, Team
from revet.models import LanguageModel, Prices, Request
from revet.policy import Policy
from revet.schema import (
    Attempt,
    CallTool,
    Critique,
    DecisionKind,
    Draft,
    Evidence,
    Finding,
    Outcome,
    RunOutcome,
    Spent,
    Task,
    Verdict,
)
from revet.store import Store
from revet.tools import ToolCall, View
from tests.graphs.speaking import RIGHT, Checker, Library, Reader, Teller, Writer, agent, said, story, task_in

QUESTION = Task(id="question", goal="How many?")


def asking(roles: Any, store: Path, **more: Any) -> Agent:
    """An agent for questions: no workspace, no sandbox."""
    return Agent(roles, **{"sandbox": None, "tools": [], "critics": [], "store": store, **more})


class Says:
    """Answers `answers` in turn, and asks its model before each if it has one."""

    name = "says"

    def __init__(self, answers: Sequence[str], model: LanguageModel | None = None) -> None:
        self.answers, self.model = list(answers), model

    async def propose(self, view: View) -> Draft:
        return await self._answer(0, view)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self._answer(view.round + 1, view)

    async def _answer(self, number: int, view: View) -> Draft:
        if self.model is not None:
            await said(self.model, view.account, "proposer", f"number {number}")
        return Draft(author=self.name, answer=self.answers[min(number, len(self.answers) - 1)])


class Objects:
    """Never content; cites what there is."""

    name = "objects"

    async def criticise(self, view: View) -> Critique:
        finding = Finding(claim="no", evidence=tuple(e.id for e in view.evidence))
        return Critique(critic=self.name, verdict=Verdict.revise, findings=(finding,))


# --- accounts and budgets -------------------------------------------------------------------------------------


def test_what_each_role_spends_is_counted(tmp_path: Path) -> None:
    teller = Teller(story)
    run = agent(teller, tmp_path / "store").run(task_in(tmp_path / "work"))
    assert run.outcome is RunOutcome.committed
    once = Spent(calls=1, input_tokens=10, output_tokens=2, cost=0.001)
    twice = once + once
    assert run.usage.roles == {"proposer": twice, "ann": twice, "reviser": once, "bob": twice}
    assert run.usage.tokens == 12 * len(teller.asked)
    # The baseline, a look-up and two examinations.
    assert run.usage.tool_calls == 4


@pytest.mark.parametrize("policy", [Policy(tokens=30), Policy(cost=0.0025)], ids=["tokens", "cost"])
def test_a_spent_budget_ends_the_run_with_the_best_draft_and_the_reason(policy: Policy, tmp_path: Path) -> None:
    teller = Teller(lambda request: "so")
    model = LanguageModel(teller, prices=Prices(input=1, output=1))
    drafts = Says(["one", "two", "three", "four", "five"], model)
    run = asking(drafts, tmp_path, critics=[Objects()], policy=policy).run(QUESTION)
    assert run.outcome is RunOutcome.abstained
    assert len(teller.asked) == 3
    assert run.best is not None and run.best.draft.answer == "one"
    assert any("budget" in reason and ("tokens" in reason or "cost" in reason) for reason in run.decision.reasons)


def test_a_critic_that_cannot_afford_to_judge_leaves_the_draft_uncommitted(tmp_path: Path) -> None:
    """Its evidence proves the draft, but the veto of a critic that somebody wants may be missing."""

    def right_at_once(request: Request) -> str:
        return RIGHT if request.messages[-1].text.startswith("first") else story(request)

    for tokens, outcome in ((None, RunOutcome.committed), (24, RunOutcome.abstained)):
        folder = tmp_path / str(tokens)
        run = agent(Teller(right_at_once), folder / "store", policy=Policy(tokens=tokens)).run(task_in(folder / "w"))
        assert run.outcome is outcome, run.decision
    assert "ann could not judge" in run.decision.reasons[0]
    assert run.best is not None and run.best.draft.actions
    assert not (folder / "w" / "answer.py").exists()


def test_critics_that_judge_at_the_same_time_share_what_is_left(tmp_path: Path) -> None:
    class Endless(Reader):
        async def criticise(self, view: View) -> Critique:
            for number in range(50):
                await said(self.model, view.account, self.name, f"{number}")
                await asyncio.sleep(0)
            return Critique(critic=self.name, verdict=Verdict.accept)

    teller = Teller(lambda request: "so")
    model = LanguageModel(teller)
    critics = [Endless(model, "ann"), Endless(model, "bob")]
    run = asking(Says(["one"]), tmp_path, critics=critics, policy=Policy(tokens=120)).run(QUESTION)
    assert run.outcome is RunOutcome.abstained
    assert 120 <= run.usage.tokens <= 132 and len(teller.asked) <= 11


def test_a_critic_that_is_too_late_is_not_passed_over(tmp_path: Path) -> None:
    class Sleeper(Objects):
        async def criticise(self, view: View) -> Critique:
            await asyncio.sleep(600)
            return await super().criticise(view)

    run = asking(Says(["one"]), tmp_path, critics=[Sleeper()], policy=Policy(seconds=1)).run(QUESTION)
    assert run.outcome is RunOutcome.abstained
    assert "wall time" in run.decision.reasons[0]


# --- failures of models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["proposer", "reviser", "ann"])
def test_a_model_that_fails_fails_the_run_which_can_be_continued(role: str, tmp_path: Path) -> None:
    def fails(request: Request) -> str:
        if request.role == role and broken:
            raise ModelFailed("401: no such key", status=401)
        return story(request)

    broken = True
    teller, store = Teller(fails), tmp_path / "store"
    task = task_in(tmp_path / "work")
    with pytest.raises(ModelFailed, match="401"):
        agent(teller, store).run(task, run_id="r-1")
    record = Store(store).get("r-1")
    assert record.outcome is RunOutcome.failed and "401" in str(record.error)
    assert not (tmp_path / "work" / "answer.py").exists()
    assert Store(store).unfinished(task) == "r-1"
    broken = False
    before = len(teller.asked)
    run = agent(teller, store).run(task, run_id="r-1")
    assert run.outcome is RunOutcome.committed
    # What failed is asked again, and nothing that was answered.
    assert len(teller.asked) == before + {"proposer": 7, "reviser": 3, "ann": 4}[role]


def test_a_draft_that_could_not_be_understood_counts_and_is_never_staged(tmp_path: Path) -> None:
    muttering = Draft(author="scripted", problem="the answer is no JSON")
    good = Draft(author="scripted", answer="42")
    said = asking(Scripted([muttering, muttering, good]), tmp_path).run(QUESTION)
    assert said.outcome is RunOutcome.answered and said.answer == "42"
    assert said.usage.rounds == 2
    first, second, _ = said.attempts
    assert first.decision is not None and first.decision.kind is DecisionKind.revise
    assert "no JSON" in first.decision.reasons[0]
    assert [e.outcome for e in first.evidence] == [Outcome.error] and first.changes is None
    assert second.evidence == first.evidence
    alone = asking(Scripted([muttering]), tmp_path).run(QUESTION)
    assert alone.outcome is RunOutcome.abstained and alone.best is None


def test_a_draft_that_acts_on_a_workspace_needs_one(tmp_path: Path) -> None:
    draft = Draft(author="scripted", actions=(CallTool(name="pay"),))
    run = asking(Scripted([draft]), tmp_path).run(QUESTION)
    assert run.outcome is RunOutcome.abstained
    assert "no workspace" in run.attempts[0].evidence[0].observation


# --- tools that roles use -------------------------------------------------------------------------------------


class Adds:
    """Adds numbers.  Says that its answer is that of the draft, which is not for it to say."""

    name = "adds"

    class arguments(BaseModel):
        """Adds numbers."""

        numbers: list[int]

    def __init__(self) -> None:
        self.runs = 0

    def plan(self, view: View) -> Sequence[ToolCall]:
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        self.runs += 1
        if "13" in call.request:
            raise InputError("thirteen is not for adding")
        total = sum(int(str(n)) for n in call.arguments["numbers"])  # type: ignore[union-attr]
        return Evidence(
            tool=self.name,
            request=call.request,
            outcome=Outcome.passed,
            observation=str(total),
            data={"answer": total, "total": total},
            check=call.check,
            required=True,
        )


def test_what_roles_look_up_is_evidence_of_the_round_and_proves_nothing(tmp_path: Path) -> None:
    class Looks(Says):
        async def _answer(self, number: int, view: View) -> Draft:
            seen = await view.use(ToolCall(tool="adds", request="sum", arguments={"numbers": [1, 2]}, required=True))
            assert seen.data["answer"] == 3 and not seen.required
            return Draft(author=self.name, answer=f"it is {seen.observation}")

    class Checks(Objects):
        async def criticise(self, view: View) -> Critique:
            seen = await view.use(ToolCall(tool="adds", request="again", arguments={"numbers": [3, number]}))
            finding = Finding(claim=seen.observation, evidence=(seen.id,))
            verdict = Verdict.revise if view.round == 0 else Verdict.accept
            return Critique(critic=self.name, verdict=verdict, findings=(finding,))

    number = 1
    tool = Adds()
    run = asking(Looks([""]), tmp_path, tools=[tool], critics=[Checks()], policy=Policy(opinions="note")).run(QUESTION)
    # The revision is the same draft, so it is not examined again and keeps its critique.
    assert run.outcome is RunOutcome.abstained and len(run.attempts) == 5
    first = run.attempts[0]
    assert [(e.request, e.required, e.check) for e in first.evidence] == [("sum", False, None), ("again", False, None)]
    assert "answer" not in first.evidence[0].data and first.answer == "it is 3"
    assert first.decision is not None and "(opinion)" not in first.decision.reasons[0]
    assert run.usage.tool_calls == tool.runs == 6


def test_a_role_hears_what_is_wrong_with_its_call(tmp_path: Path) -> None:
    heard: list[str] = []

    class Clumsy(Says):
        async def _answer(self, number: int, view: View) -> Draft:
            with pytest.raises(LookupError, match="no tool 'search' here; the tools: adds"):
                await view.use(ToolCall(tool="search", request="x"))
            for call in (
                ToolCall(tool="adds", request="x", arguments={"numbers": "many"}),
                ToolCall(tool="adds", request="13", arguments={"numbers": [1]}),
            ):
                seen = await view.use(call)
                assert seen.outcome is Outcome.error
                heard.append(seen.observation)
            return Draft(author=self.name, answer="so")

    run = asking(Clumsy([""]), tmp_path, tools=[Adds()]).run(QUESTION)
    assert run.outcome is RunOutcome.answered
    assert "numbers" in heard[0] and "thirteen" in heard[1]


async def test_looking_up_stops_at_the_budget_of_tool_calls(tmp_path: Path) -> None:
    class Greedy(Says):
        async def _answer(self, number: int, view: View) -> Draft:
            calls = [ToolCall(tool="adds", request=str(n), arguments={"numbers": [n]}) for n in range(4)]
            seen = [await view.use(call) for call in calls]
            return Draft(author=self.name, answer=" ".join(e.outcome for e in seen))

    greedy = asking(Greedy([""]), tmp_path, tools=[Adds()], policy=Policy(tool_calls=2))
    said = [event async for event in greedy.astream(QUESTION)]
    assert isinstance(said[-1], events.Finished)
    assert said[-1].run.answer == "passed passed inconclusive inconclusive"
    assert said[-1].run.usage.tool_calls == 2
    examined = [event.evidence.request for event in said if isinstance(event, events.Examined)]
    assert examined == ["0", "1", "2", "3"]


def test_tools_look_at_an_answer_and_run_no_check_again(tmp_path: Path) -> None:
    class Judges(Checker):
        """Also looks at the answer of each draft."""

        def __init__(self) -> None:
            self.ran: list[str] = []

        def plan(self, view: View) -> Sequence[ToolCall]:
            looks = [ToolCall(tool=self.name, request=f"look at {view.draft.answer}")] if view.draft else []
            return [*super().plan(view), *looks]

        async def run(self, call: ToolCall, view: View) -> Evidence:
            self.ran.append(call.request)
            seen = await super().run(call, view)
            return seen.model_copy(update={"data": {"answer": 7}}) if call.check is None else seen

    tool = Judges()
    work = task_in(tmp_path / "work")
    run = asking(Says(["7 of course", "7"]), tmp_path / "s", tools=[tool], policy=Policy(rounds=1)).run(work)
    assert tool.ran == ["the file says 42", "look at 7 of course", "look at 7"]
    assert [e.request for e in run.attempts[1].evidence] == ["the file says 42", "look at 7"]
    assert run.attempts[0].answer == "7"
    assert run.outcome is RunOutcome.abstained, "the check of the task has failed, and still does"


# --- when to stop, and what is reported -----------------------------------------------------------------------


def test_an_answer_that_stays_the_same_stands(tmp_path: Path) -> None:
    answers = ["Paris", "Lyon", "Nice", " NICE", "nice  ", "Paris"]
    run = asking(Says(answers), tmp_path, critics=[Objects()], policy=Policy(stable=2, rounds=9)).run(QUESTION)
    assert run.outcome is RunOutcome.answered
    assert len(run.attempts) == 5 and run.answer == "nice  "
    assert "given again 2 times" in run.decision.reasons[0]
    never = asking(Says(answers), tmp_path, critics=[Objects()], policy=Policy(rounds=5)).run(QUESTION)
    assert never.outcome is RunOutcome.abstained


class Last:
    """Prefers the last, if it may choose."""

    name = "last"

    def __init__(self, choice: int | None = -1, error: Exception | None = None) -> None:
        self.choice, self.error = choice, error
        self.shown: list[Sequence[Attempt]] = []

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        self.shown.append(attempts)
        if self.error is not None:
            raise self.error
        return len(attempts) - 1 if self.choice == -1 else self.choice


def test_a_judge_chooses_among_equals_and_moves_no_gate(tmp_path: Path) -> None:
    def ended(judge: Last, answers: Sequence[str] = ("one", "two", "one", "three"), **more: Any) -> Any:
        given = {"critics": [Objects()], "policy": Policy(rounds=3), **more}
        return asking(Says(answers), tmp_path, judge=judge, **given).run(QUESTION)

    judge = Last()
    run = ended(judge)
    assert run.outcome is RunOutcome.abstained
    assert run.answer == "three"
    assert [[a.answer for a in shown] for shown in judge.shown] == [["one", "two", "three"]]
    for unsure in (Last(None), Last(99)):
        assert ended(unsure).answer == "one"
    broken = ended(Last(error=ModelFailed("503")))
    assert broken.outcome is RunOutcome.abstained and broken.answer == "one"
    assert "judge could not choose" in broken.decision.reasons[-1]
    lone = Last()
    assert ended(lone, ("one",)).answer == "one" and ended(lone, critics=[]).ok
    assert not lone.shown, "where there is nothing to choose, nobody is asked"


# --- who is cast ----------------------------------------------------------------------------------------------


async def test_an_agent_frees_the_models_that_it_loaded(tmp_path: Path) -> None:
    teller = Teller(story)
    mine = Agent(teller, sandbox=None, store=tmp_path)  # type: ignore[arg-type]
    await mine.aclose()
    assert teller.closed == 1
    await mine.aclose()
    given = LanguageModel(Teller(story))
    theirs = Agent(given, sandbox=None, store=tmp_path)
    await theirs.aclose()
    assert not given.backend.closed  # type: ignore[attr-defined]


def test_each_role_may_have_a_model_of_its_own(tmp_path: Path) -> None:
    models = {name: LanguageModel(Teller(story)) for name in ("model", "reviser", "critic", "judge")}
    team = Agent(**models, sandbox=None, store=tmp_path).team  # type: ignore[arg-type]
    assert [type(r).__name__ for r in (team.proposer, team.reviser, *team.critics, team.judge)] == [
        "ChatAgent",
        "ChatAgent",
        "EvidenceCritic",
        "ChatCritic",
        "ChatJudge",
    ]
    assert team.proposer is not team.reviser
    assert [tool.name for tool in team.tools] == ["tests", "coverage"]
    plain = Agent(models["model"], sandbox=None, store=tmp_path).team
    assert plain.proposer is plain.reviser and plain.judge is None and len(plain.critics) == 1


def test_objects_win_over_what_the_recipe_casts(tmp_path: Path) -> None:
    writer, library = Writer(LanguageModel(Teller(story))), Library()
    team = Agent(writer, critic=Objects(), judge=Last(), tools=[library], sandbox=None, store=tmp_path).team
    assert team.proposer is team.reviser is writer
    assert [critic.name for critic in team.critics] == ["evidence", "objects"]
    assert list(team.tools) == [library] and isinstance(team.judge, Last)


def test_what_does_not_fit_together_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cast(roles: Roles, options: Any, policy: Policy) -> Team:
        raise AssertionError("nothing is cast without a model")

    needy = Recipe(name="needy", summary="", cast=cast)
    monkeypatch.setattr("revet.graphs.casting.RECIPES", {"needy": needy, **_recipes()})
    model = LanguageModel(Teller(story))
    with pytest.raises(InputError, match=r"needy needs a language model, and builtin:repair is none\n.*--model"):
        Agent(recipe="needy", store=tmp_path)
    with pytest.raises(InputError, match=r"no recipe 'nonsense'\n.*core"):
        Agent(recipe="nonsense", store=tmp_path)
    with pytest.raises(InputError, match="not both"):
        Agent(critic=Objects(), critics=[], store=tmp_path)
    with pytest.raises(InputError, match=r"limits the cost, and what teller costs is not known\n.*tokens"):
        Agent(model, policy=Policy(cost=1.0), store=tmp_path)
    priced = LanguageModel(Teller(story), prices=Prices(input=1, output=1))
    assert Agent(priced, policy=Policy(cost=1.0), store=tmp_path).policy.cost == 1.0
    with pytest.raises(InputError, match="options of the recipe core"):
        Agent(options={"nonsense": 1}, store=tmp_path)


def _recipes() -> dict[str, Recipe]:
    from revet.graphs import RECIPES

    return dict(RECIPES)


async def test_one_agent_runs_many_tasks_at_the_same_time(tmp_path: Path) -> None:
    teller = Teller(lambda request: "so")
    many = asking(Says(["one"], LanguageModel(teller)), tmp_path / "store")
    runs = await asyncio.gather(*(many.arun(Task(id=f"q-{n}", goal="?")) for n in range(40)))
    assert {run.outcome for run in runs} == {RunOutcome.answered}
    assert len(teller.asked) == 40 and all(run.usage.roles["proposer"].calls == 1 for run in runs)
    assert {row.outcome for row in Store(tmp_path / "store").rows(99)} == {RunOutcome.answered}
