"""Reports held against the calls made: what is invented, what is borne out, and what only sounds like a claim."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revet.agents import Scripted
from revet.errors import InputError
from revet.graphs import Agent
from revet.policy import Policy
from revet.schema import CallTool, Draft, Evidence, Outcome, RunCommand, RunOutcome, Task, WriteFile
from revet.tools import (
    FunctionTool,
    Groundedness,
    Python,
    RecordedCall,
    ToolCall,
    View,
    evidence_for,
    problems_of,
    ungrounded,
)

LOOK = {"tool": "SearchTasks", "input": {"query": "Test"}, "observation": '{"tasks": [{"task_id": "t1"}]}'}
DELETE = {"tool": "DeleteTask", "input": {"task_id": "t1"}, "observation": '{"success": true}'}
FAILED = {**DELETE, "observation": '{"error": "NotFoundException: no such task"}'}
MAIL = {"tool": "send_email", "input": {"to": "ann@host.org"}, "observation": "sent"}


def kinds(text: str, *calls: Any, request: str = "") -> list[str]:
    """What is probably invented."""
    return [p.category.removeprefix("report/") for p in ungrounded(text, calls, request=request) if p.confidence > 0.5]


# --- what is invented --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls", "kind"),
    [
        ("All tasks have been deleted.", [], "no_call"),
        ("I've deleted the task.", [], "no_call"),
        ("Your tweet was posted successfully!", [], "no_call"),
        ("- Created the note\n- Sent it to Ann", [], "no_call"),
        ("The transfer was successful.", [], "no_call"),
        ("The task has been deleted.", [LOOK], "no_call"),
        ("The file has been compiled and sent to Ann.", [LOOK], "no_call"),
        ("The task has been deleted.", [LOOK, FAILED], "failed_call"),
        ("The task was deleted successfully and Ann has been emailed.", [LOOK, DELETE], "other_call"),
        ("I found three flights.", [], "nothing_looked_up"),
        ("Your balance is $1,025.75.", [], "unseen_value"),
        ("I have deleted the task. The reference is DEL-4711.", [LOOK, DELETE], "unseen_value"),
        ('Action: DeleteTask\nAction Input: {"task_id": "t1"}\nObservation: {"success": true}', [], "simulated_step"),
        ('Observation: {"balance": 500}', [LOOK], "simulated_step"),
        ("Five tasks have been deleted.", [LOOK, DELETE], "more_than_done"),
    ],
)
def test_what_no_call_bears_out_is_found(text: str, calls: list[Any], kind: str) -> None:
    assert kind in kinds(text, *calls)


def test_more_things_than_were_touched_are_found() -> None:
    listed = '{"devices": [{"device_id": "d1", "name": "Lamp"}, {"device_id": "d2", "name": "Oven"}, %s]}'
    look = {
        "tool": "SearchDevices",
        "observation": listed % '{"device_id": "d3", "name": "Radio"}',
    }
    off = {"tool": "ControlDevice", "input": {"device_id": "d1", "action": "turn off"}, "observation": "{}"}
    assert kinds("I turned off the Lamp and the Oven.", look, off) == ["untouched_item"]
    assert kinds("All devices have been turned off.", look, off) == ["untouched_item"]
    assert kinds("I turned off the Lamp.", look, off) == []
    assert kinds("All devices except the Oven have been turned off.", look, off) == []


def test_a_problem_points_at_its_passage_and_says_what_to_do() -> None:
    text = "Hello. The task has been deleted. Bye."
    (found,) = ungrounded(text, [LOOK])
    assert found.location is not None and found.location.span is not None
    assert text[slice(*found.location.span)] == "The task has been deleted."
    assert "make the call" in str(found.suggestion)


# --- what is not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("The task has been deleted.", [LOOK, DELETE]),
        ("I emailed Ann at ann@host.org.", [MAIL]),
        ("I found one task, t1.", [LOOK]),
        ("I can delete the task for you. Shall I?", []),
        ("Has the mail been sent?", []),
        ("The task could not be deleted.", [LOOK, FAILED]),
        ("I was unable to send the mail.", []),
        ("Once the mail has been sent, I will tell you.", []),
        ("If the task was deleted, it is gone.", []),
        ("Please confirm that it should be deleted.", []),
        ("The file will be shared tomorrow.", []),
        ('He wrote: "I have deleted everything."', []),
        ("The reservation was made on 2024-05-07.", [LOOK]),
        ("Given the circumstances, I recommend a call.", []),
        ("To place the order I need the size, for example 42.5.", []),
        ("Here is a plan: buy 100 shares, then wait.", []),
        ("Paris is 200 miles away and a ticket costs $25.", []),
        ("Use UTF-8 and SHA256, as in RFC 2616.", []),
        ("Ann has sent 3 letters, and each school has sent a coach.", []),
        ("We are given that x is 5. We set y to 3.", []),
        ("I made a mistake in my analysis.", []),
        ("Paris", []),
        ("", []),
    ],
)
def test_what_is_true_planned_denied_or_asked_is_let_be(text: str, calls: list[Any]) -> None:
    assert kinds(text, *calls) == []


def test_values_may_come_from_the_request_or_be_worked_out() -> None:
    price = {"tool": "get_price", "observation": '{"price": 12.5}'}
    assert kinds("Two cost $25.", price, request="How much are 2?") == []
    assert kinds("They cost $31.70.", price, request="How much are 2?") == ["unseen_value"]
    cut = {"tool": "get_price", "observation": '{"price": 12.5, "other": ['}
    assert kinds("They cost $31.70.", cut) == []


def test_a_command_counts_as_what_it_does() -> None:
    def ran(command: str) -> dict[str, Any]:
        return {"tool": "TerminalExecute", "input": {"command": command}, "observation": ""}

    assert kinds("I deleted the file.", ran("ls -l | grep old 2>/dev/null")) == ["no_call"]
    for command in ("rm old.txt", "find . -delete", "echo x > old.txt", "sudo apt remove it", "python3 clean.py"):
        assert kinds("I deleted the file.", ran(command)) == []


# --- the tool ----------------------------------------------------------------------------------------------------


def view(text: str | None, *actions: Any, **more: Any) -> View:
    task = Task(goal=more.pop("goal", "Delete the tasks."), inputs=more.pop("inputs", {}))
    return View(task=task, run="r", draft=Draft(author="a", answer=text, actions=actions), **more)


async def looked(now: View, **options: Any) -> Evidence:
    tool = Groundedness(**options)
    (call,) = tool.plan(now)
    return await tool.run(call, now)


async def test_calls_come_from_the_run_the_draft_the_task_and_the_user() -> None:
    text = "The task t1 has been deleted."
    assert (await looked(view(text))).outcome is Outcome.failed
    assert (await looked(view(text), calls=[DELETE])).outcome is Outcome.passed
    assert (await looked(view(text, inputs={"calls": [DELETE]}))).outcome is Outcome.passed
    assert (await looked(view(text, CallTool(name="delete_task")))).outcome is Outcome.passed
    assert (await looked(view(text, RunCommand(command="rm t1")))).outcome is Outcome.passed
    assert (await looked(view("I updated the page.", WriteFile(path="a", content="")))).outcome is Outcome.passed
    seen = evidence_for(ToolCall(tool="delete_task", request="t1"), view(None), Outcome.passed, "gone")
    assert (await looked(view(text, evidence=(seen,)))).outcome is Outcome.passed
    broke = seen.model_copy(update={"outcome": Outcome.timeout})
    assert "failed_call" in next(problems_of(await looked(view(text, evidence=(broke,))))).category


async def test_what_revets_own_tools_did_changed_nothing() -> None:
    def sweep(path: str) -> str:
        """Clean."""
        return "gone"

    for tool, outcome in ((Python(), Outcome.failed), (FunctionTool(sweep), Outcome.passed)):
        seen = evidence_for(ToolCall(tool=tool.name, request="x"), view(None), Outcome.passed, "gone")
        now = view("The task t1 has been deleted.", evidence=(seen,), tools={tool.name: tool})
        assert (await looked(now)).outcome is outcome


async def test_what_cannot_be_judged_is_not_planned_and_bad_calls_are_the_users_fault() -> None:
    assert not Groundedness().plan(view(None)) and not Groundedness().plan(view("  "))
    assert (await Groundedness().run(ToolCall(tool="grounded", request="x"), view(None))).outcome is (
        Outcome.inconclusive
    )
    for wrong in ("x", {"tool": "a"}, [3], [{"input": "x"}]):
        with pytest.raises(InputError):
            Groundedness(wrong)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="calls"):
            Groundedness().plan(view("x", inputs={"calls": wrong}))


@pytest.mark.parametrize("required", [True, False])
async def test_an_invented_result_is_not_answered(required: bool, tmp_path: Path) -> None:
    invented = Draft(author="scripted", answer="I deleted both tasks, t1 and t2.")
    honest = Draft(author="scripted", answer="I deleted t1. I did not delete t2.")
    agent = Agent(
        Scripted([invented, honest]),
        tools=[Groundedness(calls=[LOOK, FAILED], required=required)],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=0),
    )
    run = await agent.arun(Task(goal="Delete t1 and t2."))
    assert run.outcome is RunOutcome.abstained
    (finding,) = (f for c in run.attempts[0].critiques for f in c.findings)
    assert finding.category == "report/failed_call" and finding.evidence and finding.location is not None
    agent = Agent(
        Scripted([invented, honest]),
        tools=[Groundedness(calls=[DELETE], required=required)],
        sandbox=None,
        store=tmp_path,
        policy=Policy(rounds=2),
    )
    run = await agent.arun(Task(goal="Delete t1 and t2."))
    assert run.outcome is RunOutcome.answered and run.best is not None


# --- whatever the text -------------------------------------------------------------------------------------------

SAMPLED = "I have been deleted sent all the 5 tasks . , ? \n - successfully not and $3.50 ID-77 Observation: ("
WORDS = st.lists(st.sampled_from(SAMPLED.split(" ")), max_size=40).map(" ".join)


@given(st.text(max_size=300) | WORDS, st.lists(st.builds(RecordedCall, tool=st.text(max_size=20), observation=WORDS)))
@settings(deadline=None, max_examples=300)
def test_no_text_raises_and_spans_lie_in_it(text: str, calls: list[RecordedCall]) -> None:
    for found in ungrounded(text, calls):
        assert found.location is not None and found.location.span is not None
        start, end = found.location.span
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    "part", ["a", "1,", "a-1", "have been ", "sent. ", "{", '"', "$1 ", "Observation: x\n", "@", "a.b+", "- ", "“"]
)
def test_hostile_texts_take_no_time(part: str) -> None:
    text = part * (100_000 // len(part))
    start = time.monotonic()
    found = ungrounded(text, [{"tool": "look", "observation": text}, DELETE], request=text[:1000])
    assert time.monotonic() - start < 20 and len(found) <= 30
    assert sum(len(each.claim) for each in found) < 12_000
