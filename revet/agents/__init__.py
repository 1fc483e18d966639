"""Who speaks: proposers, revisers and critics."""

from revet.agents.base import Critic, Proposer, Reviser
from revet.agents.evidence import EvidenceCritic
from revet.agents.registry import proposer
from revet.agents.scripted import Scripted

__all__ = ["Critic", "EvidenceCritic", "Proposer", "Reviser", "Scripted", "proposer"]
