"""What flows through the graph (checkpointed) and what it is run with (not checkpointed)."""

from __future__ import annotations

import operator
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, TypedDict

from revet import traces
from revet.agents.base import Critic, Judge, Memory, Proposer, Reviser, Strategy
from revet.graphs.bench import Bench
from revet.graphs.shelf import Shelf
from revet.models.account import Replies
from revet.models.purse import Purse
from revet.policy import Policy
from revet.schema import (
    Attempt,
    Changes,
    Critique,
    Decision,
    Draft,
    Evidence,
    Note,
    Receipt,
    Run,
    Task,
    Usage,
)
from revet.tools.base import Tool

__all__ = ["Context", "State", "initial_state"]


def _joined(before: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    return {**before, **more}


def _counted(before: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {name: before.get(name, 0) + more.get(name, 0) for name in {**before, **more}}


class State(TypedDict, total=False):
    """One run. The channels with a reducer accumulate; the others hold the last value.

    `world` is the fingerprint of the workspace that `evidence` was gathered on, `found` of that of the `baseline`.
    `baseline` and its critique, the `diagnosis`, speak of the workspace as it was found; `changes`, `evidence` and
    `critiques` of the current `draft` only. `attempts` is the history, a new entry for each gate decision, and `best`
    the place of the best in it. `queue` are drafts that are made and not yet examined. `chosen` says why the draft is
    the one that a strategy chose, None if none did, and `anew` that it must be examined again; `worlds` are the
    fingerprints of the workspaces that the drafts of the rounds were examined on. `notes` are what earlier runs taught.
    `used` counts the calls of each tool. Sequences are lists, for that is what a checkpoint gives back. `secret` marks
    off what comes from outside in prompts. Of a person who was asked: `asked_at` is when, `answer` what they said,
    `misheard` why that was no answer, and `written` the id of the draft they wrote. `trace` is the span in which the
    run began (a W3C traceparent), None where none is recorded.
    """

    task: Task
    run: str
    secret: str
    started_at: datetime
    round: int
    baseline: list[Evidence]
    diagnosis: Critique | None
    draft: Draft | None
    changes: Changes | None
    world: str | None
    found: str | None
    evidence: list[Evidence]
    critiques: list[Critique]
    decision: Decision | None
    approved: bool | None
    asked_at: datetime | None
    answer: object
    misheard: str | None
    written: str | None
    receipt: Receipt | None
    attempts: Annotated[list[Attempt], operator.add]
    queue: list[Draft]
    chosen: list[str] | None
    anew: bool
    worlds: Annotated[dict[str, str], _joined]
    notes: list[Note]
    best: int | None
    usage: Annotated[Usage, operator.add]
    used: Annotated[dict[str, int], _counted]
    result: Run | None
    trace: str | None


def initial_state(task: Task, run: str, started_at: datetime) -> State:
    return State(
        task=task,
        run=run,
        secret=secrets.token_hex(16),
        started_at=started_at,
        round=0,
        baseline=[],
        diagnosis=None,
        draft=None,
        changes=None,
        world=None,
        found=None,
        evidence=[],
        critiques=[],
        decision=None,
        approved=None,
        asked_at=None,
        answer=None,
        misheard=None,
        written=None,
        receipt=None,
        attempts=[],
        queue=[],
        chosen=None,
        anew=False,
        worlds={},
        notes=[],
        best=None,
        usage=Usage(),
        used={},
        result=None,
        trace=traces.parent(),
    )


@dataclass(frozen=True)
class Context:
    """The roles of a run, and the bench that it works on. Handed to the graph as its runtime context.

    `judge` chooses between attempts that the evidence cannot tell apart. `strategy`, where there is one, says which
    drafts are made and which of them goes to the gate. `memory` is what earlier runs taught. `replies` remembers what
    language models answered in this run, and `shelf` what tools did. `purse` is what other runs spend from, too.
    """

    proposer: Proposer
    reviser: Reviser
    critics: Sequence[Critic]
    tools: Mapping[str, Tool]
    policy: Policy
    bench: Bench
    seed: int = 0
    judge: Judge | None = None
    strategy: Strategy | None = None
    memory: Memory | None = None
    replies: Replies | None = None
    purse: Purse | None = None
    shelf: Shelf = field(default_factory=Shelf)
