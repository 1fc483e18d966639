"""A plan in the making: what was reasoned, asked and retrieved so far, and who says what comes next.

After CR-Planner (Li et al., arXiv 2410.01428): at every point a sub-goal critic rewards each possible sub-goal, several
executions of the best one are sampled, and an execution critic rewards each of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import JsonValue

from revet.agents.chat.fence import fence
from revet.agents.chat.show import cut, share
from revet.schema import Draft
from revet.tools.base import View

__all__ = [
    "GOALS",
    "PLAN",
    "ExecutionCritic",
    "Goal",
    "GoalCritic",
    "Plan",
    "Step",
    "planned_in",
    "show_plan",
    "with_plan",
]

Goal = Literal["reason", "query", "retrieve"]
GOALS: tuple[Goal, ...] = get_args(Goal)
"""The sub-goals, in the order that decides between equally good ones."""
PLAN = "plan"
"""In ``Draft.data``: the steps of the plan, in order."""


@dataclass(frozen=True)
class Step:
    """One sub-goal that was carried out. `evidence` is the id of the evidence that holds what was retrieved, `score`
    what its critic rewarded it with (1 where there was no choice), and `last` says that the task is solved with it."""

    goal: Goal
    text: str
    score: float = 1.0
    evidence: str = ""
    last: bool = False


@dataclass(frozen=True)
class Plan:
    """The steps so far."""

    steps: tuple[Step, ...] = ()

    def possible(self, *, searchable: bool) -> tuple[Goal, ...]:
        """What can come next: to retrieve for a query that waits for it, or to make one where none does."""
        if not searchable:
            return ("reason",)
        return ("reason", "retrieve") if self.waiting is not None else ("reason", "query")

    @property
    def waiting(self) -> str | None:
        """The last query, if nothing was retrieved for it yet."""
        made = [step for step in self.steps if step.goal != "reason"]
        return made[-1].text if made and made[-1].goal == "query" else None

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(step.text for step in self.steps if step.goal == "query")

    @property
    def solved(self) -> bool:
        return bool(self.steps) and self.steps[-1].last

    def and_then(self, step: Step) -> Plan:
        return Plan((*self.steps, step))


GoalCritic = Callable[[View, Plan, Sequence[Goal]], Awaitable[Mapping[Goal, float]]]
"""Rewards each possible sub-goal; one that it leaves out is worth 0. The greatest reward is taken up."""

ExecutionCritic = Callable[[View, Plan, Goal, Sequence[str]], Awaitable[Sequence[float]]]
"""Rewards each of several executions of a sub-goal, in their order. The greatest is carried on with."""


def show_plan(plan: Plan, secret: str, most: int) -> str:
    """The steps in order, each fenced: what was retrieved under the id of its evidence."""
    shares = share([len(step.text) for step in plan.steps], most)
    return "\n\n".join(
        f"Step {number}, {step.goal}:\n{fence(cut(step.text, part), secret, step.evidence or step.goal)}"
        for number, (step, part) in enumerate(zip(plan.steps, shares, strict=True))
    )


def with_plan(draft: Draft, plan: Plan) -> Draft:
    """`draft`, which remembers how it came about."""
    told: list[JsonValue] = [
        {"goal": s.goal, "text": s.text, "score": s.score, "evidence": s.evidence, "last": s.last} for s in plan.steps
    ]
    return draft.model_copy(update={"data": {**draft.data, PLAN: told}})


def planned_in(view: View) -> Plan:
    """The plan of the newest draft that has one; an empty one before the first."""
    drafts = [a.draft for a in view.attempts] + ([view.draft] if view.draft is not None else [])
    told = next((d.data[PLAN] for d in reversed(drafts) if isinstance(d.data.get(PLAN), list)), [])
    steps = [_step(each) for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return Plan(tuple(step for step in steps if step is not None))


def _step(told: dict[str, JsonValue]) -> Step | None:
    goal, score = told.get("goal"), told.get("score")
    if goal not in GOALS:
        return None
    worth = float(score) if isinstance(score, int | float) else 0.0
    return Step(goal, str(told.get("text", "")), worth, str(told.get("evidence", "")), told.get("last") is True)
