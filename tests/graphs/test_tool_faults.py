"""What the loop makes of a tool's faults: evidence, the end of the run, or a word to its author."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langgraph.types import interrupt
from pydantic import BaseModel, field_validator

from revet.agents import EvidenceCritic
from revet.errors import BudgetSpent, InputError, MissingDependency, ModelFailed, SandboxBroken
from revet.graphs import events
from revet.policy import Policy
from revet.schema import Evidence, Outcome, RunOutcome
from revet.store import Store
from revet.tools import ToolCall, View, evidence_for
from tests.graphs.probing import LOOK, QUESTION, Probe, Uses, agent, answers, evidence_in, raises


class Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("no such row\ud800"), "the tool probe raised ValueError: no such row?"),
        (KeyError("x"), "KeyError: 'x'"),
        (TimeoutError(), "TimeoutError"),
        (SystemExit(0), "SystemExit: 0"),
        (Rude(), "cannot be shown"),
        (RecursionError("deep"), "RecursionError"),
        (ExceptionGroup("both", [OSError("disk")]), "ExceptionGroup: both"),
        (MemoryError("x" * 10_000), "characters cut"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_tool_raises_is_evidence_and_the_loop_goes_on(tmp_path: Path, error: BaseException, says: str) -> None:
    required = Probe(raises(error), required=True)
    run = agent(tmp_path, required, critics=[EvidenceCritic()], policy=Policy(rounds=1)).run(QUESTION)
    assert run.outcome is RunOutcome.abstained, "what is required has not passed"
    (first, *_) = evidence_in(run)
    assert first.outcome is Outcome.error and says in first.observation and len(first.observation) < 3000
    critic = Uses(LOOK)
    run = agent(tmp_path, Probe(raises(error), planned=False), critics=[critic]).run(QUESTION)
    assert run.outcome is RunOutcome.answered and critic.seen[0].outcome is Outcome.error


@pytest.mark.parametrize("planned", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        SandboxBroken("the sandbox is gone"),
        MissingDependency("no pypdf", hint="pip install 'revet[documents]'"),
        ModelFailed("401"),
        ExceptionGroup("both", [ValueError(), SandboxBroken("the sandbox is gone")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stops_a_run_still_does(tmp_path: Path, error: BaseException, planned: bool) -> None:
    wanted = error.exceptions[1] if isinstance(error, ExceptionGroup) else error
    tool = Probe(raises(error), planned=planned)
    with pytest.raises(type(wanted)):
        agent(tmp_path, tool, critics=[] if planned else [Uses(LOOK)]).run(QUESTION, run_id="r")


async def test_a_cancelled_run_ends(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def sleeps(call: ToolCall, view: View) -> Evidence:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()
        raise AssertionError

    running = asyncio.ensure_future(agent(tmp_path, Probe(sleeps)).arun(QUESTION))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended.is_set()


def test_a_tool_that_cancels_itself_is_at_fault_and_the_run_goes_on(tmp_path: Path) -> None:
    run = agent(tmp_path, Probe(raises(asyncio.CancelledError()))).run(QUESTION)
    (evidence,) = run.attempts[-1].evidence
    assert evidence.outcome is Outcome.error and "cancelled itself" in evidence.observation


def test_a_wrong_configuration_stops_a_planned_call_and_is_told_to_a_role(tmp_path: Path) -> None:
    error = InputError("there is no folder")
    with pytest.raises(InputError, match="no folder"):
        agent(tmp_path, Probe(raises(error))).run(QUESTION)
    critic = Uses(LOOK)
    agent(tmp_path, Probe(raises(error), planned=False), critics=[critic]).run(QUESTION)
    assert critic.seen[0].outcome is Outcome.error


def test_a_tool_whose_model_may_spend_no_more_is_inconclusive(tmp_path: Path) -> None:
    spent = raises(BudgetSpent("the budget of tokens is spent"))
    run = agent(tmp_path, Probe(spent)).run(QUESTION)
    assert evidence_in(run)[0].outcome is Outcome.inconclusive and "tokens" in evidence_in(run)[0].observation
    run = agent(tmp_path, Probe(spent, planned=False), critics=[Uses(LOOK)]).run(QUESTION)
    assert run.outcome is RunOutcome.abstained and "could not judge" in run.decision.reasons[0]


async def test_a_tool_may_ask_a_person(tmp_path: Path) -> None:
    """LangGraph's interrupt is no fault: the run waits, and goes on with the answer."""

    async def asks(call: ToolCall, view: View) -> Evidence:
        return evidence_for(call, view, Outcome.passed if interrupt("may I?") else Outcome.failed, "heard")

    asking = agent(tmp_path, Probe(asks, required=True))
    run = await asking.arun(QUESTION)
    assert run.outcome is RunOutcome.asked and run.best is None
    said = [event async for event in asking.aresume(run.id, approve=True)]
    assert isinstance(said[-1], events.Finished) and said[-1].run.outcome is RunOutcome.answered
    assert [e.outcome for e in evidence_in(said[-1].run)] == [Outcome.passed]


