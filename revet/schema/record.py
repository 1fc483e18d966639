"""What was decided, what it cost, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from revet.schema.base import DecisionKind, Model, RunOutcome, utcnow
from revet.schema.draft import Changes, Draft, FileChange
from revet.schema.evidence import Critique, Evidence
from revet.schema.task import Task

__all__ = [
    "Attempt",
    "Decision",
    "Receipt",
    "Run",
    "Usage",
]


class Decision(Model):
    """The gate's word, with its reasons, about one draft."""

    kind: DecisionKind
    reasons: tuple[str, ...] = ()
    draft: str | None = None

    def __repr__(self) -> str:
        return f"Decision({self.kind}: {'; '.join(self.reasons)})"


class Usage(Model):
    """What was spent so far."""

    rounds: int = 0
    tool_calls: int = 0
    seconds: float = 0.0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class Attempt(Model):
    """One trip round the loop: a draft, what was seen of it, what was said of it, what was decided."""

    round: int = Field(ge=0)
    draft: Draft
    changes: Changes | None = None
    evidence: tuple[Evidence, ...] = ()
    critiques: tuple[Critique, ...] = ()
    decision: Decision | None = None

    @property
    def diff(self) -> str:
        return self.changes.diff if self.changes else ""


class Receipt(Model):
    """Proof of a commit, and all that undo needs to find."""

    id: str
    workspace: str
    fingerprint: str
    files: tuple[FileChange, ...]
    committed_at: datetime
    undone_at: datetime | None = None


class Run(Model):
    """Everything that happened for one task."""

    id: str
    task: Task
    outcome: RunOutcome
    decision: Decision
    baseline: tuple[Evidence, ...] = Field(default=(), description="what was seen before the first draft")
    diagnosis: Critique | None = Field(default=None, description="the critique of that")
    attempts: tuple[Attempt, ...] = ()
    best: Attempt | None = None
    receipt: Receipt | None = None
    usage: Usage = Usage()
    started_at: datetime = Field(default_factory=utcnow)
    error: str | None = None

    @property
    def ok(self) -> bool:
        """True if the task ended committed, or answered with its checks passed."""
        return self.outcome in (RunOutcome.committed, RunOutcome.answered)

    @property
    def evidence(self) -> Sequence[Evidence]:
        return self.best.evidence if self.best else ()

    def __repr__(self) -> str:
        return f"Run({self.id}: {self.outcome} after {self.usage.rounds} rounds, {self.usage.seconds:.1f} s)"
