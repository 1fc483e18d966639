"""One model that mends its own draft: by its own feedback, or from its first wrong step on."""

from __future__ import annotations

from revet.agents.refine.refiner import CORRECT, FEEDBACK, HOME, Refinement, SaidRefinement, SelfRefiner
from revet.agents.refine.restart import StepRefiner

__all__ = [
    "CORRECT",
    "FEEDBACK",
    "HOME",
    "Refinement",
    "SaidRefinement",
    "SelfRefiner",
    "StepRefiner",
]