@pytest.mark.parametrize(
    ("said", "match"),
    [(None, "returned None"), ("yes", "returned 'yes'"), (True, "which is no Evidence")],
)
@pytest.mark.parametrize("planned", [True, False])
def test_a_tool_that_gives_no_evidence_is_told(tmp_path: Path, said: Any, match: str, planned: bool) -> None:
    async def says(call: ToolCall, view: View) -> Any:
        return said

    with pytest.raises(InputError, match=match):
        agent(tmp_path, Probe(says, planned=planned), critics=[] if planned else [Uses(LOOK)]).run(QUESTION)


@pytest.mark.parametrize("plan", [None, 3, "look", ["look"], {"look": 1}, [ToolCall(tool="nobody", request="x")]])
def test_a_plan_that_is_none_is_told(tmp_path: Path, plan: Any) -> None:
    tool = Probe()
    tool.plan = lambda view: plan  # type: ignore[method-assign]
    with pytest.raises(InputError, match="plan"):
        agent(tmp_path, tool).run(QUESTION)


def test_arguments_that_trip_up_their_own_model_are_wrong(tmp_path: Path) -> None:
    class Picky(BaseModel):
        n: int

        @field_validator("n")
        @classmethod
        def _odd(cls, value: int) -> int:
            return 1 // (value - 2)

    tool = Probe(planned=False)
    tool.arguments = Picky
    critic = Uses(*(LOOK.model_copy(update={"arguments": {"n": n}}) for n in (2, "x", 3)))
    run = agent(tmp_path, tool, critics=[critic]).run(QUESTION)
    assert [e.outcome.value for e in critic.seen] == ["error", "error", "passed"]
    assert "ZeroDivisionError" in critic.seen[0].observation and "n: " in critic.seen[1].observation
    assert run.usage.tool_calls == tool.runs == 1


def test_a_plan_that_fails_lets_no_draft_pass(tmp_path: Path) -> None:
    """What it would have planned might have been required."""

    class Trips(Probe):
        def plan(self, view: View) -> Sequence[ToolCall]:
            if view.draft is not None and view.draft.answer == "bad":
                raise RecursionError("too deep")
            return super().plan(view)

    proposer = answers("bad", "good")
    run = agent(tmp_path, Trips(), proposer=proposer, critics=[EvidenceCritic()]).run(QUESTION)
    first = run.attempts[0].evidence
    assert [(e.outcome, e.required) for e in first] == [(Outcome.error, True)] and "RecursionError" in first[
        0
    ].observation
    assert run.answer == "good" and Store(tmp_path).get(run.id).ok


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda t: setattr(t, "name", None), "has no `name`"),
        (lambda t: setattr(t, "name", ""), "has no `name`"),
        (lambda t: setattr(t, "plan", None), "has no `plan`"),
        (lambda t: setattr(t, "run", 3), "has no `run`"),
        (lambda t: setattr(t, "arguments", {}), "`arguments`"),
        (lambda t: setattr(t, "terms", {"calls": 1}), "`terms`"),
    ],
)
def test_what_is_no_tool_is_told_before_anything_is_run(tmp_path: Path, spoil: Any, match: str) -> None:
    tool = Probe()
    spoil(tool)
    with pytest.raises(InputError, match=match):
        agent(tmp_path, tool)


def test_two_tools_need_two_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two tools are called 'probe'"):
        agent(tmp_path, Probe(), Probe())
    with pytest.raises(InputError, match="is a class"):
        agent(tmp_path, Probe)
