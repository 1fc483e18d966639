"""Proposed tool calls: the tool, its keys and its values, each with what is nearest right; and the loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.tools import tool as langchain_tool
from pydantic import BaseModel

from revet.actions import Staging, register
from revet.actions.registry import _handlers
from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import CallPlan, CallTool, Changes, Draft, Evidence, Outcome, RunOutcome, Severity, Task
from revet.tools import CallCheck, CorpusSearch, FunctionTool, Problem, ToolCall, View, evidence_for, problems_of
from tests.actions.action_worlds import Plain

FLIGHTS: dict[str, Any] = {
    "name": "search_flights",
    "description": "Search flights.",
    "parameters": {
        "type": "object",
        "properties": {
            "origin": {"type": "string"},
            "destination": {"type": "string"},
            "date": {"type": "string", "format": "date"},
            "cabin": {"type": "string", "enum": ["economy", "premium_economy", "business"]},
            "seats": {"type": "integer", "minimum": 1, "maximum": 9},
            "filters": {
                "type": "object",
                "properties": {"stops": {"type": "array", "items": {"type": "integer"}}},
                "additionalProperties": False,
            },
        },
        "required": ["origin", "destination", "date"],
    },
}
MAIL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "send_email",
        "parameters": {
            "type": "object",
            "properties": {"to": {"type": "string", "format": "email"}, "body": {"type": "string"}},
            "required": ["to", "body"],
            "additionalProperties": False,
        },
    },
}
GOOD = {"origin": "OSL", "destination": "LAX", "date": "2026-05-01"}


def view(*actions: CallTool, goal: str = "Fly from OSL to LAX.", **more: Any) -> View:
    inputs = more.pop("inputs", {})
    return View(task=Task(goal=goal, inputs=inputs), run="r", draft=Draft(author="a", actions=actions), **more)


async def looked(name: str, arguments: Mapping[str, Any], *tools: Any, **more: Any) -> Evidence:
    check, now = CallCheck(tools or (FLIGHTS, MAIL)), view(CallTool(name=name, arguments=dict(arguments)), **more)
    (call,) = check.plan(now)
    return await check.run(call, now)


async def problem(name: str, arguments: Mapping[str, Any], *tools: Any) -> Problem:
    (only,) = problems_of(await looked(name, arguments, *tools))
    return only


def suggested(found: Problem) -> Any:
    assert found.suggestion is not None
    return json.loads(found.suggestion.split(" with ", 1)[1])


# --- what is wrong -----------------------------------------------------------------------------------------------


async def test_a_call_that_fits_passes() -> None:
    evidence = await looked("search_flights", {**GOOD, "seats": 2, "filters": {"stops": [0]}})
    assert evidence.outcome is Outcome.passed and not list(problems_of(evidence))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("searchFlights", "search_flights"), ("flight_search", "search_flights"), ("send_mail", "send_email")],
)
async def test_a_tool_that_there_is_not_is_told_the_nearest(name: str, nearest: str) -> None:
    found = await problem(name, GOOD)
    assert found.category == "tool/tool_hallucination" and found.location is not None and found.location.action == 0
    assert nearest in found.claim and str(found.suggestion).startswith(f"call {nearest} with")


async def test_a_tool_like_no_other_is_told_all() -> None:
    found = await problem("zzz", {})
    assert found.suggestion == "use one of: search_flights, send_email"


async def test_the_arguments_of_another_tool_are_a_wrong_choice() -> None:
    found = await problem("search_flights", {"to": "ann@host.org", "body": "Hello"})
    assert found.category == "tool/tool_select" and "send_email" in found.claim
    assert str(found.suggestion).startswith("call send_email with")


@pytest.mark.parametrize(
    ("arguments", "says", "right"),
    [
        ({"origin": "OSL", "destination": "LAX"}, "date is missing", {"date": "<string>"}),
        ({**GOOD, "cabinn": "economy"}, "there is no cabinn: probably cabin", {"cabin": "economy"}),
        ({"orgin": "OSL", "destination": "LAX", "date": "2026-05-01"}, "probably origin was meant", {"origin": "OSL"}),
        ({**GOOD, "filters": {"stop": [1]}}, "there is no filters.stop: probably stops", {"filters": {"stops": [1]}}),
    ],
)
async def test_wrong_keys_are_told_the_nearest(arguments: dict[str, Any], says: str, right: dict[str, Any]) -> None:
    found = await problem("search_flights", arguments)
    assert found.category == "tool/parameters_key_error" and says in found.claim
    assert suggested(found).items() >= right.items()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"cabin": "Business"}, {"cabin": "business"}),
        ({"cabin": "premium economy"}, {"cabin": "premium_economy"}),
        ({"seats": "3"}, {"seats": 3}),
        ({"seats": 12}, {"seats": 9}),
        ({"seats": 0}, {"seats": 1}),
        ({"date": "1 May 2026"}, {"date": "2026-05-01"}),
        ({"origin": ["OSL"]}, {"origin": "OSL"}),
        ({"filters": '{"stops": [1]}'}, {"filters": {"stops": [1]}}),
        ({"filters": {"stops": 1}}, {"filters": {"stops": [1]}}),
        ({"filters": {"stops": ["1"]}}, {"filters": {"stops": [1]}}),
    ],
)
async def test_wrong_values_are_told_the_nearest_that_is_allowed(wrong: dict[str, Any], right: dict[str, Any]) -> None:
    found = await problem("search_flights", {**GOOD, **wrong})
    assert found.category == "tool/parameters_value_error" and next(iter(wrong)) in found.claim
    assert suggested(found).items() >= right.items()
    assert (await looked("search_flights", suggested(found))).outcome is Outcome.passed


async def test_an_address_that_is_none_is_wrong_and_optional_values_may_be_null() -> None:
    assert "email" in (await problem("send_email", {"to": "ann", "body": "x"})).claim

    class Wanted(BaseModel):
        """Look."""

        text: str
        most: int | None = None
        kind: Literal["a", "b"] = "a"

    tool = {"name": "look", "parameters": Wanted.model_json_schema()}
    assert (await looked("look", {"text": "x", "most": None}, tool)).outcome is Outcome.passed
    assert suggested(await problem("look", {"text": "x", "most": "4"}, tool))["most"] == 4


async def test_an_identifier_that_nobody_gave_is_suspicious_and_no_more() -> None:
    tool = {"name": "cancel", "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}
    evidence = await looked("cancel", {"id": "RES-88123"}, tool)
    (found,) = problems_of(evidence)
    assert evidence.outcome is Outcome.passed
    assert (found.category, found.severity) == ("tool/parameters_value", Severity.minor) and found.confidence < 0.7
    seen = {"calls": [{"tool": "list", "observation": '{"reservation": "RES-88123"}'}]}
    assert not list(problems_of(await looked("cancel", {"id": "RES-88123"}, tool, inputs=seen)))
    assert not list(problems_of(await looked("cancel", {"id": "RES-88123"}, tool, goal="Cancel res-88123.")))
    earlier = Evidence(tool="search", request="x", outcome=Outcome.passed, observation="found RES-88123")
    assert not list(problems_of(await looked("cancel", {"id": "RES-88123"}, tool, evidence=(earlier,))))


# --- where tools come from -------------------------------------------------------------------------------------------


async def test_tools_may_be_functions_langchains_and_revets() -> None:
    def add(first: int, second: int) -> int:
        """Add."""
        return first + second

    @langchain_tool
    def multiply(first: int, second: int) -> int:
        """Multiply."""
        return first * second

    for given, name in ((add, "add"), (FunctionTool(add, name="plus"), "plus"), (multiply, "multiply")):
        assert (await looked(name, {"first": 1, "second": 2}, given)).outcome is Outcome.passed
        found = await problem(name, {"first": 1, "secnd": 2}, given)
        assert found.category == "tool/parameters_key_error" and "second" in found.claim


async def test_the_tools_of_the_run_and_of_the_task_are_known(tmp_path: Path) -> None:
    now = view(CallTool(name="corpus", arguments={"querry": "x"}), tools={"corpus": CorpusSearch(tmp_path)})
    (call,) = CallCheck().plan(now)
    (found,) = problems_of(await CallCheck().run(call, now))
    assert "probably query was meant" in found.claim
    now = view(CallTool(name="serch_flights"), inputs={"tools": [FLIGHTS]})
    (found,) = problems_of(await CallCheck().run(CallCheck().plan(now)[0], now))
    assert "search_flights" in found.claim


def test_nothing_is_planned_where_nothing_is_known_or_proposed() -> None:
    assert not CallCheck().plan(view(CallTool(name="x")))
    assert not CallCheck([FLIGHTS]).plan(view())
    assert CallCheck([FLIGHTS], required=True).plan(view(CallTool(name="x")))[0].required


@pytest.mark.parametrize("given", ["search", {"a": 1}, [3], [{"description": "nameless"}], [{"name": " "}]])
def test_tools_that_are_none_are_the_users_fault(given: Any) -> None:
    with pytest.raises(InputError):
        CallCheck(given)
    with pytest.raises(InputError, match=r"inputs\.tools"):
        CallCheck().plan(view(CallTool(name="x"), inputs={"tools": given}))


# --- the loop --------------------------------------------------------------------------------------------------------


class Desk(Plain):
    """Carries out calls: writes down which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def stage(self, action: CallTool, staging: Staging) -> None:
        staging.add(CallPlan(name=action.name, arguments=action.arguments, effects=("read",), reversible=True))

    def commit(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self.made.append(action.name)

    def undo(self, action: CallTool, changes: Changes, key: str, folder: Path) -> None:
        self.made.clear()


@pytest.mark.parametrize("required", [True, False])
async def test_a_wrong_call_is_revised_with_the_nearest_name(
    required: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revet.actions.registry._handlers", dict(_handlers))
    desk = Desk()
    register("call_tool", desk)
    wrong = Draft(author="scripted", actions=(CallTool(name="search_flight", arguments=GOOD),))
    right = Draft(author="scripted", actions=(CallTool(name="search_flights", arguments=GOOD),))
    (tmp_path / "work").mkdir()
    task = Task(goal="Fly from OSL to LAX.", workspace=str(tmp_path / "work"))
    agent = Agent(
        Scripted([wrong, right]),
        tools=[CallCheck([FLIGHTS, MAIL], required=required)],
        sandbox=None,
        store=tmp_path / "store",
        policy=Policy(rounds=3, unproven="commit"),
    )
    run = await agent.arun(task)
    first = run.attempts[0]
    assert [f.claim for c in first.critiques for f in c.findings] == [
        "there is no tool 'search_flight': the nearest is search_flights"
    ]
    assert [attempt.draft for attempt in run.attempts] == [wrong, right]
    assert run.outcome is RunOutcome.committed and desk.made == ["search_flights"]


async def test_a_call_that_nothing_carries_out_comes_back_with_the_nearest_name(tmp_path: Path) -> None:
    class Looker:
        """Looks at what is staged."""

        name = "looker"
        arguments = None

        def __init__(self) -> None:
            self.looked: list[bool] = []

        def plan(self, view: View) -> list[ToolCall]:
            return [ToolCall(tool=self.name, request="look")] if view.draft is not None else []

        async def run(self, call: ToolCall, view: View) -> Evidence:
            self.looked.append(view.changes is not None)
            return evidence_for(call, view, Outcome.passed, "fine")

    wrong = Draft(author="scripted", actions=(CallTool(name="search_flight", arguments=GOOD),))
    right = Draft(author="scripted", answer="There is no flight.")
    looker = Looker()
    agent = Agent(
        Scripted([wrong, right]), tools=[CallCheck([FLIGHTS, MAIL]), looker], sandbox=None, store=tmp_path / "store"
    )
    run = await agent.arun(Task(goal="Fly from OSL to LAX."))
    first = run.attempts[0]
    assert [(e.tool, e.outcome.value) for e in first.evidence] == [("stage", "error"), ("calls", "failed")]
    assert "there is no tool 'search_flight': the nearest is search_flights" in [
        f.claim for c in first.critiques for f in c.findings
    ]
    assert run.outcome is RunOutcome.answered and looker.looked == [True]
