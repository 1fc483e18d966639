"""Reports as evidence: a final text that tells of calls which never happened, held against the calls that were made.

Models that act through tools often write the rest of the story themselves: "Observation: {"success": true}", "the mail
was sent", a reference number that nobody gave. The record of the run knows better. Nothing is asked of a model here;
the text is read for acts that are said to be over, and for values, and each must have a call to stand on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import CallTool, DeleteFile, Draft, EditFile, Evidence, Outcome, RunCommand, Task, WriteFile
from revet.tools._grounded.recorded import RecordedCall
from revet.tools._grounded.rules import problems_in
from revet.tools.base import Tool, ToolCall, View, evidence_for
from revet.tools.constraints import text_of
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["Groundedness", "RecordedCall", "calls_of", "recorded", "ungrounded"]

PROBABLE = 0.5
SHOWN = 10
MOST_SEEN = 20_000

Recorded = RecordedCall | Mapping[str, Any]
"""A call, or ``{tool, input, observation}``."""


class Groundedness:
    """Holds the text that a draft answers with against the calls that were made, and finds what none of them bears out.

    The calls are those of the run: its evidence, in this round and in earlier ones, and what the draft itself is about
    to do. Calls that were made elsewhere are given as ``Groundedness(calls=…)`` or as the task's ``inputs["calls"]``:
    a list of ``{tool, input, observation}``. With `required`, a text that does not pass is never accepted.

    It fails if something is probably invented; ``data["problems"]`` say what and where, with what to do instead.
    It reads English.
    """

    name = "grounded"
    arguments: type[BaseModel] | None = None

    def __init__(self, calls: Sequence[Recorded] = (), *, required: bool = False) -> None:
        self.calls, self.required = recorded(calls), required

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that holds a text. Raises `InputError` for calls of the task that cannot be read."""
        calls_of(view.task)
        if view.draft is None or not (text_of(view.draft) or "").strip():
            return []
        return [ToolCall(tool=self.name, request="hold the report against the calls made", required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        text = (text_of(view.draft) or "") if view.draft is not None else ""
        if not text.strip():
            return evidence_for(call, view, Outcome.inconclusive, "inconclusive: the draft holds no text")
        calls = [*calls_of(view.task), *self.calls, *_of_run(view, self.name)]
        inputs = {key: value for key, value in view.task.inputs.items() if key not in ("calls", "tools")}
        request = "\n".join([view.task.goal, *([json.dumps(inputs, default=str)] if inputs else [])])
        steps = view.draft.steps if view.draft is not None else ()
        problems = await asyncio.to_thread(ungrounded, text, calls, request=request, steps=steps)
        sure = [problem for problem in problems if problem.confidence > PROBABLE]
        counts = f"{len(calls)} call{'s' * (len(calls) != 1)}"
        head = f"passed: nothing in it goes beyond the {counts}"
        if sure:
            head = f"failed: {len(sure)} passage{'s' * (len(sure) > 1)} tell of what the {counts} do not bear out"
        lines = [f"- {each.claim}" for each in problems[:SHOWN]]
        return evidence_for(
            call,
            view,
            Outcome.failed if sure else Outcome.passed,
            "\n".join([head, *lines]),
            problems=problems,
            data={"calls": len(calls)},
        )


def ungrounded(text: str, calls: Iterable[Recorded], *, request: str = "", steps: Sequence[str] = ()) -> list[Problem]:
    """What `text` reports that `calls` do not bear out, in the order of the text; at most 30 problems.

    `request` is what was asked: values that it holds are not held to be invented, and what is said of others ("the road
    has been closed") is only taken for a report where such an act was asked for. Figures that `steps` work out of known
    ones are known. Categories, and how probable each
    is: ``report/simulated_step`` (a step of a transcript that was not made), ``report/no_call`` (an act, and no call
    that does anything), ``report/failed_call`` (the call failed), ``report/other_call`` (calls were made, none that
    does this), ``report/untouched_item`` and ``report/more_than_done`` (more than was done), ``report/unseen_value``
    and ``report/nothing_looked_up``. Problems of at most 0.5 are worth a look, no more.
    """
    return problems_in(text, recorded(calls), request, steps)


def recorded(calls: Iterable[object]) -> tuple[RecordedCall, ...]:
    """The calls, checked. Raises `InputError` that names the one that cannot be read."""
    if isinstance(calls, str | Mapping):
        raise InputError("calls must be a list", hint="a list of {tool, input, observation}")
    made: list[RecordedCall] = []
    for number, each in enumerate(calls):
        try:
            made.append(RecordedCall.model_validate(each))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise InputError(
                f"call {number}: {where}: {first['msg']}", hint="a call is {tool, input, observation}"
            ) from None
    return tuple(made)


def calls_of(task: Task) -> tuple[RecordedCall, ...]:
    """The task's ``inputs["calls"]``. Raises `InputError` that names what cannot be used."""
    given = task.inputs.get("calls")
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InputError(f"the calls of the task {task.id} must be a list", hint="a list of {tool, input, observation}")
    try:
        return recorded(given)
    except InputError as error:
        raise InputError(f"the task {task.id}, inputs.calls: {error}") from None


def _of_run(view: View, own: str) -> list[RecordedCall]:
    """What the run itself has seen and is about to do, the newest last."""
    seen: dict[str, Evidence] = {each.id: each for each in view.baseline.values()}
    for attempt in view.attempts:
        seen.update((each.id, each) for each in attempt.evidence)
    seen.update((each.id, each) for each in view.evidence)
    calls = [_seen(each, view.tools.get(each.tool)) for each in seen.values() if each.tool != own]
    return [*calls, *(_planned(view.draft) if view.draft is not None else ())]


def _seen(evidence: Evidence, tool: Tool | None) -> RecordedCall:
    data = {key: value for key, value in evidence.data.items() if key != "problems"}
    observation = evidence.observation if not data else f"{evidence.observation}\n{json.dumps(data, default=str)}"
    return RecordedCall(
        tool=evidence.tool,
        input=evidence.request,
        observation=clip(observation, MOST_SEEN),
        failed=evidence.outcome in (Outcome.error, Outcome.timeout),
        looked=True if tool is not None and _examines(tool) else None,
    )


def _examines(tool: Tool) -> bool:
    """Whether it is one of Revet's own, which change nothing outside the sandbox. Those of others may do anything."""
    own = type(tool).__module__
    return own.startswith("revet.tools.") and not own.startswith(("revet.tools.adapters", "revet.tools.failing"))


def _planned(draft: Draft) -> Iterable[RecordedCall]:
    """What the draft does when it is committed: its report may tell of that as done."""
    for action in draft.actions:
        given: JsonValue = action.model_dump(mode="json", exclude={"kind"})
        if isinstance(action, CallTool):
            yield RecordedCall(tool=action.name, input=dict(action.arguments), failed=False)
        elif isinstance(action, WriteFile | EditFile | DeleteFile):
            yield RecordedCall(tool=action.kind, input=given, failed=False)
        elif isinstance(action, RunCommand):
            yield RecordedCall(tool="run_command", input=given, failed=False)
        elif action.kind != "answer":
            yield RecordedCall(tool="act", input=given, failed=False)
