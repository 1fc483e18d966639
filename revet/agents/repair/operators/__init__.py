"""The mutation operators, by topic. Importing this package registers them all."""

from __future__ import annotations

from revet.agents.repair.operators import (
    assignments,
    calls,
    comprehensions,
    conditions,
    expressions,
    flow,
    literals,
    names,
    offsets,
    repeats,
    statements,
    swaps,
    wraps,
)
from revet.agents.repair.operators.base import Hints, Proposal, Site, operators_for

__all__ = [
    "Hints",
    "Proposal",
    "Site",
    "assignments",
    "calls",
    "comprehensions",
    "conditions",
    "expressions",
    "flow",
    "literals",
    "names",
    "offsets",
    "operators_for",
    "repeats",
    "statements",
    "swaps",
    "wraps",
]
