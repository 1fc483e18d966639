"""What a person is asked about a draft, and what they may answer.

The answers are those of LangGraph's human-in-the-loop agents: approve, edit, reject, respond. A plain True or False is
approve or reject. Whatever cannot be read as one of them is no answer, and approves of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from revet.agents.preoperative import possible_result
from revet.errors import InputError
from revet.graphs.state import State
from revet.policy import Policy, exhausted_budgets
from revet.schema import Action, Critique, Decision, Finding, Model
from revet.schema.base import Data

__all__ = [
    "Answering",
    "Approve",
    "Edit",
    "Expire",
    "Question",
    "Reject",
    "Respond",
    "expires",
    "question",
    "response",
    "to_role",
]


class Approve(Model):
    """Commit exactly what was shown."""

    type: Literal["approve"] = "approve"


class Edit(Model):
    """Do this instead: staged and examined like any draft, then committed without a second question."""

    type: Literal["edit"] = "edit"
    actions: tuple[Action, ...] = Field(min_length=1)


class Reject(Model):
    """Do nothing. The run ends."""

    type: Literal["reject"] = "reject"
    reason: str = ""


class Respond(Model):
    """Say what is wrong: the reviser is told, and a new draft comes."""

    type: Literal["respond"] = "respond"
    message: str = Field(min_length=1, pattern=r"\S")


class Expire(Model):
    """Nobody answered in time. Said by whoever waited for the person, never by the person."""

    type: Literal["expire"] = "expire"


_Response = Annotated[Approve | Edit | Reject | Respond | Expire, Field(discriminator="type")]
_adapter: TypeAdapter[Approve | Edit | Reject | Respond | Expire] = TypeAdapter(_Response)

Answering: TypeAlias = "bool | int | str | Mapping[str, object] | Approve | Edit | Reject | Respond | Expire"
"""What may be given as an answer: True, False, one of the models, or a mapping of that form. Where a role asks (see
`Run.question`): what it asks for, such as a text or a number."""


class Question(Model):
    """What a person is shown: what would be done, what is known of it, and what may be answered.

    `actions` are the draft's, to be edited. `expires_at`: an answer that comes later is not taken. `problem` says why
    the last answer was none.
    """

    run: str
    task: str
    goal: str
    decision: Decision
    actions: tuple[Action, ...] = ()
    findings: tuple[Finding, ...] = ()
    diff: str = ""
    changes: Data = Field(default_factory=dict, description="what would change: counts and names, bounded")
    possible_result: str = Field(default="", description="what would happen, and how that is known")
    allowed: tuple[Literal["approve", "edit", "reject", "respond"], ...] = ("approve", "edit", "reject", "respond")
    expires_at: datetime | None = None
    problem: str | None = None


MOST_NAMED = 200


def question(state: State, policy: Policy) -> Question:
    """The question that a run at this state asks. It depends on the state alone: asked again, it is the same."""
    decision, draft, changes = state["decision"], state["draft"], state["changes"]
    assert decision is not None and draft is not None
    known: dict[str, object] = {}
    if changes is not None:
        named = {
            "files": [{"path": f.path, "kind": f.kind} for f in changes.files],
            "folders": [{"path": f.path, "kind": "make" if f.made else "remove"} for f in changes.folders],
            "tables": [t.model_dump(mode="json", exclude={"rows", "digest"}) for t in changes.tables],
            "calls": [c.model_dump(mode="json") for c in changes.calls],
            "commands": [
                c.model_dump(mode="json", include={"command", "exit_code", "verdict"}) for c in changes.commands
            ],
        }
        known = {name: values[:MOST_NAMED] for name, values in named.items() if values}
        known |= {f"{name}_in_all": len(values) for name, values in named.items() if len(values) > MOST_NAMED}
    spent = exhausted_budgets(policy, state["usage"])
    critiques: Sequence[Critique] = state["critiques"]
    return Question(
        run=state["run"],
        task=state["task"].id,
        goal=state["task"].goal,
        decision=decision,
        actions=draft.actions,
        findings=tuple(finding for critique in critiques for finding in critique.findings),
        diff=changes.diff if changes else "",
        changes=known,
        possible_result=possible_result(changes, state["evidence"], critiques),
        allowed=("approve", "edit", "reject") if spent else ("approve", "edit", "reject", "respond"),
        expires_at=expires(state, policy),
        problem=state.get("misheard"),
    )


def expires(state: State, policy: Policy) -> datetime | None:
    """Until when an answer is taken; None for ever."""
    asked = state.get("asked_at")
    return None if asked is None or policy.ask_seconds is None else asked + timedelta(seconds=policy.ask_seconds)


def response(answer: object) -> Approve | Edit | Reject | Respond | Expire:
    """The answer as one of the models. Raises `InputError` that names the field for whatever is none."""
    if isinstance(answer, bool):
        return Approve() if answer else Reject()
    if isinstance(answer, Approve | Edit | Reject | Respond | Expire):
        return answer
    try:
        return _adapter.validate_python(dict(answer) if isinstance(answer, Mapping) else answer)
    except ValidationError as error:
        told = "; ".join(f"{_place(e['loc'])}: {e['msg']}" for e in error.errors()[:5])
        hint = 'True, False, or {"type": "approve"}, {"type": "edit", "actions": […]}, {"type": "reject", "reason": …}'
        raise InputError(f"no answer: {told}", hint=f'give {hint}, {{"type": "respond", "message": …}}') from None


def to_role(answer: object) -> object:
    """The answer to a role or tool that asks, as plain data. Raises `InputError` for what can be no answer at all."""
    hint = 'give a text, a number, or a mapping; {"type": "pass"} says nothing'
    try:
        said = to_jsonable_python(answer)
    except PydanticSerializationError as error:
        raise InputError(f"no answer: it is no plain data ({error})", hint=hint) from None
    if said is None or said == {}:
        raise InputError("no answer: it is empty", hint=hint)
    return said


def _place(loc: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in loc) or "answer"
