"""On which terms the loop uses a tool: how long a call may take, how many there are, and what is kept of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path

import pytest

from revet.agents import Scripted
from revet.errors import ModelFailed, SandboxBroken
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Critique, Draft, Evidence, Outcome, RunOutcome, Task, Verdict, WriteFile
from revet.tools import ToolCall, View, evidence_for
from tests.graphs.probing import LOOK, QUESTION, Probe, Uses, agent, answers, evidence_in, passes

# --- seconds --------------------------------------------------------------------------------------------------


async def test_a_call_that_takes_too_long_is_a_timeout_and_nothing_goes_on(tmp_path: Path) -> None:
    ended: list[str] = []

    async def sleeps(call: ToolCall, view: View) -> Evidence:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("tidied up")
        raise AssertionError

    before = asyncio.all_tasks()
    run = await agent(tmp_path, Probe(sleeps, seconds=0.1), Probe(name="next")).arun(QUESTION)
    (late,) = evidence_in(run)
    assert late.outcome is Outcome.timeout and "stopped after 0.1 s" in late.observation and 0.1 <= late.seconds < 5
    assert ended == ["tidied up"]
    assert [e.outcome for e in evidence_in(run, "next")] == [Outcome.passed], "the loop goes on"
    assert asyncio.all_tasks() == before
    assert run.usage.tool_calls == 2


async def test_a_tool_that_will_not_be_cancelled_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.graphs.calling.GRACE", 0.1)
    let_go = asyncio.Event()

    async def stubborn(call: ToolCall, view: View) -> Evidence:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        raise ValueError("nobody hears this")

    run = await agent(tmp_path, Probe(stubborn, seconds=0.1)).arun(QUESTION)
    assert evidence_in(run)[0].outcome is Outcome.timeout
    let_go.set()
    await asyncio.sleep(0.01)


async def test_the_runs_deadline_bounds_a_call_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revet.graphs.calling.LENIENCE", 0.1)

    async def sleeps(call: ToolCall, view: View) -> Evidence:
        await asyncio.sleep(600)
        raise AssertionError

    run = await agent(tmp_path, Probe(sleeps, required=True), policy=Policy(seconds=0.5)).arun(QUESTION)
    assert run.outcome is RunOutcome.abstained
    assert evidence_in(run)[0].outcome is Outcome.timeout and "wall time" in evidence_in(run)[0].observation


@pytest.mark.sandbox
async def test_what_a_tool_runs_in_the_sandbox_ends_with_it(tmp_path: Path) -> None:
    mark = f"37{time.monotonic_ns() % 10**6:06d}"

    async def runs(call: ToolCall, view: View) -> Evidence:
        assert view.session is not None
        await view.session.exec(["sleep", mark])
        raise AssertionError

    def alive() -> bool:
        return any(
            mark in p.read_bytes().decode(errors="replace") for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()
        )

    run = await Agent(answers("7"), tools=[Probe(runs, seconds=0.5)], critics=[], store=tmp_path).arun(QUESTION)
    assert evidence_in(run)[0].outcome is Outcome.timeout
    assert not alive()


# --- calls ----------------------------------------------------------------------------------------------------


def test_a_tool_is_called_so_often_in_a_run_and_no_more(tmp_path: Path) -> None:
    tool = Probe(calls=2, required=True)
    critics = [Uses(LOOK.model_copy(update={"request": "again"}), verdict=Verdict.revise)]
    run = agent(tmp_path, tool, proposer=answers("1", "2", "3"), critics=critics, policy=Policy(rounds=2)).run(QUESTION)
    assert tool.runs == 2 and run.usage.tool_calls == 2
    told = evidence_in(run)
    assert [e.outcome for e in told] == [Outcome.passed, Outcome.passed] + [Outcome.inconclusive] * 4
    assert "may be called 2 times in one run" in told[-1].observation
    assert run.outcome is RunOutcome.abstained, "what was required was not run on the last drafts"


def test_the_number_of_calls_holds_for_a_run_that_is_continued(tmp_path: Path) -> None:
    fail = True

    async def breaks(call: ToolCall, view: View) -> Evidence:
        if fail and call.request == "third":
            raise SandboxBroken("gone")
        return await passes(call, view)

    class Two(Uses):
        async def criticise(self, view: View) -> Critique:
            if view.draft is not None and fail:
                await view.use(ToolCall(tool="other", request="third"))
            return await super().criticise(view)

    tool = Probe(calls=1)
    critics = [Two(LOOK.model_copy(update={"request": "again"}))]
    with pytest.raises(SandboxBroken):
        agent(tmp_path, tool, Probe(breaks, name="other", planned=False), critics=critics).run(QUESTION, run_id="r")
    fail = False
    run = agent(tmp_path, tool, Probe(name="other", planned=False), critics=critics).run(QUESTION, run_id="r")
    assert tool.runs == 1
    assert [e.outcome for e in evidence_in(run)] == [Outcome.passed, Outcome.inconclusive]


# --- keep -----------------------------------------------------------------------------------------------------


def test_the_same_call_on_the_same_draft_is_answered_from_what_is_kept(tmp_path: Path) -> None:
    tool, critic = Probe(keep="draft", required=True), Uses(LOOK, LOOK)
    run = agent(tmp_path, tool, critics=[critic]).run(QUESTION)
    assert tool.runs == 1 and run.usage.tool_calls == 1
    first = evidence_in(run)[0]
    assert first.required and "kept" not in first.data and first.seconds == 1.5
    assert [(e.data, e.seconds, e.required) for e in critic.seen] == [({"value": 1, "kept": True}, 0.0, False)] * 2
    assert {e.id for e in critic.seen} == {first.id}


@pytest.mark.parametrize(("keep", "runs"), [("never", 4), ("draft", 2), ("run", 1)])
def test_what_an_answer_depends_on_says_when_it_is_given_again(tmp_path: Path, keep: str, runs: int) -> None:
    tool, critic = Probe(keep=keep), Uses(LOOK, verdict=Verdict.revise)
    agent(tmp_path, tool, proposer=answers("1", "2"), critics=[critic], policy=Policy(rounds=1)).run(QUESTION)
    assert tool.runs == runs


def test_other_arguments_are_another_call_and_a_failure_is_not_kept(tmp_path: Path) -> None:
    count = itertools.count()

    async def fails_first(call: ToolCall, view: View) -> Evidence:
        outcome = [Outcome.timeout, Outcome.inconclusive, Outcome.error, Outcome.failed][min(next(count), 3)]
        return evidence_for(call, view, outcome, "so")

    tool = Probe(fails_first, planned=False, keep="run")
    critic = Uses(*[LOOK] * 5, LOOK.model_copy(update={"arguments": {"n": 1}}))
    agent(tmp_path, tool, critics=[critic]).run(QUESTION)
    assert tool.runs == 5
    assert [e.outcome.value for e in critic.seen[3:]] == ["failed"] * 3
    assert [bool(e.data.get("kept")) for e in critic.seen] == [False] * 4 + [True, False]


def test_evidence_is_about_the_state_it_is_given_for(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    task = Task(id="t", workspace=str(work), edit=("*.txt",))
    drafts = [Draft(author="a", actions=(WriteFile(path="a.txt", content=text),)) for text in ("one", "two", "three")]
    world, staged = Probe(keep="run"), Probe(name="staged", keep="draft")
    critic = Uses(verdict=Verdict.revise)
    run = agent(
        tmp_path / "s", world, staged, proposer=Scripted(drafts), critics=[critic], policy=Policy(rounds=2)
    ).run(task)
    assert world.runs == 1 and staged.runs == 3
    for attempt in run.attempts:
        assert attempt.changes is not None
        assert {e.changes for e in attempt.evidence} == {attempt.changes.fingerprint}


def test_what_was_looked_up_in_passing_answers_nothing_that_is_required(tmp_path: Path) -> None:
    """But what it found out need not be found out again."""

    class Looks(Scripted):
        async def propose(self, view: View) -> Draft:
            await view.use(LOOK)
            return await super().propose(view)

    tool = Probe(keep="run", required=True)
    run = agent(tmp_path, tool, proposer=Looks([Draft(author="a", answer="7")])).run(QUESTION)
    assert tool.runs == 1
    assert [(e.required, bool(e.data.get("kept"))) for e in evidence_in(run)] == [(False, False), (True, True)]
    anew = Probe(keep="draft", required=True)
    run = agent(tmp_path, anew, proposer=Looks([Draft(author="a", answer="7")])).run(QUESTION)
    assert anew.runs == 2 and [e.required for e in evidence_in(run)] == [False, True]


def test_a_workspace_that_moved_is_looked_at_again(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a.txt").write_text("one")

    class Meddles(Uses):
        async def criticise(self, view: View) -> Critique:
            said = await super().criticise(view)
            (work / "b.txt").write_text("new")
            await super().criticise(view)
            return said

    tool = Probe(keep="draft")
    critic = Meddles(LOOK)
    agent(tmp_path / "s", tool, critics=[critic]).run(Task(id="t", workspace=str(work)))
    assert tool.runs == 2
    assert [bool(e.data.get("kept")) for e in critic.seen] == [True, False]


async def test_the_same_call_made_twice_at_once_runs_once(tmp_path: Path) -> None:
    async def slow(call: ToolCall, view: View) -> Evidence:
        await asyncio.sleep(0.05)
        return await passes(call, view)

    tool, critic = Probe(slow, planned=False, keep="draft"), Uses(LOOK, LOOK, LOOK, together=True)
    run = await agent(tmp_path, tool, critics=[critic, Uses(LOOK)]).arun(QUESTION)
    assert tool.runs == 1 and run.usage.tool_calls == 1
    assert sorted(bool(e.data.get("kept")) for e in critic.seen)[1:] == [True, True]


def test_what_is_kept_and_counted_survives_the_process(tmp_path: Path) -> None:
    """The critic's step breaks off after its look-ups, and is done again: nothing is asked or counted twice."""

    class Breaks(Uses):
        broken = True

        async def criticise(self, view: View) -> Critique:
            said = await super().criticise(view)
            if self.broken and view.draft is not None:
                raise ModelFailed("gone")
            return said

    number = itertools.count(1)

    async def differs(call: ToolCall, view: View) -> Evidence:
        return evidence_for(call, view, Outcome.passed, f"{next(number)}", seconds=2)

    calls = [ToolCall(tool="probe", request=r) for r in ("look", "new", "look", "new")]
    whole = Probe(differs, keep="draft")
    undisturbed = agent(tmp_path / "a", whole, critics=[Uses(*calls)]).run(QUESTION)
    number = itertools.count(1)
    tool, critic = Probe(differs, keep="draft"), Breaks(*calls)
    with pytest.raises(ModelFailed):
        agent(tmp_path / "b", tool, critics=[critic]).run(QUESTION, run_id="r")
    critic.broken = False
    run = agent(tmp_path / "b", tool, critics=[critic]).run(QUESTION, run_id="r")
    assert tool.runs == whole.runs == 2
    assert run.usage.tool_calls == undisturbed.usage.tool_calls == 2
    assert evidence_in(run) == evidence_in(undisturbed)
