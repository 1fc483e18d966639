"""What was decided, what it cost, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from revet.schema.base import Data, DecisionKind, Model, RunOutcome, utcnow
from revet.schema.display import Displayed
from revet.schema.draft import Changes, Draft, FileChange, FolderChange
from revet.schema.evidence import Critique, Evidence
from revet.schema.note import Note
from revet.schema.task import Task

__all__ = [
    "Attempt",
    "Decision",
    "EffectReceipt",
    "Receipt",
    "Run",
    "Setup",
    "Spent",
    "Usage",
]


class Decision(Model):
    """The gate's word, with its reasons, about one draft."""

    kind: DecisionKind
    reasons: tuple[str, ...] = ()
    draft: str | None = None
    held: bool = Field(default=False, description="nothing speaks against the draft; it waits to be chosen, or not")

    def __repr__(self) -> str:
        return f"Decision({self.kind}: {'; '.join(self.reasons)})"


class Spent(Model):
    """What one role's language model was asked and what that took. `cost` is in US dollars."""

    calls: int = Field(default=0, ge=0)
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost: float = Field(default=0.0, ge=0)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Spent) -> Spent:
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in Spent.model_fields})


class Usage(Model):
    """What was spent so far. `tokens` and `cost` are the sums over `roles`."""

    rounds: int = 0
    tool_calls: int = 0
    seconds: float = 0.0
    roles: dict[str, Spent] = Field(default_factory=dict, description="what language models took, by role")

    @property
    def tokens(self) -> int:
        return sum(spent.tokens for spent in self.roles.values())

    @property
    def cost(self) -> float:
        return sum(spent.cost for spent in self.roles.values())

    def __add__(self, other: Usage) -> Usage:
        roles = dict(self.roles)
        for role, spent in other.roles.items():
            roles[role] = roles.get(role, Spent()) + spent
        return Usage(
            rounds=self.rounds + other.rounds,
            tool_calls=self.tool_calls + other.tool_calls,
            seconds=self.seconds + other.seconds,
            roles=roles,
        )


class Attempt(Displayed, Model):
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

    @property
    def answer(self) -> str | None:
        """What was answered: the value that a tool computed from the draft (``data["answer"]``), or the draft's own."""
        computed = (e.data["answer"] for e in self.evidence if e.data.get("answer") is not None)
        value = next(computed, self.draft.answer)
        return None if value is None else str(value)


class EffectReceipt(Model):
    """What became of one action beyond the files. `why` says why it was not done, stays, or is not known."""

    kind: str
    what: str = Field(description="the action in a line")
    reversible: bool = True
    done: bool = True
    undone: bool = False
    uncertain: bool = Field(default=False, description="nobody can know whether it happened; it is never repeated")
    why: str = ""


class Receipt(Displayed, Model):
    """Proof of a commit, and all that undo needs to find.

    `failed` says why a commit was taken back at once, where something of it could not be: that is in `effects`.
    """

    id: str
    workspace: str
    fingerprint: str
    files: tuple[FileChange, ...]
    folders: tuple[FolderChange, ...] = ()
    effects: tuple[EffectReceipt, ...] = ()
    committed_at: datetime
    undone_at: datetime | None = None
    failed: str = ""

    @property
    def undoable(self) -> bool:
        """True if there is something that an undo takes back."""
        if self.undone_at is not None:
            return False
        parts = any(e.reversible and (e.done or e.uncertain) and not e.undone for e in self.effects)
        return bool(self.files or self.folders or parts)

    @property
    def irreversible(self) -> tuple[EffectReceipt, ...]:
        """What stays, whatever is undone; of a commit that is undone, all that was not taken back."""
        kept = [e for e in self.effects if (e.done or e.uncertain) and not e.undone]
        return tuple(effect for effect in kept if not effect.reversible or self.undone_at is not None)

    @property
    def uncertain(self) -> tuple[EffectReceipt, ...]:
        """What may have happened: nobody can know, so it was not tried again."""
        return tuple(effect for effect in self.effects if effect.uncertain)


class Setup(Model):
    """What a run is made with: for a person to read, and for the command line to go on with it.

    `roles` are the names of who proposes, revises, criticises and judges. `settings` are those of a task file (without
    passwords), of which the same agent can be made again; None where the agent was made in Python: only the program
    that made it can go on with the run.
    """

    recipe: str = "core"
    options: Data = Field(default_factory=dict)
    roles: dict[str, str] = Field(default_factory=dict)
    tools: tuple[str, ...] = ()
    sandbox: str | None = None
    policy: Data = Field(default_factory=dict)
    seed: int = 0
    settings: Data | None = None


class Run(Displayed, Model):
    """Everything that happened for one task."""

    id: str
    task: Task
    setup: Setup | None = Field(default=None, description="None in records of versions that did not keep it")
    outcome: RunOutcome
    decision: Decision
    baseline: tuple[Evidence, ...] = Field(default=(), description="what was seen before the first draft")
    diagnosis: Critique | None = Field(default=None, description="the critique of that")
    notes: tuple[Note, ...] = Field(default=(), description="what earlier runs taught, as the roles were shown it")
    attempts: tuple[Attempt, ...] = ()
    best: Attempt | None = None
    receipt: Receipt | None = None
    usage: Usage = Usage()
    started_at: datetime = Field(default_factory=utcnow)
    asked_at: datetime | None = Field(default=None, description="since when it waits for a person's approval")
    question: Data = Field(
        default_factory=dict, description="what a role asks a person, while the run waits; empty where the gate asks"
    )
    error: str | None = None

    @property
    def ok(self) -> bool:
        """True if the task ended committed, or answered with its checks passed."""
        return self.outcome in (RunOutcome.committed, RunOutcome.answered)

    @property
    def answer(self) -> str | None:
        """The best attempt's answer; None where nothing was answered."""
        return self.best.answer if self.best else None

    @property
    def evidence(self) -> Sequence[Evidence]:
        return self.best.evidence if self.best else ()

    def __repr__(self) -> str:
        return f"Run({self.id}: {self.outcome} after {self.usage.rounds} rounds, {self.usage.seconds:.1f} s)"
