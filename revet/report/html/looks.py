"""The sign and the colour of each word of the vocabulary. The word itself always stands beside them."""

from __future__ import annotations

from typing import NamedTuple

from revet.report.ended import LOOKS
from revet.schema import DecisionKind, Outcome, RunOutcome, Severity, Verdict

__all__ = ["Look", "look_of", "run_look"]


class Look(NamedTuple):
    """`tone` is a class of the stylesheet (``ok``, ``bad``, ``warn``, ``info``, or none), `sign` one character."""

    tone: str
    sign: str
    word: str


_TONES = {"green": "ok", "red": "bad", "yellow": "warn", "cyan": "info", "dim": ""}

_LOOKS: dict[Outcome | Severity | Verdict | DecisionKind, tuple[str, str]] = {
    Outcome.passed: ("ok", "✓"),
    Outcome.failed: ("bad", "✗"),
    Outcome.error: ("bad", "✗"),
    Outcome.timeout: ("bad", "✗"),
    Outcome.inconclusive: ("warn", "?"),
    Severity.info: ("", "·"),
    Severity.minor: ("info", "▪"),
    Severity.major: ("warn", "▲"),
    Severity.critical: ("bad", "◆"),
    Verdict.accept: ("ok", "✓"),
    DecisionKind.commit: ("ok", "✓"),
    DecisionKind.answer: ("ok", "✓"),
    DecisionKind.revise: ("warn", "↻"),
    DecisionKind.choose: ("info", "⚖"),
    DecisionKind.ask: ("info", "?"),
    DecisionKind.abstain: ("warn", "–"),
    DecisionKind.reject: ("bad", "✗"),
}


def look_of(word: Outcome | Severity | Verdict | DecisionKind) -> Look:
    """How an outcome, a severity, a verdict or a decision looks."""
    # "revise", "reject" and "abstain" are verdicts, too: equal words are equal keys, whichever enumeration they are of.
    tone, sign = _LOOKS[word]
    return Look(tone, sign, word.value)


def run_look(outcome: RunOutcome | None, *, undone: bool = False) -> Look:
    """How a run looks; None is one that goes on."""
    if undone:
        return Look("warn", "↶", "taken back")
    sign, colour = LOOKS[outcome]
    return Look(_TONES[colour], sign, "in progress" if outcome is None else outcome.value)
