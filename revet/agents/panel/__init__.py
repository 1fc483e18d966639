"""Several critics: who asks them, how what they say becomes one critique, and who looks at the critics themselves."""

from __future__ import annotations

from revet.agents.panel.aggregate import DROPPED, Majority, Merge, Union, guarded, majority, near, union
from revet.agents.panel.bias import BIASES, BiasDetector, DebiasedCritic, DebiasedJudge
from revet.agents.panel.collective import CollectiveCritic, Leader, ModelSeat
from revet.agents.panel.critics import PanelCritic, Persona, Surviving
from revet.agents.panel.meta import MetaCritic
from revet.agents.panel.person import Person
from revet.agents.panel.recursive import RecursiveCritic

__all__ = [
    "BIASES",
    "DROPPED",
    "BiasDetector",
    "CollectiveCritic",
    "DebiasedCritic",
    "DebiasedJudge",
    "Leader",
    "Majority",
    "Merge",
    "MetaCritic",
    "ModelSeat",
    "PanelCritic",
    "Person",
    "Persona",
    "RecursiveCritic",
    "Surviving",
    "Union",
    "guarded",
    "majority",
    "near",
    "union",
]
