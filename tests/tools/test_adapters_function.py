"""Plain functions and tools of LangChain's: what a model is told of them, what their results mean, and their faults."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, ToolException, tool
from pydantic import BaseModel, Field

from revet.agents import EvidenceCritic, Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import Draft, Evidence, Outcome, RunOutcome, Task
from revet.tools import FunctionTool, LangChainTool, Problem, Terms, ToolCall, View, as_tool, as_tools, problems_of
from revet.tools.adapters._signature import described

TASK = Task(goal="x")
VIEW = View(task=TASK, run="r")


class Mine:
    """No type that pydantic knows."""


class Place(BaseModel):
    name: str
    when: date


def weather(place: Place, days: int = 3, unit: Literal["C", "F"] = "C", *, view: View) -> str:
    """The forecast for a place.

    Nothing is guaranteed.

    Args:
        place: where, and from
            which day on
        days (int): how many days
        view: not for models
    Returns:
        a text
    """
    assert isinstance(place, Place) and isinstance(view, View)
    return f"{place.name} {place.when:%Y} {days} {unit} {view.run}"


async def done(tool: Any, **arguments: Any) -> Evidence:
    found: Evidence = await tool.run(ToolCall(tool=tool.name, request="x", arguments=arguments), VIEW)
    return found


def schema_of(tool: Any) -> dict[str, Any]:
    assert tool.arguments is not None
    told: dict[str, Any] = tool.arguments.model_json_schema()
    return told


# --- what a model is told -------------------------------------------------------------------------------------


async def test_the_signature_and_the_docstring_are_the_arguments() -> None:
    made = FunctionTool(weather)
    told = schema_of(made)
    assert made.name == "weather" and told["description"] == "The forecast for a place.\n\nNothing is guaranteed."
    assert [*told["properties"]] == ["place", "days", "unit"] and told["required"] == ["place"]
    assert told["properties"]["days"]["description"] == "how many days"
    assert told["properties"]["place"]["description"] == "where, and from which day on"
    assert told["additionalProperties"] is False
    seen = await done(made, place={"name": "Lyon", "when": "2026-01-02"}, unit="F")
    assert seen.outcome is Outcome.passed and seen.observation == "Lyon 2026 3 F r"


@pytest.mark.parametrize(
    "arguments", [{}, {"place": "Lyon"}, {"place": {"name": "x", "when": "2026-01-02"}, "unit": "K"}, {"view": 1}]
)
async def test_wrong_arguments_are_evidence(arguments: dict[str, Any]) -> None:
    seen = await done(FunctionTool(weather), **arguments)
    assert seen.outcome is Outcome.error and seen.observation.startswith("wrong arguments: ")


async def test_odd_names_defaults_and_kinds_of_parameters() -> None:
    def odd(
        a: int, /, schema: str, model_x: int = 1, _y: Annotated[int, Field(description="own")] = 2, **more: Any
    ) -> Any:
        """:param schema: which
        :param _y: not this
        """
        return [a, schema, model_x, _y, more]

    made = FunctionTool(odd)
    told = schema_of(made)
    assert [*told["properties"]] == ["a", "schema", "model_x", "_y"]
    assert told["properties"]["_y"]["description"] == "own" and told["properties"]["schema"]["description"] == "which"
    seen = await done(made, a=1, schema="s", z=3)
    assert seen.data["result"] == [1, "s", 1, 2, {"z": 3}]


def test_what_cannot_be_described_is_told() -> None:
    def unknown(x: Mine) -> None: ...
    def any_number(*x: int) -> None: ...
    def unresolved(x: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for function, match in (
        (unknown, "pydantic knows"),
        (any_number, "any number"),
        (unresolved, "Nowhere"),
        (lambda x: x, "no name for a tool"),
        (3, "cannot be called"),
    ):
        with pytest.raises(InputError, match=match):
            FunctionTool(function)  # type: ignore[arg-type]
    assert FunctionTool(lambda x: x, "same").name == "same"
    assert FunctionTool(functools.partial(weather, days=1)).name == "weather"


@given(st.text(alphabet=st.sampled_from(":param xArgs\n (int)*Returns-.")))
@settings(deadline=None, max_examples=200)
def test_any_docstring_can_be_read(doc: str) -> None:
    text, notes = described(doc)
    assert all(line in doc for line in text.splitlines()) and all(notes)


# --- what results mean ----------------------------------------------------------------------------------------


@dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("value", "outcome", "says", "result"),
    [
        ("fine", Outcome.passed, "fine", None),
        ("", Outcome.passed, "empty", None),
        (True, Outcome.passed, "passed", None),
        (False, Outcome.failed, "failed", None),
        (Outcome.inconclusive, Outcome.inconclusive, "inconclusive", None),
        ((False, "too long"), Outcome.failed, "too long", None),
        ((Outcome.error, {"why": 1}), Outcome.error, '"why": 1', None),
        (None, Outcome.inconclusive, "returned nothing", None),
        ({"a": 1}, Outcome.passed, '"a": 1', {"a": 1}),
        ([], Outcome.passed, "[]", []),
        (3.5, Outcome.passed, "3.5", 3.5),
        (float("nan"), Outcome.passed, "NaN", "NaN"),
        (Point(1.0), Outcome.passed, '"x": 1.0', {"x": 1.0}),
        (Place(name="a", when=date(2026, 1, 2)), Outcome.passed, "2026-01-02", {"name": "a", "when": "2026-01-02"}),
        ({1: {2}}, Outcome.passed, '"1"', {"1": [2]}),
        (b"\xff", Outcome.passed, "_w==", "_w=="),
        (object, Outcome.passed, "class 'object'", "<class 'object'>"),
        ("half \ud800", Outcome.passed, "half ?", None),
        (Problem(claim="it is wrong"), Outcome.failed, "it is wrong", None),
        ([Problem(claim="one"), Problem(claim="two")], Outcome.failed, "- one\n- two", None),
    ],
    ids=repr,
)
async def test_what_a_returned_value_means(value: Any, outcome: Outcome, says: str, result: Any) -> None:
    seen = await done(FunctionTool(lambda: value, "f"))
    assert seen.outcome is outcome and says in seen.observation
    assert seen.data.get("result") == result
    assert Evidence.model_validate_json(seen.model_dump_json()) == seen


async def test_what_is_large_deep_or_a_ring_is_bounded() -> None:
    ring: list[Any] = []
    ring.append(ring)
    deep: list[Any] = []
    depths = []
    for depth in range(5000):
        deep = [deep]
        depths += [deep] if depth in (60, 150, 300, 900, 4999) else []
    for value in (ring, *depths, "x" * 10**6, {"x": "y" * 10**6}, [Problem(claim="z" * 10**6)]):
        seen = await done(FunctionTool(lambda value=value: value, "f"))
        assert len(seen.observation) < 9000, type(value)
        assert Evidence.model_validate_json(seen.model_dump_json()) == seen


async def test_returned_evidence_answers_the_call_that_was_made() -> None:
    def forged() -> Evidence:
        return Evidence(
            tool="tests", request="pytest", outcome=Outcome.passed, check="c-1", changes="other", source="s"
        )

    seen = await done(FunctionTool(forged))
    assert (seen.tool, seen.request, seen.check, seen.changes, seen.source) == ("forged", "x", None, None, "s")


@pytest.mark.parametrize("required", [True, False])
def test_a_verdict_against_a_draft_is_heard_of(tmp_path: Path, required: bool) -> None:
    """Also where it is not required: the draft is sent back, with the reason."""

    def plums(view: View) -> tuple[bool, str]:
        return "plum" in str(view.draft and view.draft.answer), "it names no plum"

    made = FunctionTool(plums, plan=lambda view: [{}] if view.draft else [], required=required)
    proposer = Scripted([Draft(author="a", answer="a pear"), Draft(author="a", answer="a plum")])
    run = Agent(proposer, tools=[made], sandbox=None, store=tmp_path, critics=[EvidenceCritic()]).run(TASK)
    assert run.answer == "a plum"
    (finding,) = run.attempts[0].critiques[0].findings
    assert (finding.claim, finding.category) == ("it names no plum", "check/plums")


async def test_assertions_fail_and_other_faults_are_for_the_loop(tmp_path: Path) -> None:
    def short(view: View) -> bool:
        assert view.draft is not None
        assert len(str(view.draft.answer)) < 5, "the answer is too long"
        if view.draft.answer == "bad":
            raise ZeroDivisionError
        return True

    made = FunctionTool(short, plan=lambda view: [{}] if view.draft else [], required=True)
    proposer = Scripted([Draft(author="a", answer=text) for text in ("much too long", "bad", "good")])
    run = Agent(proposer, tools=[made], sandbox=None, store=tmp_path, critics=[EvidenceCritic()]).run(TASK)
    assert run.outcome is RunOutcome.answered and run.answer == "good"
    assert [a.evidence[0].outcome.value for a in run.attempts] == ["failed", "error", "passed"]
    assert "too long" in run.attempts[0].evidence[0].observation
    assert "the tool short raised ZeroDivisionError" in run.attempts[1].evidence[0].observation


async def test_functions_run_beside_the_loop_and_a_stuck_one_holds_nobody_up(tmp_path: Path) -> None:
    release = threading.Event()

    def stuck() -> str:
        release.wait(60)
        return "late"

    async def quick() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    def plan(view: View) -> list[dict[str, Any]]:
        return [{}] if view.draft else []

    tools = [FunctionTool(stuck, plan=plan, terms=Terms(seconds=0.2)), FunctionTool(quick, plan=plan)]
    proposer = Scripted([Draft(author="a", answer="x")])
    start = time.monotonic()
    run = await Agent(proposer, tools=tools, sandbox=None, store=tmp_path, critics=[], policy=Policy()).arun(TASK)
    assert time.monotonic() - start < 30
    assert [e.outcome.value for e in run.evidence] == ["timeout", "passed"]
    assert run.evidence[1].observation == threading.current_thread().name
    release.set()


@pytest.mark.parametrize("error", [SystemExit(1), StopIteration(), KeyboardInterrupt()], ids=repr)
async def test_what_would_end_a_thread_is_an_error(error: BaseException) -> None:
    def ends() -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__):
        await done(FunctionTool(ends))


def test_a_plan_without_conditions_looks_at_every_draft(tmp_path: Path) -> None:
    def seven(view: View) -> bool:
        return view.draft is not None and view.draft.answer == "7"

    proposer = Scripted([Draft(author="a", answer=text) for text in ("6", "7")])
    tools = [FunctionTool(seven, plan=lambda view: [{}], required=True)]
    run = Agent(proposer, tools=tools, sandbox=None, store=tmp_path, critics=[EvidenceCritic()]).run(TASK)
    assert [a.draft.answer for a in run.attempts] == ["6", "7"]


def test_a_plan_of_something_else_is_told() -> None:
    made = FunctionTool(weather, plan=lambda view: ["tomorrow"])  # type: ignore[list-item]
    assert made.plan(VIEW) == [], "there is nothing to look at yet"
    with pytest.raises(InputError, match="tomorrow"):
        made.plan(replace(VIEW, draft=Draft(author="a", answer="x")))


# --- LangChain ------------------------------------------------------------------------------------------------


@tool
def area(width: int, height: int, secret: Annotated[str, InjectedToolArg] = "s") -> int:
    """The area of a rectangle."""
    if width < 0:
        raise ToolException("no such width")
    return width * height


@tool(response_format="content_and_artifact")
async def rows(table: str) -> tuple[Any, Any]:
    """The rows of a table."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    return [{"type": "text", "text": f"2 rows in {table}"}, image], {"rows": [1, 2]}


