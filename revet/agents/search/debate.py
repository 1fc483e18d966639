"""A debate of several agents about which of the finished solutions is best: the discriminator of SWE-Search.

In the first round each agent judges by itself; in every further one it sees what the others chose and why, and may
change its mind. The choice of the last round with the most votes is the choice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import Field

from revet.agents.base import Choice, Judge
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import Number, Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import show_evidence
from revet.agents.search.thinking import HOME
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["Debate", "Decided", "Discriminator", "SaidChoice"]

MOST_TEXT = 1_000


class SaidChoice(Said):
    explanation: Text = Field(description="why this solution, against each of the others")
    solution: Number = Field(description="the number of the best solution, from 1")


class Discriminator(Protocol):
    """Says which of several finished drafts is best. `values` are what they are worth so far, 0 to 1."""

    async def choose(self, view: View, candidates: Sequence[Attempt], values: Sequence[float]) -> Choice: ...


class Decided:
    """A judge of the user's in the place of a debate."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge

    async def choose(self, view: View, candidates: Sequence[Attempt], values: Sequence[float]) -> Choice:
        if len(candidates) == 1:
            return Choice(0, ("the only finished draft",))
        chosen = await self.judge.choose(view, candidates)
        told = "chose it" if chosen is not None else "could not tell"
        return Choice(chosen, (f"{self.judge.name} {told}, of {len(candidates)} finished drafts",))


class Debate:
    """`agents` voices of one model, `rounds` rounds. An agent whose answer cannot be used has no vote in that round.

    Where votes are equal, the solution of higher value is chosen, then the earlier one.
    """

    name = "discriminator"

    def __init__(
        self,
        model: LanguageModel,
        *,
        agents: int = 5,
        rounds: int = 3,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.7,
        room: Room | None = None,
    ) -> None:
        self.model, self.agents, self.rounds, self.temperature = model, agents, rounds, temperature
        self.prompts = prompts_of(prompts, HOME)
        self.room = room or Room()

    async def choose(self, view: View, candidates: Sequence[Attempt], values: Sequence[float]) -> Choice:
        """The best of `candidates`, whose values so far are `values`; None if no agent said anything usable."""
        if len(candidates) == 1:
            return Choice(0, ("the only finished draft",))
        said: dict[int, SaidChoice] = {}
        for number in range(self.rounds):
            seats = [(seat, view.fork(f"debate-{number}-{seat}")) for seat in range(self.agents)]
            answers = await asyncio.gather(*(self._asked(own, candidates, values, said, seat) for seat, own in seats))
            said |= {seat: answer for (seat, _), answer in zip(seats, answers, strict=True) if answer is not None}
        votes = Counter(answer.solution - 1 for answer in said.values())
        if not votes:
            return Choice(None, ("no agent of the debate gave a usable answer",))
        best = max(votes, key=lambda n: (votes[n], values[n], -n))
        why = next(answer.explanation for _, answer in sorted(said.items()) if answer.solution - 1 == best)
        told = f"{votes[best]} of {self.agents} agents chose it after {self.rounds} rounds of debate"
        return Choice(best, (told, plain(why, MOST_TEXT)))

    async def _asked(
        self,
        view: View,
        candidates: Sequence[Attempt],
        values: Sequence[float],
        said: Mapping[int, SaidChoice],
        seat: int,
    ) -> SaidChoice | None:
        def build(room: Room) -> Request:
            return self._request(view, candidates, values, said, seat, room)

        try:
            answer = await ask_for(view, self.model, SaidChoice, build, self.room)
        except AnswerUnusable:
            return None
        return answer if 1 <= answer.solution <= len(candidates) else None

    def _request(
        self,
        view: View,
        candidates: Sequence[Attempt],
        values: Sequence[float],
        said: Mapping[int, SaidChoice],
        seat: int,
        room: Room,
    ) -> Request:
        part = room.part(0.7) // len(candidates)
        solutions = [
            _solution(number, attempt, value, view.secret, part)
            for number, (attempt, value) in enumerate(zip(candidates, values, strict=True), 1)
        ]
        others = [
            fence(f"solution {answer.solution}: {plain(answer.explanation, MOST_TEXT)}", view.secret, f"agent:{n + 1}")
            for n, answer in sorted(said.items())
            if n != seat
        ]
        own = said.get(seat)
        mine = fence(f"solution {own.solution}: {plain(own.explanation, MOST_TEXT)}", view.secret, "own") if own else ""
        user = self.prompts.fill(
            "search_debate",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            solutions="\n".join(solutions),
            own=section("What you said before", mine),
            others=section("What the other agents say", "\n".join(others)),
        )
        system = self.prompts.fill("search_debate_system")
        return Request(role="discriminator", messages=messages(system, user), temperature=self.temperature)


def _solution(number: int, attempt: Attempt, value: float, secret: str, most: int) -> str:
    heading = f"Solution {number} (value {value * 200 - 100:.0f})"
    said = candidate_section(attempt.draft, attempt.changes, secret, most * 2 // 3, heading)
    if not attempt.evidence:
        return said
    return f"{said}\n" + section(
        f"Evidence about solution {number}", show_evidence(attempt.evidence, secret, most // 3)
    )
