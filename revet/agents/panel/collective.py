"""A collective of critics: each has a criterion and a persona, offers points and picks one; a leader picks of all.

After CritiCS (Bae and Kim, EMNLP 2024). What the leader picked is the one point that the writer hears; the others stay
in the record. A point is a wish, not a fault: it asks for a revision and holds nothing back, so that every version can
still be chosen in the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import abstained, plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import FEW, Number, Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import cut
from revet.agents.panel.aggregate import dropped
from revet.agents.panel.critics import HOME
from revet.agents.panel.offers import Leads, Offer, Seat
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Finding, Severity, Verdict
from revet.tools.base import View

__all__ = ["CollectiveCritic", "Given", "Leader", "MakesPersonas", "ModelSeat", "Personas"]

MOST_POINT = 2_000


class SaidPersonas(Said):
    """Who should criticise this, and who should lead them."""

    critics: list[Text] = Field(description="one expert each, in a sentence or two", json_schema_extra=FEW)
    leader: Text


class SaidPoints(Said):
    """A critic's points, and the one most worth hearing."""

    points: list[Text] = Field(description="each a question that would make the work better", json_schema_extra=FEW)
    reason: Text = Field(description="why one of them matters most")
    pick: Number = Field(description="its number, from 1")


class SaidPick(Said):
    """The leader's choice."""

    reason: Text
    pick: Number = Field(description="the number of the point, from 1")


class MakesPersonas(Protocol):
    """Who says who the critics are."""

    async def made(self, view: View, criteria: Sequence[str]) -> tuple[list[str], str]:
        """A persona for each of the `criteria`, and the leader's; "" for nobody in particular."""
        ...


class Given:
    """Personas that somebody has named; the leader is nobody in particular."""

    def __init__(self, personas: Sequence[str]) -> None:
        self.personas = list(personas)

    async def made(self, view: View, criteria: Sequence[str]) -> tuple[list[str], str]:
        return self.personas, ""


