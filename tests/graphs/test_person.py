"""A person in the loop: what they are shown, what they may answer, and what becomes of each answer."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent, Bench, initial_state
from revet.graphs import events as said
from revet.graphs.persistence import serializer
from revet.graphs.questions import Approve, Edit, Question, Reject, response
from revet.policy import Policy
from revet.schema import Critique, Draft, Finding, Outcome, Run, RunOutcome, Task, Verdict, WriteFile, utcnow
from revet.tools import View
from tests.graphs.speaking import RIGHT, Checker, draft, task_in

WRONG, OTHER = draft("answer = 41\n"), draft(f"# other\n{RIGHT}")
WRITE = {"kind": "write_file", "path": "answer.py", "content": RIGHT}


class Heeding(Scripted):
    """Proposes the script's drafts, and remembers what it was told in between."""

    def __init__(self, *drafts: Draft) -> None:
        super().__init__(list(drafts))
        self.told: list[Critique] = []

    async def revise(self, view: View, critique: Critique) -> Draft:
        self.told.append(critique)
        return await super().revise(view, critique)


class Doubting:
    """Objects to every draft, with an opinion."""

    name = "doubting"

    async def criticise(self, view: View) -> Critique:
        finding = Finding(claim="I would not", suggestion="wait")
        return Critique(critic=self.name, verdict=Verdict.revise, possible_result="harm", findings=(finding,))


class Lenient(Checker):
    """Passes what ends with the right answer."""

    async def run(self, call: Any, view: View) -> Any:
        staged = view.layer.root / "answer.py" if view.layer is not None else None
        good = staged is not None and staged.exists() and staged.read_text().endswith(RIGHT)
        seen = await super().run(call, view)
        return seen.model_copy(update={"outcome": Outcome.passed if good else Outcome.failed})


def agent(store: Path, *drafts: Draft, **more: Any) -> Agent:
    policy = more.pop("policy", Policy(approve="ask", rounds=3))
    roles: dict[str, Any] = {"critics": [], "tools": [Lenient()], "sandbox": None}
    return Agent(Heeding(*drafts), policy=policy, store=store, **{**roles, **more})


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return task_in(tmp_path / "work")


def content(task: Task) -> str | None:
    assert task.workspace is not None
    path = Path(task.workspace) / "answer.py"
    return path.read_text() if path.exists() else None


def test_the_question_has_all_that_is_needed_to_answer_it(task: Task, tmp_path: Path) -> None:
    seen: list[said.Asked] = []
    run = agent(tmp_path / "s", draft(RIGHT)).run(task, approve=lambda asked: seen.append(asked))
    assert run.outcome is RunOutcome.asked and content(task) is None
    shown = Question.model_validate(seen[0].question)
    assert shown.run == run.id and shown.goal == "the answer" and "person decides" in shown.decision.reasons[-1]
    assert shown.actions == draft(RIGHT).actions and "+answer = 42" in shown.diff
    assert shown.changes == {"files": [{"path": "answer.py", "kind": "create"}]}
    assert shown.possible_result == "measured: creates 1 file (answer.py)"
    assert shown.allowed == ("approve", "edit", "reject", "respond") and shown.expires_at is None
    assert said.parse_event(seen[0].model_dump(mode="json")) == seen[0]


@pytest.mark.parametrize("answer", [True, {"type": "approve"}, Approve()])
def test_approve_commits_what_was_shown(answer: Any, task: Task, tmp_path: Path) -> None:
    waiting = agent(tmp_path / "s", draft(RIGHT)).run(task)
    run = waiting.resume(answer)
    assert (run.outcome, content(task)) == (RunOutcome.committed, RIGHT)
    assert run.decision.reasons[0] == "a person approved it" and run.attempts == waiting.attempts
    run.undo()
    assert content(task) is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (False, "a person rejected it"),
        ({"type": "reject", "reason": "not today"}, "a person rejected it: not today"),
        (Reject(), "a person rejected it"),
    ],
)
def test_reject_ends_the_run_with_the_reason(answer: Any, why: str, task: Task, tmp_path: Path) -> None:
    run = agent(tmp_path / "s", draft(RIGHT)).run(task).resume(answer)
    assert (run.outcome, content(task)) == (RunOutcome.rejected, None)
    assert run.decision.reasons[0] == why


