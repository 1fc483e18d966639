"""`PlanAgent`: reasons, asks and retrieves, whichever a critic thinks best at each point, and then drafts.

After CR-Planner (Li et al., arXiv 2410.01428). The critics there are models trained on a tree search; here a language
model is asked to score (`PromptedCritics`), or functions are given in their place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field

from revet.agents.chat import ChatAgent, Schedule
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import fraction, plain
from revet.agents.chat.heard import objections
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import critique_section, inputs_section, messages, section
from revet.agents.prefixed import Prefixed
from revet.agents.seek.plan import ExecutionCritic, Goal, GoalCritic, Step, planned_in, show_plan, with_plan
from revet.agents.seek.rewards import PromptedCritics
from revet.agents.seek.seeker import HOME
from revet.agents.seek.trail import look_for, marked, passages_of, same_query, tidy, trail_of
from revet.errors import AnswerUnusable, InputError
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft
from revet.tools.base import View

__all__ = ["PlanAgent", "SaidQuery", "SaidReason"]

SAME = Schedule(start=0.0, step=0.0, cap=0.0)
SHOWN, MOST_TEXT = 0.4, 4_000
M = TypeVar("M", bound=BaseModel)


class SaidReason(Said):
    """The next step of the reasoning."""

    thought: Text = Field(description="one step that follows from what is known")
    solved: bool = Field(description="true if the task is solved with this step")


class SaidQuery(Said):
    """What to search for."""

    query: Text = Field(description="a few words that a passage with what is missing would hold")


class PlanAgent:
    """A proposer and reviser. At most `steps` sub-goals before each draft, `width` executions of each to choose from.

    `search` names the tool that retrieves; None, or a tool that the run does not have, leaves reasoning alone. The
    reward of a sub-goal comes from `goals`, that of an execution from `executions`: functions (a trained model, an
    oracle), by default `PromptedCritics` of `critic` or of the model itself. A query that was asked before is no
    execution. A revision goes on with the plan of the last draft, and is shown the critique.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        critic: LanguageModel | None = None,
        goals: GoalCritic | None = None,
        executions: ExecutionCritic | None = None,
        search: str | None = "corpus",
        steps: int = 10,
        width: int = 3,
        temperature: float | None = 0.7,
        prompts: Path | str | None = None,
        name: str = "planner",
        room: Room | None = None,
    ) -> None:
        if steps < 1 or width < 1:
            raise InputError("steps and width must be at least 1", hint="take the recipe core to plan nothing")
        self.model, self.name, self.search = model, name, search
        self.steps, self.width, self.temperature, self.room = steps, width, temperature, room or Room()
        self._prompts = Prefixed("planner", prompts, home=HOME)
        prompted = PromptedCritics(critic or model, self._prompts, self.room)
        self.goals, self.executions = goals or prompted.goals, executions or prompted.executions

    async def propose(self, view: View) -> Draft:
        return await self._draft(view, None)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self._draft(view, critique)

    async def _draft(self, view: View, critique: Critique | None) -> Draft:
        planning = _Planning(self, view, critique)
        await planning.run()
        found = section("What was worked out and found", planning.shown(self.room))
        writer = ChatAgent(
            self.model,
            name=self.name,
            prompts=self._prompts.having(found=found),
            temperature=0.0,
            schedule=SAME,
            room=self.room,
        )
        searched = {e.id for e in planning.trail.known}
        seen = replace(view, evidence=tuple(e for e in view.evidence if e.id not in searched))
        draft = await (writer.propose(seen) if critique is None else writer.revise(seen, critique))
        return with_plan(marked(draft, planning.trail), planning.plan)


