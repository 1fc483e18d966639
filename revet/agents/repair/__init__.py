"""Search-based program repair: where the fault may be, and which small changes could mend it. No model is asked."""

from __future__ import annotations

from revet.agents.repair.mutate import candidates, pairs
from revet.agents.repair.operators import Hints
from revet.agents.repair.order import merged
from revet.agents.repair.patch import Candidate, Edit, apply
from revet.agents.repair.search import Repair

__all__ = [
    "Candidate",
    "Edit",
    "Hints",
    "Repair",
    "apply",
    "candidates",
    "merged",
    "pairs",
]