def test_respond_goes_to_the_reviser_and_the_next_draft_is_asked_about_again(task: Task, tmp_path: Path) -> None:
    speaker = agent(tmp_path / "s", draft(RIGHT), OTHER)
    answers = iter([{"type": "respond", "message": " say which \n"}, True])
    run = speaker.run(task, approve=lambda asked: next(answers))
    assert run.outcome is RunOutcome.committed and content(task) == f"# other\n{RIGHT}"
    heeding = speaker.team.proposer
    assert isinstance(heeding, Heeding)
    (told,) = heeding.told
    assert (told.critic, told.findings[0].claim, told.verdict) == ("person", "say which", Verdict.revise)
    first, second = run.attempts
    assert first.critiques[0] == told and first.decision is not None and "say which" in first.decision.reasons[0]
    assert (first.round, second.round, run.usage.rounds) == (0, 1, 1)


def test_a_response_after_the_last_round_ends_the_run(task: Task, tmp_path: Path) -> None:
    seen: list[Question] = []

    def approve(asked: said.Asked) -> dict[str, str]:
        seen.append(Question.model_validate(asked.question))
        return {"type": "respond", "message": "again"}

    policy = Policy(approve="ask", rounds=1)
    run = agent(tmp_path / "s", draft(RIGHT), OTHER, policy=policy).run(task, approve=approve)
    assert run.outcome is RunOutcome.abstained and content(task) is None
    assert "again" in run.decision.reasons[0] and "rounds" in run.decision.reasons[1]
    assert ["respond" in question.allowed for question in seen] == [True, False]


def test_an_edit_is_examined_and_then_committed_without_a_second_question(task: Task, tmp_path: Path) -> None:
    asked: list[said.Asked] = []

    def approve(question: said.Asked) -> dict[str, Any]:
        asked.append(question)
        return {"type": "edit", "actions": [{**WRITE}]}

    run = agent(tmp_path / "s", OTHER).run(task, approve=approve)
    assert (run.outcome, content(task), len(asked)) == (RunOutcome.committed, RIGHT, 1)
    mine = run.attempts[-1]
    assert mine.draft.author == "person" and mine.decision is not None
    assert mine.decision.reasons[0] == "a person wrote this draft" and [e.tool for e in mine.evidence] == ["checker"]
    assert run.best == mine


def test_an_edit_that_fails_its_check_is_not_committed(task: Task, tmp_path: Path) -> None:
    answers: list[Any] = [{"type": "edit", "actions": [{**WRITE, "content": "answer = 40\n"}]}, False]
    speaker = agent(tmp_path / "s", draft(RIGHT), WRONG, OTHER)
    run = speaker.run(task, approve=lambda asked: answers.pop(0))
    assert run.outcome is RunOutcome.rejected and content(task) is None and not answers
    assert [a.draft.author for a in run.attempts] == ["writer", "person", "writer"]


def test_a_critic_s_doubt_of_a_person_s_draft_is_shown_to_the_person(task: Task, tmp_path: Path) -> None:
    speaker = agent(tmp_path / "s", OTHER, critics=[Doubting()], policy=Policy(approve="ask", opinions="note"))
    seen: list[Question] = []
    edit = {"type": "edit", "actions": [WRITE]}

    def approve(asked: said.Asked) -> Any:
        seen.append(Question.model_validate(asked.question))
        return edit if len(seen) == 1 else True

    run = speaker.run(task, approve=approve)
    assert run.outcome is RunOutcome.committed and len(seen) == 1
    assert [f.claim for f in seen[0].findings] == ["I would not"]


@pytest.mark.parametrize(
    "wrong",
    [
        "yes",
        None,
        1,
        [],
        {},
        {"type": "yes"},
        {"type": "edit"},
        {"type": "edit", "actions": []},
        {"type": "edit", "actions": [{"kind": "write_file"}]},
        {"type": "respond", "message": "  "},
        {"type": "approve", "also": 1},
    ],
)
def test_what_is_no_answer_is_refused_and_the_run_goes_on_waiting(wrong: Any, task: Task, tmp_path: Path) -> None:
    speaker = agent(tmp_path / "s", draft(RIGHT))
    run = speaker.run(task)
    with pytest.raises(InputError, match="no answer"):
        speaker.resume(run, wrong)
    assert content(task) is None
    assert speaker.resume(run, True).outcome is RunOutcome.committed
    with pytest.raises(InputError, match="does not wait"):
        speaker.resume(run, True)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "actions", "x"]), inner),
    max_leaves=5,
)


