"""Proposed tool calls as evidence: whether the tool exists, is the right one, and takes what it is given.

The kinds of errors are those of CriticTool: a tool that there is not, a wrong tool, wrong keys,
wrong values. A call is judged before it is made, by the schemas alone; each problem says what is nearest right.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue

from revet.schema import CallTool, Evidence, Location, Outcome, Severity
from revet.tools._calls.mending import KEY, Fault, faults_in, nearest, shown_call
from revet.tools._calls.spec import Spec, spec_of_tool, specs_of
from revet.tools._calls.validating import Unchecked
from revet.tools._grounded.values import Known, Value, values
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.grounded import calls_of
from revet.tools.observation import clip
from revet.tools.problems import Problem

if TYPE_CHECKING:
    from revet.tools.adapters import ToolLike

__all__ = ["CallCheck"]

HALLUCINATED, MISCHOSEN, UNGIVEN = "tool/tool_hallucination", "tool/tool_select", "tool/parameters_value"
PROBABLE = 0.5
MOST_CALLS, MOST_PROBLEMS, MOST_LEAVES = 100, 40, 500
SHOWN, NAMES = 10, 400


class CallCheck:
    """Examines the calls (`CallTool`) that a draft proposes, before any is made.

    The tools that there are: those that the roles of the run can use, those given here (`tools`: Revet's, plain
    functions, LangChain's, MCP servers, or ``{name, description, parameters}`` with a JSON Schema, bare or in the form
    of a "function"), and those of the task's ``inputs["tools"]``, which are such objects. Without any, nothing is
    checked.

    Problems point to the action, name the argument by its path and suggest the call as it should be. An identifier or
    address that is neither in the task nor in anything seen before is a minor problem: it may be made up. With
    `required`, a draft with a wrong call is never accepted. It is inconclusive where a call could not be checked (a
    schema that is none, arguments too large) and nothing else is wrong. A call that nothing here can carry out, so that
    the draft cannot be staged, is examined all the same.
    """

    name = "calls"
    arguments: type[BaseModel] | None = None
    terms = Terms(unstaged=True)

    def __init__(self, tools: Sequence[ToolLike | Mapping[str, Any]] = (), *, required: bool = False) -> None:
        self.tools, self.required = specs_of(tools, "tools"), required

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that proposes any. Raises `InputError` for tools of the task that cannot be used."""
        known = self._known(view)
        if view.draft is None or not known or not any(isinstance(each, CallTool) for each in view.draft.actions):
            return []
        return [ToolCall(tool=self.name, request="check the proposed tool calls", required=self.required)]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        proposed = [
            (number, action)
            for number, action in enumerate(view.draft.actions if view.draft is not None else ())
            if isinstance(action, CallTool)
        ]
        known = self._known(view)
        if not proposed or not known:
            what = "no call is proposed" if known else "nobody said which tools there are"
            return evidence_for(call, view, Outcome.inconclusive, f"inconclusive: {what}")
        problems, unchecked = await asyncio.to_thread(_judged, proposed[:MOST_CALLS], known, view)
        if len(proposed) > MOST_CALLS:
            unchecked.append(f"{len(proposed) - MOST_CALLS} calls more than {MOST_CALLS} were not looked at")
        wrong = [each for each in problems if each.confidence > PROBABLE and each.severity.rank >= Severity.major.rank]
        outcome = Outcome.failed if wrong else Outcome.inconclusive if unchecked else Outcome.passed
        return evidence_for(
            call,
            view,
            outcome,
            "\n".join([_head(outcome, wrong, unchecked, len(proposed)), *_lines(problems, unchecked)]),
            problems=problems[:MOST_PROBLEMS],
            data={"calls": len(proposed), "unchecked": [*unchecked]},
        )

    def _known(self, view: View) -> dict[str, Spec]:
        used = {name: spec_of_tool(tool) for name, tool in view.tools.items() if tool.arguments is not None}
        given = view.task.inputs.get("tools")
        of_task = {} if given is None else specs_of(given, f"inputs.tools of the task {view.task.id}")  # type: ignore[arg-type]  # it checks
        return {**used, **self.tools, **of_task}


def _judged(
    proposed: Sequence[tuple[int, CallTool]], known: Mapping[str, Spec], view: View
) -> tuple[list[Problem], list[str]]:
    """What is wrong with the calls, and why which of them could not be checked."""
    problems: list[Problem] = []
    unchecked: list[str] = []
    seen = Known(_seen(view))
    for number, action in proposed:
        spec = known.get(action.name)
        if spec is None:
            problems.append(_no_tool(number, action, known))
            continue
        try:
            if spec.fault is not None:
                raise Unchecked(spec.fault)
            wrong = list(_of_call(number, action, spec, known))
        except Unchecked as reason:
            unchecked.append(f"action {number}, {clip(action.name, 80)}: {reason}")
            continue
        problems += wrong or _ungiven(number, action, spec, seen)
    return problems, unchecked


