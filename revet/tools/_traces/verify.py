"""Verifies a trace of steps by what its question is: a sum, a list to sort, brackets, a puzzle of orders, exchanges."""

from __future__ import annotations

from collections.abc import Sequence

from revet.tools._traces.arrangement import verify_arrangement
from revet.tools._traces.brackets import verify_brackets
from revet.tools._traces.exchange import verify_exchanges
from revet.tools._traces.listing import verify_listing
from revet.tools._traces.mistake import Traced
from revet.tools._traces.order import verify_sorting
from revet.tools._traces.sums import verify_sum

__all__ = ["verify"]

MOST_STEPS, LONGEST_STEP = 400, 5_000
VERIFIERS = (verify_sum, verify_brackets, verify_arrangement, verify_exchanges, verify_sorting, verify_listing)


def verify(question: str, steps: Sequence[str]) -> Traced | None:
    """The first mistake of the steps, None where no verifier can read the question and its steps."""
    if not steps or len(steps) > MOST_STEPS or any(len(step) > LONGEST_STEP for step in steps):
        return None
    for verifier in VERIFIERS:
        traced = verifier(question, steps)
        if traced is not None:
            return traced
    return None