@given(json)
@settings(deadline=None, max_examples=150)
def test_nothing_but_approval_is_read_as_approval(answer: Any) -> None:
    try:
        understood = response(answer)
    except InputError:
        return
    if isinstance(understood, Approve | Edit):
        assert answer is True or (isinstance(answer, dict) and answer["type"] in ("approve", "edit"))


def test_an_answer_after_the_time_is_not_taken(task: Task, tmp_path: Path) -> None:
    policy = Policy(approve="ask", ask_seconds=0.05)
    speaker = agent(tmp_path / "s", draft(RIGHT), policy=policy)
    waiting = speaker.run(task)
    time.sleep(0.1)
    run = waiting.resume(True)
    assert (run.outcome, content(task)) == (RunOutcome.abstained, None)
    assert run.decision.reasons[0] == "no approval came within 0.05 s"


def test_a_callback_that_takes_too_long_is_not_waited_for(task: Task, tmp_path: Path) -> None:
    done = threading.Event()
    speaker = agent(tmp_path / "s", draft(RIGHT), policy=Policy(approve="ask", ask_seconds=0.2))
    start = time.monotonic()
    run = speaker.run(task, approve=lambda asked: done.wait(60))
    done.set()
    assert run.outcome is RunOutcome.abstained and content(task) is None and time.monotonic() - start < 30


async def test_several_runs_wait_at_once_and_are_answered_in_any_order(tmp_path: Path) -> None:
    store, tasks = tmp_path / "s", [task_in(tmp_path / name) for name in ("a", "b", "c")]
    runs: list[Run] = list(await asyncio.gather(*(agent(store, draft(RIGHT)).arun(each) for each in tasks)))
    outcomes = []
    for run, answer in zip(reversed(runs), (True, False, True), strict=True):
        last = [event async for event in agent(store).aresume(run.id, answer)][-1]
        assert isinstance(last, said.Finished)
        outcomes.append(last.run.outcome.value)
    assert outcomes == ["committed", "rejected", "committed"]
    assert [content(each) for each in tasks] == [RIGHT, None, RIGHT]


async def test_in_a_graph_of_one_s_own_each_decision_interrupts_once(task: Task, tmp_path: Path) -> None:
    """With any checkpointer; what is no answer is asked again, with what was wrong; nothing is done twice."""
    speaker = agent(tmp_path / "s", draft(RIGHT), OTHER)
    graph, config = speaker.compile(InMemorySaver(serde=serializer())), {"configurable": {"thread_id": "r-1"}}
    async with Bench(task, None) as bench:
        context = speaker.context(bench)

        async def go(begin: Any) -> list[Any]:
            await graph.ainvoke(begin, config, context=context)  # type: ignore[call-overload]
            state = await graph.aget_state(config)  # type: ignore[arg-type]
            return [one.value for one in state.interrupts]

        (first,) = await go(initial_state(task, "r-1", utcnow()))
        (again,) = await go(Command(resume="maybe"))
        assert "no answer" in again["problem"] and {**again, "problem": None} == first
        (second,) = await go(Command(resume={"type": "respond", "message": "other"}))
        assert second["actions"] != first["actions"] and second["problem"] is None
        assert await go(Command(resume=True)) == []
        state = (await graph.aget_state(config)).values  # type: ignore[arg-type]
    assert state["result"].outcome is RunOutcome.committed and len(state["attempts"]) == 2
    heeding = speaker.team.proposer
    assert isinstance(heeding, Heeding) and len(heeding.told) == 1


def test_a_person_s_word_is_no_order_to_the_policy(task: Task, tmp_path: Path) -> None:
    """What fails its check is never asked about, so nobody can approve it."""
    asked: list[Any] = []
    run = agent(tmp_path / "s", WRONG).run(task, approve=lambda question: asked.append(question))
    assert run.outcome is RunOutcome.abstained and not asked and content(task) is None


def test_an_action_of_a_person_s_is_one_of_ours() -> None:
    edit = response({"type": "edit", "actions": [WRITE]})
    assert isinstance(edit, Edit) and edit.actions == (WriteFile(path="answer.py", content=RIGHT),)