class _Speaker:
    """One model, with prompts of this room."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 1.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature, self.room = model, temperature, room or Room()
        self.prompts = Prompts(prompts, home=HOME)

    def request(self, role: str, prompt: str, view: View, room: Room, system: dict[str, str], **more: str) -> Request:
        """What `role` is asked about the draft; `more` are further sections."""
        assert view.draft is not None
        user = self.prompts.fill(
            f"collective_{prompt}",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.15)),
            draft=candidate_section(view.draft, view.changes, view.secret, room.part(0.55)),
            **more,
        )
        told = self.prompts.fill(f"collective_{prompt}_system", **system)
        return Request(role=role, messages=messages(told, user), temperature=self.temperature)


class Personas(_Speaker):
    """Makes up who criticises a draft, and who leads, from the draft itself."""

    async def made(self, view: View, criteria: Sequence[str]) -> tuple[list[str], str]:
        """Empty ones for an answer that cannot be used."""
        listed = "\n".join(f"{number}. {each}" for number, each in enumerate(criteria, 1))

        def build(room: Room) -> Request:
            system = {"count": str(len(criteria)), "criteria": listed}
            return self.request("persona", "personas", view, room, system)

        try:
            said = await ask_for(view, self.model, SaidPersonas, build, self.room)
        except AnswerUnusable:
            return [""] * len(criteria), ""
        made = [plain(each, MOST_POINT) for each in said.critics[: len(criteria)]]
        return [*made, *[""] * (len(criteria) - len(made))], plain(said.leader, MOST_POINT)


class ModelSeat(_Speaker):
    """A critic that looks at one criterion. An answer that cannot be used is no offer."""

    waits = False

    def __init__(
        self,
        model: LanguageModel,
        criterion: str,
        *,
        name: str,
        prompts: Path | str | None = None,
        temperature: float | None = 1.0,
        room: Room | None = None,
    ) -> None:
        super().__init__(model, prompts=prompts, temperature=temperature, room=room)
        self.criterion, self.name = criterion, name

    async def offer(self, view: View, persona: str, points: int) -> Offer | None:
        def build(room: Room) -> Request:
            system = {"criterion": self.criterion, "points": str(points)}
            return self.request("critic", "points", view, room, system, persona=_persona(persona, view, room))

        try:
            said = await ask_for(view, self.model, SaidPoints, build, self.room)
        except AnswerUnusable:
            return None
        made = [(number, plain(each, MOST_POINT)) for number, each in enumerate(said.points[:points], 1)]
        kept = [(number, each) for number, each in made if each]
        if not kept:
            return None
        pick = next((place for place, (number, _) in enumerate(kept) if number == said.pick), 0)
        return Offer(self.name, tuple(each for _, each in kept), pick)


class Leader(_Speaker):
    """Picks one of what the critics have picked."""

    waits = False

    async def pick(self, view: View, offers: Sequence[Offer], persona: str) -> int | None:
        listed = "\n".join(f"{number}. {offer.picked}" for number, offer in enumerate(offers, 1))

        def build(room: Room) -> Request:
            shown = section("Points", fence(cut(listed, room.part(0.2)), view.secret, "points"))
            return self.request("leader", "pick", view, room, {}, persona=_persona(persona, view, room), points=shown)

        try:
            said = await ask_for(view, self.model, SaidPick, build, self.room)
        except AnswerUnusable:
            return None
        return said.pick - 1 if 1 <= said.pick <= len(offers) else None


class CollectiveCritic:
    """Lets the `seats` offer points at the same time, a person after the models, and the `leader` pick one of all.

    `criteria`, one for each seat, are what `personas` makes the critics for. After `rounds` drafts it abstains.
    A point has the `severity`: below the policy's `veto_from` it holds no draft back.
    Where the leader picks none that there is, the first critic's pick is heard; where nobody offers any, it abstains.
    """

    def __init__(
        self,
        seats: Sequence[Seat],
        leader: Leads,
        *,
        criteria: Sequence[str],
        personas: MakesPersonas,
        points: int = 3,
        rounds: int = 3,
        severity: Severity = Severity.minor,
        name: str = "collective",
    ) -> None:
        self.seats, self.leader, self.criteria, self.personas = tuple(seats), leader, tuple(criteria), personas
        self.points, self.rounds, self.severity, self.name = points, rounds, severity, name

    async def criticise(self, view: View) -> Critique:
        draft = view.draft
        if draft is None or draft.gives_up or draft.problem is not None:
            return abstained(self.name, "there is no draft to criticise")
        if view.round >= self.rounds:
            return abstained(self.name, f"the {self.rounds} rounds of critique are over")
        first, last = view.fork("persona"), view.fork("leader")
        views = [view.fork(seat.name) for seat in self.seats]
        played, leading = await self.personas.made(first, self.criteria)
        offers = await self._offers(views, played)
        if not offers:
            return abstained(self.name, "nobody offered a point")
        picked = await self.leader.pick(last, offers, leading)
        return self._critique(offers, 0 if picked is None else picked, draft)

    async def _offers(self, views: Sequence[View], personas: Sequence[str]) -> list[Offer]:
        """What is offered, in the order of the seats."""
        seated = list(zip(self.seats, views, personas, strict=True))
        speaking = {n: seat.offer(own, who, self.points) for n, (seat, own, who) in enumerate(seated) if not seat.waits}
        said: dict[int, Offer | BaseException | None] = dict(
            zip(speaking, await asyncio.gather(*speaking.values(), return_exceptions=True), strict=True)
        )
        for each in said.values():
            if isinstance(each, BaseException):
                raise each
        for number, (seat, own, who) in enumerate(seated):
            if seat.waits:
                said[number] = await seat.offer(own, who, self.points)
        return [offer for number in range(len(seated)) if isinstance(offer := said[number], Offer)]

    def _critique(self, offers: Sequence[Offer], picked: int, draft: Draft) -> Critique:
        chosen = offers[picked]
        others = [
            dropped(self._point(offer, place))
            for number, offer in enumerate(offers)
            for place in range(len(offer.points))
            if (number, place) != (picked, chosen.pick)
        ]
        return Critique(
            critic=self.name,
            verdict=Verdict.revise,
            possible_result=f"{chosen.critic} was picked of {len(offers)}",
            findings=(self._point(chosen, chosen.pick), *others),
        )

    def _point(self, offer: Offer, place: int) -> Finding:
        return Finding(claim=offer.points[place], severity=self.severity, category=f"point/{offer.critic}")


def _persona(persona: str, view: View, room: Room) -> str:
    """Made up by a model from the draft, and so data."""
    return section("Who you are", fence(cut(persona, room.part(0.05)), view.secret, "persona")) if persona else ""
