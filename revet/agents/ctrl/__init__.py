"""The critic of CTRL (Xie et al. 2025, arXiv 2502.03492), and the vote among several critiques."""

from revet.agents.ctrl.critic import CtrlCritic
from revet.agents.ctrl.voting import VotingCritic

__all__ = ["CtrlCritic", "VotingCritic"]
