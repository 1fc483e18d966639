"""The critic of REFINER (Paul et al., EACL 2024, arXiv 2304.01904): where the steps err, and how, by kind."""

from revet.agents.refiner.hints import KINDS, HintCritic

__all__ = ["KINDS", "HintCritic"]
