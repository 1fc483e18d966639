"""Planted tests: whoever reports in the runner's place has to know which of them pass and which fail.

Each run gets its own, with random names and numbers. Half assert something true, half something false. The
guest runs them among the project's tests, by the same way, and they count nowhere else.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence

from revet.schema import Model
from revet.tools.facts import Report, TestFacts

__all__ = ["Decoy", "misjudged", "plant"]

PAIRS = 2


class Decoy(Model):
    """A test that asserts ``left == right``."""

    name: str
    left: int
    right: int

    @property
    def passes(self) -> bool:
        return self.left == self.right


def plant() -> tuple[Decoy, ...]:
    """Two pairs of planted tests: one of each pair passes, one fails, in random order."""
    found: list[Decoy] = []
    for _ in range(PAIRS):
        left = secrets.randbelow(10**6)
        pair = [_decoy(left, left), _decoy(left, left + 1 + secrets.randbelow(10**6))]
        random.SystemRandom().shuffle(pair)
        found += pair
    return tuple(found)


def _decoy(left: int, right: int) -> Decoy:
    return Decoy(name=f"test_{secrets.token_hex(6)}", left=left, right=right)


def misjudged(decoys: Sequence[Decoy], report: Report, facts: TestFacts) -> tuple[str, ...]:
    """Sentences if the planted tests did not run where all others passed, or came out wrong.

    One that was skipped, or whose fixtures broke, says nothing: the project's own tests fare no better.
    """
    if facts.kind not in ("pytest", "unittest"):
        return ()
    outcomes = {str(r["id"]): str(r["outcome"]) for r in report.records if r.get("t") == "decoy"}
    found = []
    if facts.complete and facts.tests and not facts.failing and any(d.name not in outcomes for d in decoys):
        found.append("the planted tests did not run")
    if any(outcomes.get(d.name) in ("passed", "xpassed") for d in decoys if not d.passes):
        found.append("a planted test that must fail was reported as passed")
    if any(outcomes.get(d.name) == "failed" for d in decoys if d.passes):
        found.append("a planted test that must pass was reported as failed")
    return tuple(found)