def _no_tool(number: int, action: CallTool, known: Mapping[str, Spec]) -> Problem:
    like = nearest(action.name, known)
    there_are = clip(", ".join(known), NAMES)
    return Problem(
        claim=f"there is no tool {clip(action.name, 80)!r}" + (f": the nearest is {like}" if like else ""),
        category=HALLUCINATED,
        location=Location(action=number),
        suggestion=shown_call(like, action.arguments) if like else f"use one of: {there_are}",
        confidence=0.97,
    )


def _of_call(number: int, action: CallTool, spec: Spec, known: Mapping[str, Spec]) -> Iterator[Problem]:
    faults, mended = faults_in(spec, action.arguments)
    if any("is missing" in fault.claim for fault in faults if fault.category == KEY) and action.arguments:
        other = _fitting(action, spec, known)
        if other is not None:
            yield Problem(
                claim=f"{action.name} cannot be meant: {faults[0].claim}, and the arguments are those of {other}",
                category=MISCHOSEN,
                location=Location(action=number),
                suggestion=shown_call(other, action.arguments),
                confidence=0.85,
            )
            return
    for fault in faults:
        yield _problem(number, action, fault, mended)


def _problem(number: int, action: CallTool, fault: Fault, mended: Mapping[str, Any]) -> Problem:
    return Problem(
        claim=f"{action.name}: {fault.claim}",
        category=fault.category,
        location=Location(action=number),
        suggestion=shown_call(action.name, mended),
        confidence=fault.confidence,
    )


def _fitting(action: CallTool, spec: Spec, known: Mapping[str, Spec]) -> str | None:
    """The one other tool that takes exactly these arguments, if the tool itself knows not all of them."""
    ours = _names(spec)
    if set(action.arguments) <= ours:
        return None
    fitting = []
    for other in known.values():
        if other.name == spec.name or other.fault or not set(action.arguments) <= _names(other):
            continue
        try:
            if not faults_in(other, action.arguments)[0]:
                fitting.append(other.name)
        except Unchecked:
            continue
    return fitting[0] if len(fitting) == 1 else None


def _names(spec: Spec) -> set[str]:
    properties = (spec.schema or {}).get("properties")
    return set(properties) if isinstance(properties, Mapping) else set()


def _ungiven(number: int, action: CallTool, spec: Spec, seen: Known) -> Iterator[Problem]:
    """Identifiers and addresses that stood nowhere before, neither in what the schema says.

    Two of three calls with such a value failed, where one in fifteen does without (see docs/tools/calls.md).
    """
    told = Known([json.dumps(spec.schema, default=str)]) if spec.schema else Known([])
    for place, leaf in list(_leaves(action.arguments))[:MOST_LEAVES]:
        whole = [each for each in values(leaf) if each.text.strip() == leaf.strip() and _made_up(each)]
        if whole and not seen.holds(whole[0]) and not told.holds(whole[0]):
            yield Problem(
                claim=f"{action.name}: {place} is {clip(leaf, 80)!r}, which neither the task nor anything seen so far "
                "holds",
                severity=Severity.minor,
                category=UNGIVEN,
                location=Location(action=number),
                suggestion=f"look {place} up, or ask for it, before the call",
                confidence=0.6,
            )


def _made_up(value: Value) -> bool:
    """Whether a value of this sort must come from somewhere: everybody knows some web addresses, and any amount."""
    return value.kind in ("identifier", "telephone", "address") and "://" not in value.text


def _leaves(value: JsonValue, place: str = "") -> Iterator[tuple[str, str]]:
    """The texts within, with their paths. Iterative: arguments may be nested deeply."""
    stack: list[tuple[str, JsonValue]] = [(place, value)]
    while stack:
        here, now = stack.pop()
        if isinstance(now, dict):
            stack += [(f"{here}.{key}" if here else key, each) for key, each in reversed(now.items())]
        elif isinstance(now, list):
            stack += [(f"{here}[{place}]", each) for place, each in reversed(list(enumerate(now)))]
        elif isinstance(now, str):
            yield clip(here, 80), now[:1000]


def _seen(view: View) -> Iterator[str]:
    """All that a call may take its values from: the task, and what was found and done before."""
    yield view.task.goal
    yield json.dumps({key: value for key, value in view.task.inputs.items() if key != "tools"}, default=str)
    for made in calls_of(view.task):
        yield made.observation
    for evidence in [*view.baseline.values(), *(e for a in view.attempts for e in a.evidence), *view.evidence]:
        if evidence.tool != CallCheck.name:
            yield evidence.observation
            yield json.dumps(evidence.data, default=str)


def _head(outcome: Outcome, wrong: Sequence[Problem], unchecked: Sequence[str], calls: int) -> str:
    if wrong:
        return f"failed: {len(wrong)} problem{'s' * (len(wrong) > 1)} in {calls} proposed call{'s' * (calls > 1)}"
    if unchecked:
        return f"inconclusive: {clip(unchecked[0], 400)}"
    return f"passed: {calls} proposed call{'s' * (calls > 1)} fit{'s' * (calls == 1)} the tools that there are"


def _lines(problems: Sequence[Problem], unchecked: Sequence[str]) -> list[str]:
    lines = [f"- {clip(each.claim, 400)}" for each in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"- and {len(problems) - SHOWN} more")
    return [*lines, *(f"- not checked: {clip(each, 400)}" for each in unchecked[:SHOWN])]
