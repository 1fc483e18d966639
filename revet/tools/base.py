"""What a tool is, and what it is shown."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from pydantic import BaseModel, Field, JsonValue

from revet.models.account import Account
from revet.sandboxes.base import Layer, Session
from revet.schema import Attempt, Changes, Critique, Draft, Evidence, Model, Note, Outcome, Task
from revet.tools.problems import Problem

__all__ = [
    "OFFERS",
    "KeepsAnswers",
    "Terms",
    "Tool",
    "ToolCall",
    "View",
    "evidence_for",
    "nobody_uses",
    "terms_of",
    "unheard",
]


def unheard(_kind: str, _data: Mapping[str, JsonValue]) -> None:
    """The listener of a view that nobody listens to."""


OFFERS = {"write_file": "", "edit_file": "", "delete_file": ""}
"""What a proposer is told of where nothing else is given: files."""


async def nobody_uses(call: ToolCall) -> Evidence:
    """The `use` of a view outside a run."""
    raise LookupError(f"there is no tool {call.tool!r} here")


class ToolCall(Model):
    """One use of a tool: which, on what, and whether the gate waits for its answer."""

    tool: str
    request: str
    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    check: str | None = None
    required: bool = False


@dataclass(frozen=True)
class View:
    """What the parts of one round see: the task, the staged state and what is known so far. Read-only.

    `session` runs programs on the staged state when `layer` is passed along; without it, on the workspace as it is.
    `baseline` is the evidence about the untouched workspace, by check id, and `diagnosis` the critique of it.
    `deadline` is on `time.monotonic`'s clock.
    `emit(kind, data)` reports progress to whoever watches; `data` must be JSON-able.
    `account` is what language models are asked on. `use` makes a tool call that a role wants, within the budgets; what
    it returns joins the evidence of this round and may be cited. `tools` are those that can be used.
    `secret` is random, known to this run alone, and the same when the run is resumed: what a text from outside cannot
    know. `offers` are the kinds of actions that a proposer is told of, each with what it has to know besides.
    `notes` are what earlier runs taught. `moved`: the workspace changed while the run lasted, as who learns from the
    run is told. `fork` gives the same view with an account and a `use` of its own, for roles
    that one role lets speak, at the same time too: fork in an order that is the same when the step is done again.
    """

    task: Task
    run: str
    round: int = 0
    workspace: Path | None = None
    session: Session | None = None
    layer: Layer | None = None
    draft: Draft | None = None
    changes: Changes | None = None
    evidence: tuple[Evidence, ...] = ()
    critique: Critique | None = None
    attempts: Sequence[Attempt] = ()
    best: Attempt | None = None
    baseline: Mapping[str, Evidence] = field(default_factory=dict)
    diagnosis: Critique | None = None
    allows: Callable[[str], bool] = lambda path: True
    deadline: float | None = None
    seed: int = 0
    tools: Mapping[str, Tool] = field(default_factory=dict)
    use: Callable[[ToolCall], Awaitable[Evidence]] = nobody_uses
    account: Account = field(default_factory=Account)
    secret: str = ""
    offers: Mapping[str, str] = field(default_factory=lambda: dict(OFFERS))
    notes: Sequence[Note] = ()
    moved: bool = False
    forking: Callable[[str], View] | None = None
    emit: Callable[[str, Mapping[str, JsonValue]], None] = unheard

    @property
    def remaining(self) -> float:
        """Seconds of wall time left, infinite without a deadline."""
        return float("inf") if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def fork(self, who: str) -> View:
        """This view for the role `who`, with an account and a `use` of its own. Outside a run it is the same view."""
        if self.forking is None:
            return self
        own = self.forking(who)
        return replace(self, account=own.account, use=own.use)


class Terms(Model):
    """On which terms the loop uses a tool. A tool without any bounds itself and is run each time.

    `keep` says what an answer depends on, and so when the same call is not made again in one run: `never` keeps none;
    `draft`: on the draft and what is staged; `run`: on nothing that changes while a run lasts (a search, a page).
    Only answers that say something (`passed`, `failed`) are kept.

    `unstaged`: the tool reads the draft alone, never the state that it stages, and so is asked of a draft that cannot
    be staged, too: the view then has neither `changes` nor `layer`.
    """

    seconds: float | None = Field(default=None, gt=0, description="wall time of one call; then it is a timeout")
    calls: int | None = Field(default=None, gt=0, description="calls in one run; then it is inconclusive")
    keep: Literal["never", "draft", "run"] = "never"
    unstaged: bool = False


class Tool(Protocol):
    """Gathers evidence about a staged state. Never raises for what a program does; raises for a broken sandbox.

    What cannot be done (no network, a document that cannot be read, a locked database) is evidence too: `error` where
    the request is at fault, `inconclusive` where nobody can tell, with the reason first in `observation`. What a tool
    finds wrong in a draft it tells as `Problem`s (see `evidence_for`).

    `plan` says which calls the task requires. `run` makes one call. `arguments` is the model of the arguments of a
    call that a language model makes, None where a tool is not for models; its docstring tells the model what the tool
    does, and `ToolCall.arguments` are then its fields. A tool may have an attribute `terms` (see `Terms`).
    """

    name: str
    arguments: type[BaseModel] | None

    def plan(self, view: View) -> Sequence[ToolCall]: ...

    async def run(self, call: ToolCall, view: View) -> Evidence: ...


@runtime_checkable
class KeepsAnswers(Protocol):
    """A tool that keeps what it was answered, for later runs."""

    def keep_answers(self, url: str) -> None:
        """Keep them in the PostgreSQL database at `url`, where no other place was named. What is said first counts."""
        ...


def terms_of(tool: Tool) -> Terms:
    """The tool's `terms`, the default ones for a tool that has none."""
    terms = getattr(tool, "terms", None)
    return terms if isinstance(terms, Terms) else Terms()


def evidence_for(
    call: ToolCall,
    view: View,
    outcome: Outcome,
    observation: str,
    *,
    problems: Sequence[Problem] = (),
    data: Mapping[str, JsonValue] | None = None,
    source: str | None = None,
    artefacts: Sequence[str] = (),
    seconds: float = 0.0,
) -> Evidence:
    """What `call` showed of the state that `view` shows. `problems` join `data`, whence a critic reads them."""
    told = {"problems": [each.told() for each in problems]} if problems else {}
    return Evidence(
        tool=call.tool,
        request=call.request,
        outcome=outcome,
        observation=observation,
        data={**(data or {}), **told},
        source=source,
        artefacts=tuple(artefacts),
        seconds=seconds,
        check=call.check,
        required=call.required,
        changes=view.changes.fingerprint if view.changes else None,
    )