async def test_a_tool_of_langchain_with_a_pydantic_schema() -> None:
    made = as_tool(area)
    assert isinstance(made, LangChainTool) and [*schema_of(made)["properties"]] == ["width", "height"]
    assert (await done(made, width=2, height=3)).observation == "6"
    refused = await done(made, width=-1, height=3)
    assert refused.outcome is Outcome.error and refused.observation == "no such width"


async def test_content_artefacts_and_handled_errors() -> None:
    seen = await done(as_tool(rows), table="t")
    assert seen.observation == "2 rows in t\n(picture 1)" and seen.artefacts == ("data:image/png;base64,AA==",)
    assert seen.data["result"] == {"rows": [1, 2]}
    handled = area.model_copy(update={"handle_tool_error": True})
    refused = await done(as_tool(handled), width=-1, height=3)
    assert refused.outcome is Outcome.error and refused.observation == "no such width"


async def test_a_tool_of_langchain_with_a_json_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"$ref": "#/$defs/n"}},
        "required": ["n"],
        "$defs": {"n": {"type": "integer"}},
    }

    def double(**arguments: Any) -> int:
        return 2 * int(arguments["n"])

    made = as_tool(StructuredTool(name="double it", description="Doubles.", args_schema=schema, func=double))
    assert made.name == "double_it" and schema_of(made)["$defs"] == schema["$defs"]
    assert (await done(made, n=4)).observation == "8"
    assert made.arguments is not None
    with pytest.raises(ValueError, match="is not of type 'integer'"):
        made.arguments.model_validate({"n": "four"})


