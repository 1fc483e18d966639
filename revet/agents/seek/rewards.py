"""`PromptedCritics`: a language model in the place of CR-Planner's trained critics scores sub-goals and executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import fraction
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import FEW, Number, Said, Share, Text
from revet.agents.chat.sections import inputs_section, messages, section
from revet.agents.chat.show import cut
from revet.agents.seek.plan import Goal, Plan, show_plan
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.tools.base import View

__all__ = ["PromptedCritics", "SaidGoals", "SaidRewards"]

SHOWN = 0.4


class SaidGoals(Said):
    """What each sub-goal would be worth now, after the reason for it."""

    reason: Text = Field(description="what is known, what is missing, and how that is best come by")
    think: Share = Field(description="to reason one step further from what is known, 0 to 1")
    ask: Share = Field(description="to write a query for knowledge that is missing, 0 to 1")
    retrieve: Share = Field(description="to look up what the waiting query asks for, 0 to 1")


class SaidReward(Said):
    """What one execution is worth."""

    candidate: Number = Field(description="its number, from 0")
    reason: Text = Field(description="what speaks for and against it")
    score: Share = Field(description="how much it helps to solve the task, 0 to 1")


class SaidRewards(Said):
    """What each of the executions is worth."""

    scores: list[SaidReward] = Field(json_schema_extra=FEW)


class PromptedCritics:
    """Both critics, played by `model`. An answer that cannot be used rewards all alike, and so the first is taken."""

    def __init__(self, model: LanguageModel, prompts: Prompts, room: Room) -> None:
        self.model, self.prompts, self.room = model, prompts, room

    async def goals(self, view: View, plan: Plan, possible: Sequence[Goal]) -> Mapping[Goal, float]:
        """The reward of each sub-goal."""

        def build(room: Room) -> Request:
            offered = section("Possible now", "\n".join(f"- {ABOUT[goal]}" for goal in possible))
            return self._request(view, plan, "goals", offered, room)

        try:
            said = await ask_for(view, self.model, SaidGoals, build, self.room)
        except AnswerUnusable:
            return {}
        return {"reason": said.think, "query": said.ask, "retrieve": said.retrieve}

    async def executions(self, view: View, plan: Plan, goal: Goal, candidates: Sequence[str]) -> Sequence[float]:
        """The reward of each execution. One that the model leaves out is worth 0; of two rewards the lesser counts."""

        def build(room: Room) -> Request:
            each = room.part(SHOWN) // len(candidates)
            told = "\n\n".join(
                f"Candidate {n}:\n{fence(cut(text, each), view.secret, 'candidate')}"
                for n, text in enumerate(candidates)
            )
            return self._request(view, plan, f"{goal}_rewards", section("Candidates", told), room)

        try:
            said = await ask_for(view, self.model, SaidRewards, build, self.room)
        except AnswerUnusable:
            return [0.0] * len(candidates)
        given = [[fraction(s.score) for s in said.scores if s.candidate == n] for n in range(len(candidates))]
        return [min(scores, default=0.0) for scores in given]

    def _request(self, view: View, plan: Plan, prompt: str, choices: str, room: Room) -> Request:
        user = self.prompts.fill(
            "rewards",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.2)),
            plan=section("So far", show_plan(plan, view.secret, room.part(SHOWN))),
            choices=choices,
        )
        system = self.prompts.fill(f"{prompt}_system")
        return Request(role="critic", messages=messages(system, user), temperature=0.0)


ABOUT: Mapping[Goal, str] = {
    "reason": "think: reason one step further",
    "query": "ask: write a query for what is missing",
    "retrieve": "retrieve: look up what the last query asks for",
}
