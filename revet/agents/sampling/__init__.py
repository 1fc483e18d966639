"""Who speaks in the methods that sample: a model that doubts its reasoning, and critics whose scores weigh votes."""

from __future__ import annotations

from revet.agents.sampling.doubting import DoubtingModel
from revet.agents.sampling.scoring import ScoringCritic, soundness

__all__ = ["DoubtingModel", "ScoringCritic", "soundness"]