async def test_a_tool_without_an_asynchronous_version_can_be_left_behind(tmp_path: Path) -> None:
    release = threading.Event()

    class Slow(BaseTool):
        name: str = "slow"
        description: str = "Takes its time."

        def _run(self) -> str:
            release.wait(60)
            return "late"

    made = LangChainTool(Slow(), plan=lambda view: [{}] if view.draft else [], terms=Terms(seconds=0.2))
    proposer = Scripted([Draft(author="a", answer="x")])
    run = await Agent(proposer, tools=[made], sandbox=None, store=tmp_path, critics=[]).arun(TASK)
    assert run.evidence[0].outcome is Outcome.timeout
    release.set()


def test_anything_that_is_a_tool_can_be_given(tmp_path: Path) -> None:
    own = FunctionTool(weather)
    given: list[Any] = [area, own, described]
    assert [type(each).__name__ for each in as_tools(given)] == ["LangChainTool", "FunctionTool", "FunctionTool"]
    agent = Agent(Scripted([]), tools=given, sandbox=None, store=tmp_path)
    assert [*agent.tools] == ["area", "weather", "described"]
    for wrong in (3, "tests", FunctionTool, object(), None):
        with pytest.raises(InputError):
            as_tool(wrong)
    with pytest.raises(InputError, match="no tool of LangChain's"):
        LangChainTool(weather)  # type: ignore[arg-type]


async def test_a_generator_is_read_beside_the_loop_and_only_so_far() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    async def endless_too() -> AsyncIterator[int]:
        while True:
            yield 1

    def doubts() -> Iterator[Problem]:
        yield Problem(claim="one")
        yield Problem(claim="two")

    for function in (endless, endless_too):
        evidence = await FunctionTool(function).run(ToolCall(tool="endless", request="r"), VIEW)
        assert evidence.outcome is Outcome.passed
        assert evidence.data["result"] == [1] * 10_000
    evidence = await FunctionTool(doubts).run(ToolCall(tool="doubts", request="r"), VIEW)
    assert evidence.outcome is Outcome.failed and len([*problems_of(evidence)]) == 2
