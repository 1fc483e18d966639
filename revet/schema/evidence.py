"""What tools saw and what critics say of it.

Sources of the critique's shape: REFINER, Critic-CoT and IF-CRITIC (located, typed, actionable findings);
GUI-Critic-R1 (`possible_result`).
"""

from __future__ import annotations

from pydantic import Field

from revet.schema.base import INT64, Data, EvidenceId, Fraction, Model, Outcome, Severity, Verdict, digest
from revet.schema.display import Displayed

__all__ = [
    "Critique",
    "Evidence",
    "Finding",
    "Location",
]


class Location(Model):
    """Where a finding points: any of an action of the draft, a line of a file, a step, a span of text."""

    action: int | None = Field(default=None, ge=0, le=INT64)
    path: str | None = None
    line: int | None = Field(default=None, ge=1, le=INT64)
    step: int | None = Field(default=None, ge=0, le=INT64)
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.path is not None:
            return self.path if self.line is None else f"{self.path}:{self.line}"
        named = {"action": self.action, "step": self.step, "span": self.span}
        return " ".join(f"{k} {v}" for k, v in named.items() if v is not None) or "somewhere"


class Evidence(Displayed, Model):
    """What a tool saw, and how. `observation` is for reading and bounded; `data` is typed and for deciding.

    `check` is the id of the task's check that this answers, None for evidence nobody required. `changes` is the
    fingerprint of the staged state that was examined; evidence about another state proves nothing about this one.
    """

    tool: str
    request: str
    outcome: Outcome
    observation: str = ""
    data: Data = Field(default_factory=dict)
    source: str | None = None
    artefacts: tuple[str, ...] = ()
    seconds: float = Field(default=0.0, ge=0)
    check: str | None = None
    required: bool = False
    changes: str | None = None

    @property
    def id(self) -> EvidenceId:
        return "e-" + digest(self.tool, self.request, self.outcome, self.observation, self.changes)

    def __repr__(self) -> str:
        return f"Evidence({self.id} {self.tool} {self.outcome}: {self.request[:60]})"


class Finding(Model):
    """One thing that is wrong, where, how badly, on what evidence, and what to do instead."""

    claim: str
    severity: Severity = Severity.major
    category: str = "logic"
    location: Location | None = None
    evidence: tuple[EvidenceId, ...] = ()
    suggestion: str | None = None
    confidence: Fraction = 1.0

    @property
    def opinion(self) -> bool:
        """True if no evidence is cited."""
        return not self.evidence


class Critique(Displayed, Model):
    """What one critic says of a draft.

    The loop, and no critic, sets `heard` to False: a budget was spent before it could speak; `possible_result` says so.
    """

    critic: str
    verdict: Verdict
    possible_result: str = ""
    findings: tuple[Finding, ...] = ()
    score: Fraction = 0.0
    confidence: Fraction = 1.0
    heard: bool = True

    def __repr__(self) -> str:
        return f"Critique({self.critic}: {self.verdict}, score {self.score:.2f}, {len(self.findings)} findings)"
