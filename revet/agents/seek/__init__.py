"""Who searches: agents that look things up on the way to a draft, and who holds them to what they found."""

from revet.agents.seek.cited import CitedCritic
from revet.agents.seek.plan import ExecutionCritic, Goal, GoalCritic, Plan
from revet.agents.seek.planner import PlanAgent
from revet.agents.seek.seeker import SeekAgent
from revet.agents.seek.trail import JudgeWithoutDropped, Trail, WithoutDropped, trail_of

__all__ = [
    "CitedCritic",
    "ExecutionCritic",
    "Goal",
    "GoalCritic",
    "JudgeWithoutDropped",
    "Plan",
    "PlanAgent",
    "SeekAgent",
    "Trail",
    "WithoutDropped",
    "trail_of",
]
