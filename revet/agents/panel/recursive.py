"""Critique of the critique: each level decides between the two below, and what the last upholds is what is heard.

After recursive self-critiquing (Wen et al., arXiv 2502.04675): to judge a critique is easier than to give one, and to
judge such a judgement easier still. Judgements are relative: on every level but the last there are two, and the next
one says which of them is the sounder. Of two that are shown to two judges, one sees them in the other order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from revet.agents.base import Critic
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import cut, show_evidence
from revet.agents.panel.aggregate import dropped, grave, guarded, union, units
from revet.agents.panel.critics import HOME, asked_together
from revet.agents.panel.showing import critique_shown
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Verdict
from revet.tools.base import View

__all__ = ["RecursiveCritic", "SaidComparison"]

MOST_WHY = 300
Sounder: TypeAlias = Literal["first", "second", "neither"]
OTHERWISE: dict[Sounder, Sounder] = {"first": "second", "second": "first", "neither": "neither"}
"""Which is meant by who was shown the two in the other order."""
Upheld: TypeAlias = Literal["first", "second", "neither", "both"]
"""Which of the two critiques stands."""


class SaidComparison(Said):
    """Which of two is the sounder, after what speaks for and against each."""

    first: Text = Field(description="what is right and wrong in the first")
    second: Text = Field(description="what is right and wrong in the second")
    sounder: Sounder


@dataclass(frozen=True)
class _Assessment:
    """What a judge of the level below came to; `on` says why of the first critique and of the second."""

    upholds: Upheld
    on: tuple[str, str]

    @property
    def told(self) -> str:
        return f"on the first: {self.on[0]}\non the second: {self.on[1]}\nupholds: {self.upholds}"


class RecursiveCritic:
    """Asks `critic` twice, and `model` to judge between the two critiques, to the depth `depth` (1: no judgement).

    Where two of one level agree, no higher level is asked. A judgement that cannot be used upholds both. Of the
    critique that is not upheld, the findings are kept as `dropped`; what is grave in it and cites evidence stands.
    """

    def __init__(
        self,
        critic: Critic,
        model: LanguageModel,
        *,
        depth: int = 2,
        prompts: Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
        name: str = "recursive",
    ) -> None:
        self.critic, self.model, self.depth, self.name = critic, model, depth, name
        self.prompts, self.temperature, self.room = Prompts(prompts, home=HOME), temperature, room or Room()

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.problem is not None:
            return abstained(self.name, "there is no draft to examine")
        levels = [
            [view.fork(f"{self.name}-{level}") for _ in range(1 if level == self.depth else 2)]
            for level in range(1, self.depth + 1)
        ]
        said, found = await asked_together([self.critic] * len(levels[0]), levels[0])
        told = [each for each in said if each.verdict is not Verdict.abstain]
        if len(told) < 2 or not any(units(each) for each in told):
            return guarded(union(told or said, self.name))
        first, second = told
        above = [[replace(own, evidence=(*own.evidence, *found)) for own in level] for level in levels[1:]]
        decided = await self._judged(above, draft, (first, second))
        view.emit("upheld", {"critic": self.name, "upholds": decided.upholds})
        return self._surviving(first, second, decided)

    async def _judged(
        self, levels: Sequence[Sequence[View]], draft: Draft, pair: tuple[Critique, Critique]
    ) -> _Assessment:
        """What the last level upholds, or the first one on which all agree."""
        below: list[_Assessment] = []
        for level, views in enumerate(levels, 2):
            asking = (
                self._compared(view, level, draft, pair, below, swapped=bool(turn)) for turn, view in enumerate(views)
            )
            said = await asyncio.gather(*asking, return_exceptions=True)
            for each in said:
                if isinstance(each, BaseException):
                    raise each
            below = [each for each in said if isinstance(each, _Assessment)]
            if len({each.upholds for each in below}) == 1:
                break
        return below[0]

    async def _compared(
        self,
        view: View,
        level: int,
        draft: Draft,
        pair: tuple[Critique, Critique],
        below: Sequence[_Assessment],
        *,
        swapped: bool,
    ) -> _Assessment:
        """One judge's word on the two of the level below."""
        try:
            said = await ask_for(
                view,
                self.model,
                SaidComparison,
                lambda room: self._request(view, level, draft, pair, below, room, swapped=swapped),
                self.room,
            )
        except AnswerUnusable as error:
            view.emit("undecided", {"level": level, "why": error.why})
            return _Assessment("both", ("", ""))
        on = (plain(said.first, MOST_WHY), plain(said.second, MOST_WHY))
        chosen = said.sounder
        if swapped:
            on = on[1], on[0]
            chosen = OTHERWISE[chosen]
        if not below:
            return _Assessment(chosen, on)
        if chosen == "neither":
            return _Assessment("both", on)
        return below[0 if chosen == "first" else 1]

    def _request(
        self,
        view: View,
        level: int,
        draft: Draft,
        pair: tuple[Critique, Critique],
        below: Sequence[_Assessment],
        room: Room,
        *,
        swapped: bool,
    ) -> Request:
        turn = -1 if swapped and not below else 1
        critiques = [
            critique_shown(f"{which} critique", critique, view.secret, room.part(0.12))
            for which, critique in zip(("First", "Second"), pair[::turn], strict=True)
        ]
        assessed = [
            section(f"{which} assessment", fence(cut(each.told, room.part(0.08)), view.secret, "assessment"))
            for which, each in zip(("First", "Second"), below[:: -1 if swapped else 1], strict=bool(below))
        ]
        user = self.prompts.fill(
            "recursive",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            draft=candidate_section(draft, view.changes, view.secret, room.part(0.3)),
            evidence=section("Evidence", show_evidence(view.evidence, view.secret, room.part(0.2))),
            critiques="\n".join(critiques),
            assessments="\n".join(assessed),
        )
        system = self.prompts.fill("recursive_system" if not below else "recursive_above_system")
        return Request(role=f"critic-{level}", messages=messages(system, user), temperature=self.temperature)

    def _surviving(self, first: Critique, second: Critique, decided: _Assessment) -> Critique:
        if decided.upholds == "both":
            return union((first, second), self.name)
        both, on = (first, second), decided.on
        if decided.upholds == "neither":
            kept, left = abstained(self.name, "neither critique is upheld"), [0, 1]
        else:
            winner = 0 if decided.upholds == "first" else 1
            kept, left = both[winner], [1 - winner]
        known = {(finding.location, finding.claim) for finding in units(kept)}
        lost = [(f, on[n]) for n in left for f in units(both[n]) if (f.location, f.claim) not in known]
        record = [dropped(finding, why) for finding, why in lost if not grave(finding)]
        said = kept.model_copy(update={"critic": self.name, "findings": (*units(kept), *record)})
        return guarded(said, [finding for finding, _ in lost])
