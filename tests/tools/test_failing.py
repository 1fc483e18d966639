"""Tools that fail: what is retried and what not, who is asked next, and what is said of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from revet.agents import Scripted
from revet.errors import InputError, MissingDependency, SandboxBroken
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Task
from revet.tools import Fallback, Terms, ToolCall, View, evidence_for

Answer = Callable[[int], Outcome | tuple[Outcome, str] | Exception]


class Words(BaseModel):
    """Look up."""

    model_config = ConfigDict(extra="forbid")

    query: str


class OtherWords(BaseModel):
    """Look up elsewhere."""

    model_config = ConfigDict(extra="forbid")

    search_query: str
    most: int = 3


class Flaky:
    """Answers the n-th call (from 1) as it is told to."""

    def __init__(
        self, name: str, answer: Answer, arguments: type[BaseModel] | None = Words, terms: Terms | None = None
    ) -> None:
        self.name, self.answer, self.arguments = name, answer, arguments
        self.terms = terms or Terms()
        self.asked: list[dict[str, Any]] = []

    def plan(self, view: View) -> Sequence[ToolCall]:
        return [ToolCall(tool=self.name, request="look", arguments={"query": "x"}, required=True)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        assert call.tool == self.name
        self.asked.append(dict(call.arguments))
        said = self.answer(len(self.asked))
        if isinstance(said, Exception):
            raise said
        outcome, text = said if isinstance(said, tuple) else (said, f"{self.name} says so")
        return evidence_for(call, view, outcome, text, data={"by": self.name})


def always(*said: Any) -> Answer:
    """The answers in order, the last for ever."""
    return lambda number: said[min(number, len(said)) - 1]


def view(**more: Any) -> View:
    return View(task=Task(goal="x"), run=more.pop("run", "r"), **more)


async def looked(*tools: Flaky, now: View | None = None, **options: Any) -> Evidence:
    fallback = Fallback(*tools, wait=0.001, **options)
    call = ToolCall(tool=fallback.name, request="who?", arguments={"query": "x"}, check="c", required=True)
    evidence = await fallback.run(call, now or view())
    assert (evidence.tool, evidence.request, evidence.check, evidence.required) == (tools[0].name, "who?", "c", True)
    return evidence


DOWN = (Outcome.inconclusive, "connection refused")


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        Outcome.timeout,
        (Outcome.error, "HTTP 503 Service Unavailable"),
        (Outcome.inconclusive, "rate limit: too many requests"),
        (Outcome.inconclusive, "the database is locked"),
        OSError("unreachable"),
        RuntimeError("429"),
        TimeoutError(),
    ],
)
async def test_an_outside_failure_is_retried(failure: Any) -> None:
    tool = Flaky("a", always(failure, failure, Outcome.passed))
    evidence = await looked(tool)
    assert evidence.outcome is Outcome.passed and len(tool.asked) == 3
    assert evidence.data["answered"] == "a" and evidence.data["times"] == 3 and evidence.data["failed"] == []
    assert "3. time" in evidence.observation


@pytest.mark.parametrize("answer", [Outcome.passed, Outcome.failed, (Outcome.error, "there is no city 'Oslp'")])
async def test_an_answer_and_a_wrong_request_are_told_at_once(answer: Any) -> None:
    tool, other = Flaky("a", always(answer)), Flaky("b", always(Outcome.passed))
    evidence = await looked(tool, other)
    assert evidence.outcome is (answer if isinstance(answer, Outcome) else answer[0])
    assert len(tool.asked) == 1 and not other.asked


@pytest.mark.parametrize(
    "text",
    [
        "no such column: connection_id",
        "row 500 has no name",
        "there is no table network",
        "busy is no choice of status",
    ],
)
async def test_what_is_wrong_with_a_call_is_not_taken_for_an_outage(text: str) -> None:
    tool, other = Flaky("first", always((Outcome.error, text))), Flaky("second", always(Outcome.passed))
    found = await looked(tool, other)
    assert found.outcome is Outcome.error and text in found.observation
    assert (len(tool.asked), len(other.asked)) == (1, 0)


async def test_wrong_arguments_that_the_tool_itself_finds_are_not_retried() -> None:
    class Strict(Flaky):
        async def run(self, call: ToolCall, view: View) -> Evidence:
            self.asked.append({})
            Words.model_validate({"q": "x"})
            raise AssertionError

    tool, other = Strict("a", always(Outcome.passed)), Flaky("b", always(Outcome.passed))
    evidence = await looked(tool, other)
    assert evidence.outcome is Outcome.error and "wrong arguments" in evidence.observation
    assert len(tool.asked) == 1 and not other.asked


async def test_after_three_retries_the_next_is_asked_under_its_own_names() -> None:
    tool, other = Flaky("a", always(DOWN)), Flaky("b", always(Outcome.passed), OtherWords)
    evidence = await looked(tool, other)
    assert len(tool.asked) == 4 and other.asked == [{"search_query": "x"}]
    assert evidence.outcome is Outcome.passed and evidence.data["by"] == "b"
    assert evidence.data["failed"] == [{"tool": "a", "times": 4, "why": "connection refused"}]
    assert "answered by b; a failed 4 times: connection refused" in evidence.observation


async def test_nothing_found_and_a_fault_of_the_tool_go_to_the_next_at_once() -> None:
    for failure in ((Outcome.inconclusive, "nothing found"), KeyError("x"), MissingDependency("no pypdf")):
        tool, other = Flaky("a", always(failure)), Flaky("b", always(Outcome.passed))
        assert (await looked(tool, other)).data["answered"] == "b"
        assert len(tool.asked) == 1


async def test_names_may_be_given_and_what_does_not_fit_is_passed_over() -> None:
    class Numbers(BaseModel):
        model_config = ConfigDict(extra="forbid")

        number: int

    class Short(BaseModel):
        model_config = ConfigDict(extra="forbid")

        q: str

    tool = Flaky("a", always(DOWN))
    number, short = Flaky("n", always(Outcome.passed), Numbers), Flaky("s", always(Outcome.passed), Short)
    evidence = await looked(tool, number, short, retries=0)
    assert evidence.outcome is Outcome.inconclusive and not number.asked and not short.asked
    assert "n was not asked: it takes no query" in evidence.observation
    evidence = await looked(tool, number, short, retries=0, renamed={"n": {"query": "number"}, "s": {"query": "q"}})
    assert "n was not asked: it cannot take these arguments: number" in evidence.observation
    assert short.asked == [{"q": "x"}] and evidence.data["answered"] == "s"


async def test_where_nobody_answers_it_is_said_what_is_missing() -> None:
    evidence = await looked(Flaky("a", always(DOWN)), Flaky("b", always((Outcome.error, "bad key"))), retries=1)
    assert evidence.outcome is Outcome.inconclusive and evidence.data["missing"] == "who?"
    assert "this is missing: who?" in evidence.observation
    assert "a failed 2 times: connection refused" in evidence.observation and "b failed once" in evidence.observation


async def test_a_dead_tool_is_asked_once_from_then_on_and_anew_in_another_run() -> None:
    tool, other = Flaky("a", always(*[DOWN] * 6, Outcome.passed)), Flaky("b", always(Outcome.passed))
    fallback = Fallback(tool, other, wait=0)
    call = ToolCall(tool="a", request="who?", arguments={"query": "x"})
    assert (await fallback.run(call, view())).data["answered"] == "b" and len(tool.asked) == 4
    assert (await fallback.run(call, view())).data["answered"] == "b" and len(tool.asked) == 5
    assert (await fallback.run(call, view(run="r2"))).data["answered"] == "a" and len(tool.asked) == 7


async def test_the_terms_of_each_tool_and_the_time_of_the_run_hold() -> None:
    class Slow(Flaky):
        async def run(self, call: ToolCall, view: View) -> Evidence:
            self.asked.append({})
            await asyncio.sleep(60)
            raise AssertionError

    slow = Slow("a", always(), terms=Terms(seconds=0.05, calls=2))
    evidence = await looked(slow, Flaky("b", always(Outcome.passed)))
    assert evidence.data["answered"] == "b" and len(slow.asked) == 2
    assert "no answer within 0.05 s" in evidence.observation
    hasty, start = Flaky("a", always(DOWN)), time.monotonic()
    call = ToolCall(tool="a", request="who?", arguments={"query": "x"})
    await Fallback(hasty, wait=30, longest=60).run(call, view(deadline=start + 0.5))
    assert len(hasty.asked) == 1 and time.monotonic() - start < 10
    evidence = await looked(Flaky("a", always(Outcome.passed)), now=view(deadline=time.monotonic() - 1))
    assert evidence.outcome is Outcome.inconclusive and "no time left" in evidence.observation


async def test_a_broken_host_and_a_wrong_configuration_raise() -> None:
    for raised in (SandboxBroken("gone"), InputError("no such folder")):
        with pytest.raises(type(raised)):
            await looked(Flaky("a", always(raised)), Flaky("b", always(Outcome.passed)))


def test_wrong_options_are_the_users_fault() -> None:
    tool = Flaky("a", always(Outcome.passed))
    for wrong in ({"retries": 4}, {"retries": -1}, {"wait": 20.0}, {"renamed": {"b": {}}}):
        with pytest.raises(InputError):
            Fallback(tool, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Fallback(tool, Flaky("a", always(Outcome.passed)))
    with pytest.raises(InputError):
        Fallback("a")  # type: ignore[arg-type]


async def test_functions_can_be_fallen_back_on() -> None:
    def broken(query: str) -> str:
        """Look."""
        raise ConnectionError("down")

    def works(query: str) -> str:
        """Look elsewhere."""
        return f"{query}: found"

    fallback = Fallback(broken, works, wait=0, retries=1)
    evidence = await fallback.run(ToolCall(tool="broken", request="x", arguments={"query": "x"}), view())
    assert evidence.outcome is Outcome.passed and "x: found" in evidence.observation


@pytest.mark.parametrize("alternative", [Outcome.passed, DOWN])
async def test_in_the_loop_a_required_look_up_needs_an_answer(alternative: Any, tmp_path: Path) -> None:
    tool = Fallback(Flaky("a", always(DOWN)), Flaky("b", always(alternative)), wait=0, retries=1)
    agent = Agent(
        Scripted([Draft(author="scripted", answer="x")]),
        tools=[tool],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=0),
    )
    run = await agent.arun(Task(goal="x"))
    assert run.outcome is (RunOutcome.answered if alternative is Outcome.passed else RunOutcome.abstained)
