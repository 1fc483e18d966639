"""The calls that a tool user made, and whose fault it was where one failed.

CriticTool's two families (arXiv 2506.13977): an internal error is the caller's (the wrong tool, one that there is not,
wrong keys, wrong values), an external one the tool's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, JsonValue, ValidationError

from revet.agents.chat.drafting import SaidAction
from revet.schema import CallTool, Draft, Evidence, Model, Outcome
from revet.tools.failing import PASSING, SURELY_PASSING

__all__ = ["CALLS", "Kind", "Made", "call_meant", "calls_made", "failures_in", "fault_of"]

CALLS = "calls"
"""In ``Draft.data``: the calls that were made on the way to the draft, in order."""

Kind = Literal["answered", "internal", "external", "disabled"]
OUTCOMES = (Outcome.passed, Outcome.failed)


class Made(Model):
    """One call, and what came of it. `kind` is `disabled` for a call of a tool that had failed to the last before.

    `category` is what a tool found wrong with the call, `named` what its author called the error a turn later.
    """

    tool: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    kind: Kind
    said: str
    category: str = ""
    named: str = ""
    times: int = Field(default=0, ge=0, description="how often the tool was asked")


def call_meant(tool: str | None, arguments: str | None) -> CallTool:
    """The call of `tool`; `arguments` is a JSON object as text. ValueError, in words for a model, if it is none."""
    empty = dict.fromkeys(("path", "content", "replacements", "command", "sql"))
    said = SaidAction.model_validate({"kind": "call_tool", **empty, "tool": tool, "arguments": arguments}).action()
    assert isinstance(said, CallTool)
    return said


def calls_made(draft: Draft | None) -> list[Made]:
    """The calls that a draft's author made. What is none in form is passed over."""
    told = draft.data.get(CALLS) if draft is not None else None
    made = []
    for each in told if isinstance(told, list) else []:
        try:
            made.append(Made.model_validate(each))
        except ValidationError:
            continue
    return made


def failures_in(made: Sequence[Made]) -> dict[str, Made]:
    """The tools that are out of use, each with the call at which it failed to the last."""
    return {each.tool: each for each in made if each.kind == "external"}


def fault_of(evidence: Evidence) -> tuple[Literal["answered", "internal", "external"], bool]:
    """Whose fault the evidence of a call shows, and whether the same call may go better a second time.

    What a tool raises is its own fault, for the arguments fitted what it takes. `error` without that says that the
    request is wrong, unless it says that it will pass.
    """
    if evidence.outcome in OUTCOMES:
        return "answered", False
    if evidence.outcome is Outcome.timeout or evidence.data.get("error") is not None:
        return "external", True
    if evidence.outcome is Outcome.error:
        passing = bool(SURELY_PASSING.search(evidence.observation))
        return ("external", True) if passing else ("internal", False)
    return "external", bool(PASSING.search(evidence.observation))