class _Planning:
    """The plan of one draft, as it is made."""

    def __init__(self, agent: PlanAgent, view: View, critique: Critique | None) -> None:
        self.agent, self.view, self.critique = agent, view, critique
        self.plan, self.trail = planned_in(view), trail_of(view)

    @property
    def searchable(self) -> bool:
        return self.agent.search is not None and self.agent.search in self.view.tools

    async def run(self) -> None:
        """Until the task is solved, nothing more can be said, or the steps are spent."""
        for _ in range(self.agent.steps):
            goal = await self._next_goal()
            step = await self._carried_out(goal)
            if step is None and goal != "reason":
                step = await self._carried_out("reason")
            if step is None:
                return
            self.plan = self.plan.and_then(step)
            self.view.emit("planned", {"goal": step.goal, "score": round(step.score, 4), "evidence": step.evidence})
            if self.plan.solved:
                return

    def shown(self, room: Room) -> str:
        return show_plan(self.plan, self.view.secret, room.part(SHOWN))

    async def _next_goal(self) -> Goal:
        """The sub-goal with the greatest reward, reasoning before asking before retrieving where they are equal."""
        possible = self.plan.possible(searchable=self.searchable)
        if len(possible) == 1:
            return possible[0]
        rewards = await self.agent.goals(self.view, self.plan, possible)
        return max(possible, key=lambda goal: (fraction(rewards.get(goal, 0.0)), -possible.index(goal)))

    async def _carried_out(self, goal: Goal) -> Step | None:
        """The best of the executions; None where there is none."""
        executions = await {"reason": self._reasons, "query": self._queries, "retrieve": self._passages}[goal]()
        if len(executions) < 2:
            return next(iter(executions), None)
        rewards = await self.agent.executions(self.view, self.plan, goal, [step.text for step in executions])
        if len(rewards) != len(executions):
            raise InputError(
                f"the execution critic gave {len(rewards)} rewards for {len(executions)} executions",
                hint="return one for each, in their order",
            )
        worth = [fraction(reward) for reward in rewards]
        best = max(range(len(executions)), key=lambda n: (worth[n], -n))
        return replace(executions[best], score=worth[best])

    async def _reasons(self) -> list[Step]:
        said = await self._samples(SaidReason, "reason")
        steps = [Step("reason", plain(each.thought, MOST_TEXT), last=each.solved) for each in said]
        return _each_once(steps)

    async def _queries(self) -> list[Step]:
        said = await self._samples(SaidQuery, "query")
        queries = [tidy(each.query) for each in said]
        return _each_once([Step("query", query) for query in queries if not self._asked(query)])

    async def _passages(self) -> list[Step]:
        """The passages that the waiting query finds, each an execution. None leaves the query answered with nothing."""
        query, tool = self.plan.waiting, self.agent.search
        if query is None or tool is None:
            return []
        evidence = await look_for(self.view, tool, query, self.trail)
        passages = passages_of(evidence)[: self.agent.width]
        self.trail = self.trail.and_then(query, evidence, useful=bool(passages))
        found = [f"[{p.get('title', '')}] {p.get('text', '')}" for p in passages] or ["(nothing was found)"]
        return _each_once([Step("retrieve", plain(text, MOST_TEXT), evidence=evidence.id) for text in found])

    def _asked(self, query: str) -> bool:
        """Whether it was asked before, or waits to be."""
        return any(same_query(query, other) for other in (*self.trail.queries, *self.plan.queries))

    async def _samples(self, shape: type[M], prompt: str) -> list[M]:
        """`width` answers to one request, asked at the same time. One that cannot be used is left out."""
        views = [self.view.fork(f"{self.agent.name}/{prompt}/{n}") for n in range(self.agent.width)]
        said = await asyncio.gather(*(self._sample(view, shape, prompt) for view in views), return_exceptions=True)
        for each in said:
            if isinstance(each, BaseException) and not isinstance(each, AnswerUnusable):
                raise each
        return [each for each in said if not isinstance(each, BaseException)]

    async def _sample(self, view: View, shape: type[M], prompt: str) -> M:
        return await ask_for(view, self.agent.model, shape, lambda room: self._request(prompt, room), self.agent.room)

    def _request(self, prompt: str, room: Room) -> Request:
        prompts, view = self.agent._prompts, self.view
        user = prompts.fill(
            "next",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            plan=section("So far", self.shown(room)),
            critique=critique_section(objections(view, self.critique), view.secret, room.part(0.1)),
        )
        system = prompts.fill(f"{prompt}_system")
        return Request(role="planner", messages=messages(system, user), temperature=self.agent.temperature)


def _each_once(steps: Sequence[Step]) -> list[Step]:
    """Those that say something, each once."""
    known: dict[Any, Step] = {}
    for step in steps:
        if step.text.strip():
            known.setdefault(" ".join(step.text.split()).casefold(), step)
    return list(known.values())
