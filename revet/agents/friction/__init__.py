"""Against feedback that is not heard (Feedback Friction, arXiv 2506.11930), whatever the method."""

from revet.agents.friction.heeding import Friction, HeedingModel, HeedingReviser, HeedingStrategy

__all__ = ["Friction", "HeedingModel", "HeedingReviser", "HeedingStrategy"]
