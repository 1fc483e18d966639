"""The critique of an action: what would happen, what is wrong with that, and what to do instead.

The form is that of `revet.schema.Critique`, built by hand from plain data so that nothing heavy is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from revet.effects.model import Analysis, Effect
from revet.effects.rules import Decision, Ruling, Step
from revet.gate.attempt import Attempt

__all__ = ["changes_of", "critique_of", "reason_of"]

MOST = 20
SAID = 400
_ADVICE = re.compile(r".*\S \(([^()]+)\)$", re.DOTALL)
_VERDICT: dict[Decision, str] = {"allow": "accept", "ask": "revise", "deny": "reject"}
_SEVERITY: dict[Decision, str] = {"allow": "info", "ask": "major", "deny": "critical"}
_SCORE: dict[Decision, float] = {"allow": 1.0, "ask": 0.4, "deny": 0.0}


def reason_of(ruling: Ruling, attempted: Attempt) -> str:
    """Why it is decided so, in a sentence or a few."""
    if ruling.decision == "allow":
        said = _clip(attempted.said)
        return f"nothing in it needs a person (tried on a copy: {said})" if said else "nothing in it needs a person"
    made = [_plain(step) for step in ruling.trace if step.decision == ruling.decision]
    shown = list(dict.fromkeys(made))
    more = [f"and {len(shown) - 3} more"] if len(shown) > 3 else []
    reason = "; ".join(shown[:3] + more)
    said = _clip("; ".join(part for part in attempted.said.split("; ") if part not in reason))
    return f"{reason} (tried on a copy: {said})" if said else reason


def _clip(said: str) -> str:
    return said if len(said) <= SAID else said[: SAID - 2] + " …"


def _plain(step: Step) -> str:
    """The reason of a step without the advice in it."""
    advice = _advice(step.effect)
    return step.why if advice is None else step.why.replace(f" ({advice})", "", 1)


def _advice(effect: Effect | None) -> str | None:
    """What to do instead: a claim of the table of effects has it in brackets at its end."""
    found = _ADVICE.match(effect.claim) if effect is not None and effect.word else None
    return None if found is None else found[1]


def critique_of(ruling: Ruling, analysis: Analysis, attempted: Attempt) -> dict[str, Any]:
    """The critique: ``accept``, ``revise`` (ask) or ``reject`` (deny), with a finding for what made it so."""
    return {
        "critic": "gate",
        "verdict": _VERDICT[ruling.decision],
        "possible_result": possible_result(analysis, attempted),
        "findings": list(_findings(ruling, attempted)),
        "score": _SCORE[ruling.decision],
        "confidence": 1.0 if attempted.complete else 0.9 if not analysis.doubts else 0.6,
    }


def possible_result(analysis: Analysis, attempted: Attempt) -> str:
    """What would happen, and how that is known: tried on a copy, or read from the text."""
    if attempted.said:
        return f"Tried on a copy: {attempted.said}."
    claims = list(dict.fromkeys(_claim(effect) for effect in analysis.effects))
    if not claims and not analysis.doubts:
        return "Read from its text: it changes nothing."
    shown = "; ".join(claims[:6]) + (f"; and {len(claims) - 6} more" if len(claims) > 6 else "")
    unsure = "" if not analysis.doubts else f" Not known: {'; '.join(analysis.doubts[:3])}."
    return (f"Read from its text, not tried: {shown}." if shown else "Read from its text, not tried.") + unsure


def _claim(effect: Effect) -> str:
    return f"may: {effect.claim}" if effect.possible else effect.claim


def _findings(ruling: Ruling, attempted: Attempt) -> Iterator[dict[str, Any]]:
    for step in [step for step in ruling.trace if step.decision != "allow"][:MOST]:
        yield {
            "claim": _plain(step),
            "severity": _SEVERITY[step.decision],
            "category": _category(step),
            "location": {"action": 0, "path": None, "line": None, "step": None, "span": None},
            "evidence": ["dry-run"] if step.effect is not None and step.effect.basis == "dry run" else ["effects"],
            "suggestion": _suggestion(step),
            "confidence": 0.6 if step.effect is not None and step.effect.possible else 0.95,
        }


def _category(step: Step) -> str:
    return "unsafe-effect/doubt" if step.effect is None else f"unsafe-effect/{step.effect.kind}"


def _suggestion(step: Step) -> str:
    advice = _advice(step.effect)
    if advice is not None and not (step.decision == "deny" and step.effect is not None and step.effect.wide):
        return advice
    if step.decision == "deny":
        return "do not do this; name a narrower action that reaches the goal"
    if step.effect is None and ("database" in step.why or "could not be tried" in step.why):
        return "mend what keeps it from being tried, then ask again"
    if step.effect is None and "declares the effect" in step.why:
        return "declare effects by those names alone"
    if step.effect is not None and step.effect.word == "call_tool" and step.effect.kind == "unknown":
        return "declare what the tool does (effects), or ask the person"
    if step.effect is None:
        return "write it so that its text alone tells what it does: plain words, no computed names"
    return "ask the person, or do it in a way that can be taken back"


def changes_of(attempted: Attempt) -> dict[str, Any]:
    """What would change, as far as it was tried."""
    said: dict[str, Any] = {"dry_run": attempted.state}
    if attempted.reason:
        said["reason"] = attempted.reason
    return said | dict(attempted.changes)
