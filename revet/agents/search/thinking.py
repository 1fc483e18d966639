"""A language model that thinks before code is written: several thoughts for a node, each with how reasonable it is, and
a thought rewritten in the light of how its code failed (RethinkMCTS: Li et al. 2024, arXiv 2409.09584).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field, model_validator

from revet.agents.base import Proposer
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import evidence_section, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.files import Files, look
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, Said, Share, Text
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages, section
from revet.agents.chat.show import cut
from revet.agents.search.base import Thought, Ways, thought_of
from revet.models import LanguageModel, Request
from revet.schema import Attempt, Critique, Draft, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = ["HOME", "ChatThinker", "SaidThought", "SaidThoughts"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST_TEXT = 2_000
FOLLOW = "Draft what follows from these thoughts, one after another:"


class SaidThought(Said):
    thought: Text = Field(description="one or two sentences: what is to be done and why; no code")

    @model_validator(mode="after")
    def _says_something(self) -> SaidThought:
        if not self.thought.strip():
            raise ValueError("the thought is empty")
        return self


class SaidWay(SaidThought):
    reasonableness: Share = Field(description="0 to 1; those of all thoughts sum up to 1")


class SaidThoughts(Said):
    """Different ways to go on."""

    thoughts: list[SaidWay] = Field(json_schema_extra=FEW, min_length=1)


class ChatThinker:
    """Thinks with `model` and lets `writer` draft from the thoughts, which sees the task and them, no earlier draft.
    `again` rewrites thoughts, where that is another model.

    An answer that cannot be used raises `AnswerUnusable`. Thoughts that say the same count once.
    """

    name = "thinker"

    def __init__(
        self,
        model: LanguageModel,
        writer: Proposer,
        *,
        again: LanguageModel | None = None,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.writer, self.temperature = model, writer, temperature
        self.again = again or model
        self.prompts = prompts_of(prompts, HOME)
        self.room = room or Room()

    async def thoughts(self, view: View, line: Sequence[Attempt], most: int) -> Ways:
        files = await asyncio.to_thread(look, view)

        def build(room: Room) -> Request:
            system = self.prompts.fill("search_think_system", most=str(most))
            return self._request(view, line, room, system, files)

        said = await ask_for(view, self.model, SaidThoughts, build, self.room)
        ways = {plain(way.thought, MOST_TEXT): way.reasonableness for way in reversed(said.thoughts)}
        kept = list(reversed(ways.items()))[:most]
        shares = _shares([prior for _, prior in kept])
        thoughts = (Thought(text, prior) for (text, _), prior in zip(kept, shares, strict=True))
        return Ways(tuple(sorted(thoughts, key=lambda thought: -thought.prior)))

    async def rethink(self, view: View, line: Sequence[Attempt], siblings: Sequence[Thought]) -> Thought | None:
        files = await asyncio.to_thread(look, view)

        def build(room: Room) -> Request:
            return self._request(view, line, room, self.prompts.fill("search_rethink_system"), files, siblings)

        said = await ask_for(view, self.again, SaidThought, build, self.room)
        return Thought(plain(said.thought, MOST_TEXT))

    async def draft(self, view: View, line: Sequence[Attempt], thoughts: Sequence[Thought]) -> Draft:
        told = tuple(Finding(claim=t.text, severity=Severity.info, category="thought") for t in thoughts)
        critique = Critique(critic=self.name, verdict=Verdict.revise, possible_result=FOLLOW, findings=told)
        first = replace(view, draft=None, changes=None, layer=None, attempts=(), best=None, critique=critique)
        draft = await self.writer.propose(replace(first, evidence=tuple(view.baseline.values())))
        steps = draft.steps or tuple(thought.text for thought in thoughts)
        return draft if draft.gives_up else draft.model_copy(update={"steps": steps})

    def _request(
        self,
        view: View,
        line: Sequence[Attempt],
        room: Room,
        system: str,
        files: Files | None,
        siblings: Sequence[Thought] = (),
    ) -> Request:
        """What is asked at a node. In a rewrite the last thought is the one to be replaced."""
        known = [thought_of(attempt.draft.data.get("thought")).text for attempt in line]
        told = [fence(cut(f"{n}. {text}", room.part(0.05)), view.secret, "thought") for n, text in enumerate(known, 1)]
        others = [t.text for t in siblings if t.text not in known]
        aside = fence(cut("\n".join(others), room.part(0.05)), view.secret, "thoughts") if others else ""
        draft = candidate_section(view.draft, view.changes, view.secret, room.part(0.2)) if view.draft else ""
        user = self.prompts.fill(
            "search_think",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            checks=checks_section(view.task),
            files=section("Files", "" if files is None else files.contents((), room.part(0.3))),
            thoughts=section("Thoughts so far", "\n".join(told)),
            others=section("Thoughts of other branches", aside),
            draft=draft,
            evidence=evidence_section(view.evidence, view.secret, room.part(0.25)) if view.evidence else "",
        )
        return Request(role="thinker", messages=messages(system, user), temperature=self.temperature)


def _shares(priors: Sequence[float]) -> list[float]:
    """The same, made to sum up to 1; equal shares of what sums up to nothing."""
    known = [p if math.isfinite(p) and p > 0 else 0.0 for p in priors]
    total = sum(known)
    return [p / total for p in known] if total > 0 else [1 / len(known)] * len(known)
