"""Who analyses a chain of steps as a whole, for methods that go back to the step before a bad one."""

from revet.agents.rollback.analyst import ANALYST, HOME, RollbackAnalyst, SaidAnalysis, analysis_of, bad_steps_of

__all__ = ["ANALYST", "HOME", "RollbackAnalyst", "SaidAnalysis", "analysis_of", "bad_steps_of"]
