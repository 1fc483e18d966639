"""What the gate says of an action: a decision, the reason, a critique, and what would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from revet.effects.rules import Decision, Step

__all__ = ["Answer"]

RESEND = "send an action in the documented form"


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision on one action.

    `critique` has the form of `revet.schema.Critique`, as JSON-able data: critic, verdict, possible_result, findings,
    score, confidence. `changes` says what was seen when it was tried, and whether it was (``dry_run``: ran, skipped,
    off, failed). `trace` holds each effect with the rule that decided it, `commands` and `rules` the commands and
    the files of rules; they are for `--explain` and not in the JSON.
    """

    decision: Decision
    reason: str
    critique: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    id: Any = None
    trace: tuple[Step, ...] = ()
    commands: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As it is written to stdout. `id` only where the request had one."""
        said: dict[str, Any] = {} if self.id is None else {"id": self.id}
        return said | {
            "decision": self.decision,
            "reason": self.reason,
            "critique": dict(self.critique),
            "changes": dict(self.changes),
            "seconds": round(self.seconds, 4),
        }

    def but(self, **changed: Any) -> Answer:
        """The same answer with some fields changed."""
        return replace(self, **changed)

    @classmethod
    def refusal(
        cls, reason: str, *, decision: Decision = "deny", id: Any = None, seconds: float = 0.0, suggestion: str = RESEND
    ) -> Answer:
        """The answer to what could not be examined: never "allow"."""
        finding: dict[str, Any] = {
            "claim": reason,
            "severity": "critical" if decision == "deny" else "major",
            "category": "request",
            "location": None,
            "evidence": ["request"],
            "suggestion": suggestion,
            "confidence": 1.0,
        }
        critique = {
            "critic": "gate",
            "verdict": "reject" if decision == "deny" else "revise",
            "possible_result": "Unknown: it was not examined.",
            "findings": [finding],
            "score": 0.0,
            "confidence": 1.0,
        }
        changes = {"dry_run": "skipped", "reason": "the request could not be examined"}
        return cls("ask" if decision == "allow" else decision, reason, critique, changes, seconds, id)
