"""What a draft is worth, 0 to 1, by the evidence of the task's own checks (never of any other tests) and, where they
leave that open, by what a critic said of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from revet.policy import standing
from revet.schema import Attempt, Check, Critique, Verdict
from revet.tools import facts_of

__all__ = ["nearness", "passed_part", "said_by"]

NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\Z")
LONGEST = 400


def passed_part(attempt: Attempt, required: Sequence[Check]) -> float:
    """The part of the required checks that pass, each by the part of its tests that do. Without any required check it
    is 1, as long as nothing that is required speaks against the draft.
    """
    if attempt.draft.problem is not None:
        return 0.0
    unblocked, _, parts, _ = standing(attempt, required)
    if not unblocked:
        return 0.0
    return min(1.0, parts / len(required)) if required else 1.0


def nearness(attempt: Attempt, required: Sequence[Check]) -> float:
    """How near the failing tests come to what they expect, 0 to 1: the mean likeness of expected and actual values.

    A test that raised or did not end came nowhere near; with none that failed it is 1.
    """
    ids = {check.id for check in required}
    state = attempt.changes.fingerprint if attempt.changes else None
    facts = [facts_of(e) for e in attempt.evidence if e.check in ids and e.changes == state]
    bad = [test for each in facts if each for test in each.tests if test.bad]
    if not bad:
        return passed_part(attempt, required)
    return sum(_alike(test.expected, test.actual) for test in bad) / len(bad)


def said_by(critic: str, attempt: Attempt) -> Critique | None:
    """What the critic of that name said of the attempt; None if it was not asked or could not tell."""
    said = next((c for c in attempt.critiques if c.critic == critic), None)
    silent = said is None or (said.verdict is Verdict.abstain and not said.confidence)
    return None if silent else said


def _alike(expected: str | None, actual: str | None) -> float:
    """1 for the same, near 0 for what has nothing in common: numbers by their distance, all else by its text."""
    if expected is None or actual is None:
        return 0.0
    if NUMBER.match(expected) and NUMBER.match(actual):
        left, right = float(expected), float(actual)
        distance = abs(left - right)
        return 1.0 / (1.0 + distance / (1.0 + abs(left))) if distance < float("inf") else 0.0
    return SequenceMatcher(None, expected[:LONGEST], actual[:LONGEST], autojunk=False).ratio()
