"""The protocol of GUI-Critic-R1: examined before it is carried out, decided again with the critique, at most so often.

Incorrect → the critique goes back ("consider adhering to the suggestion") → the agent decides again → … → a person.
"""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Awaitable, Callable
from typing import Literal, Protocol, TypeAlias

from pydantic import Field

from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.gui.critic import HOME
from revet.agents.gui.situation import GuiSituation, shown
from revet.errors import InputError
from revet.schema import Critique, Gui, Model, Verdict

__all__ = ["GuiAdvice", "GuiAgent", "GuiDecision", "GuiProtocol", "GuiTry", "StepCritic"]


class GuiAdvice(Model):
    """What the agent is told when it is to decide again. `text` is ready for its prompt."""

    refused: Gui
    critique: str
    suggestion: str | None
    text: str


class GuiTry(Model):
    """One decision, and what the critic said of it."""

    action: Gui
    critique: Critique


class GuiDecision(Model):
    """What came of it: `act` (take the step), `ask` (nobody could be asked, and the critic does not agree), or
    `stop` (a person said no). `by` is who had the last word."""

    outcome: Literal["act", "ask", "stop"]
    action: Gui
    by: Literal["critic", "person", "nobody"]
    tries: tuple[GuiTry, ...] = Field(min_length=1)
    reason: str = ""


class StepCritic(Protocol):
    """Examines one step; `GuiCritic` does."""

    async def judge(self, situation: GuiSituation, action: Gui) -> Critique: ...


GuiAgent: TypeAlias = "Callable[[GuiSituation, GuiAdvice | None], Gui | Awaitable[Gui]]"
"""Decides on a step; the second argument is None at first, then the critique of the last decision."""
Person: TypeAlias = "Callable[[GuiDecision], bool | Gui | Awaitable[bool | Gui]]"
"""Is asked where critic and agent do not agree: take the step, do not, or take another one."""


class GuiProtocol:
    """`tries` is how often the agent may decide again. `unsure` is what becomes of a step of which the critic cannot
    tell: a person is asked, or it is taken."""

    def __init__(
        self,
        critic: StepCritic,
        *,
        tries: int = 2,
        unsure: Literal["ask", "act"] = "ask",
        prompts: Prompts | pathlib.Path | str | None = None,
    ) -> None:
        if tries < 0:
            raise InputError(f"tries is {tries}", hint="give 0 or more")
        self.critic, self.tries, self.unsure = critic, tries, unsure
        self.prompts = prompts_of(prompts, HOME)

    async def decide(self, agent: GuiAgent, situation: GuiSituation, *, person: Person | None = None) -> GuiDecision:
        """The step to take, if any. Nothing is carried out here. Raises what agent, critic and person raise."""
        tried: list[GuiTry] = []
        advice: GuiAdvice | None = None
        for _ in range(self.tries + 1):
            said = agent(situation, advice)
            action = await said if inspect.isawaitable(said) else said
            if not isinstance(action, Gui):
                raise InputError(f"the agent decided {action!r:.200}, which is no Gui action", hint="return a Gui")
            critique = await self.critic.judge(situation, action)
            tried.append(GuiTry(action=action, critique=critique))
            if critique.verdict is Verdict.accept:
                return GuiDecision(outcome="act", action=action, by="critic", tries=tuple(tried))
            if critique.verdict is Verdict.abstain:
                if self.unsure == "act":
                    why = "the critic cannot tell"
                    return GuiDecision(outcome="act", action=action, by="nobody", tries=tuple(tried), reason=why)
                break
            advice = self._advice(action, critique)
        return await self._asked(tuple(tried), person)

    def _advice(self, action: Gui, critique: Critique) -> GuiAdvice:
        found = critique.findings[0] if critique.findings else None
        told = f"{shown(action)}: {found.claim if found else critique.verdict}\n{critique.possible_result}".strip()
        suggestion = found.suggestion if found else None
        text = self.prompts.fill("gui_again", critique=told, suggestion=suggestion or "none was given")
        return GuiAdvice(refused=action, critique=told, suggestion=suggestion, text=text)

    async def _asked(self, tried: tuple[GuiTry, ...], person: Person | None) -> GuiDecision:
        last = tried[-1]
        abstains = last.critique.verdict is Verdict.abstain
        why = "the critic cannot tell" if abstains else f"the critic refused {len(tried)} decisions"
        waiting = GuiDecision(outcome="ask", action=last.action, by="nobody", tries=tried, reason=why)
        if person is None:
            return waiting
        said = person(waiting)
        answer = await said if inspect.isawaitable(said) else said
        if isinstance(answer, Gui):
            return waiting.model_copy(update={"outcome": "act", "action": answer, "by": "person"})
        return waiting.model_copy(update={"outcome": "act" if answer is True else "stop", "by": "person"})
