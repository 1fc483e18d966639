"""What a run says while it goes on. Every event is a closed pydantic model and survives JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from revet.schema import Changes, Critique, Decision, Draft, Evidence, Model, Note, Receipt, Run, Task

__all__ = [
    "Asked",
    "Committed",
    "Criticised",
    "Decided",
    "Event",
    "Examined",
    "Finished",
    "Progressed",
    "Proposed",
    "Recalled",
    "Staged",
    "Started",
    "parse_event",
]


class _Event(Model):
    at: float = Field(default=0.0, ge=0, description="seconds since the run (or its resumption) started")


class Started(_Event):
    """The task is taken up, or taken up again.

    `recovered` says what was done about an interrupted commit that was found in the workspace.
    """

    type: Literal["started"] = "started"
    run: str
    task: Task
    recovered: tuple[str, ...] = ()


class Recalled(_Event):
    """What earlier runs taught about the task; said only where there is something."""

    type: Literal["recalled"] = "recalled"
    notes: tuple[Note, ...]


class Proposed(_Event):
    type: Literal["proposed"] = "proposed"
    round: int
    draft: Draft


class Staged(_Event):
    """The draft was applied to a copy; the workspace is untouched."""

    type: Literal["staged"] = "staged"
    round: int
    changes: Changes


class Examined(_Event):
    """A tool saw something. Before the first draft (`baseline`), it looked at the workspace as it is."""

    type: Literal["examined"] = "examined"
    round: int
    evidence: Evidence
    baseline: bool = False


class Criticised(_Event):
    type: Literal["criticised"] = "criticised"
    round: int
    critique: Critique
    baseline: bool = False


class Decided(_Event):
    type: Literal["decided"] = "decided"
    round: int
    decision: Decision


class Progressed(_Event):
    """Something goes on inside a step: how far a search is, how many tests ran. `data` depends on `kind`."""

    type: Literal["progressed"] = "progressed"
    kind: str
    data: dict[str, JsonValue] = Field(default_factory=dict)


class Committed(_Event):
    type: Literal["committed"] = "committed"
    receipt: Receipt


class Asked(_Event):
    """The run waits for a person. Continue it with `Agent.aresume(run, answer)`.

    `question` holds all that a person is to be shown, as `revet.graphs.questions.Question`; where a role asks and not
    the gate, what it asks (`Run.question`).
    """

    type: Literal["asked"] = "asked"
    run: str
    decision: Decision
    diff: str
    question: dict[str, JsonValue] = Field(default_factory=dict)


class Finished(_Event):
    """The last event of a stream."""

    type: Literal["finished"] = "finished"
    run: Run


Event = Annotated[
    Started
    | Recalled
    | Proposed
    | Staged
    | Examined
    | Criticised
    | Decided
    | Progressed
    | Committed
    | Asked
    | Finished,
    Field(discriminator="type"),
]

_adapter: TypeAdapter[Event] = TypeAdapter(Event)


def parse_event(data: object) -> Event:
    """The event that `data` (a dict, as `model_dump(mode="json")` gives it) describes."""
    return _adapter.validate_python(data)
