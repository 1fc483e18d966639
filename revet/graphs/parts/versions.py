"""Versions: the last draft is revised so many times, whatever the critics say, and one of all that stand is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from revet.agents.base import Choice, Judge, Proposer, Reviser, Strategy
from revet.schema import Attempt, Critique, Draft, Verdict
from revet.tools.base import View

__all__ = ["Versions"]


class Versions(Strategy):
    """`rounds` revisions of a first draft, one after the other. `judge` chooses; without one, or where it cannot tell,
    the last that stands is chosen."""

    selects = True

    def __init__(
        self, proposer: Proposer, reviser: Reviser, judge: Judge | None, *, rounds: int, name: str = "versions"
    ) -> None:
        self.proposer, self.reviser, self.judge = proposer, reviser, judge
        self.rounds, self.name = rounds, name

    async def drafts(self, view: View) -> Sequence[Draft]:
        if view.draft is None:
            return [await self.proposer.propose(view)]
        critique = view.critique or Critique(critic=self.name, verdict=Verdict.revise)
        return [await self.reviser.revise(view, critique)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        done = attempts[-1].round
        return f"{done} of {self.rounds} rounds of critique are done" if done < self.rounds else None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        last = len(candidates) - 1
        if self.judge is None or not last:
            return Choice(last, (f"version {candidates[last].round + 1} is the last that stands",))
        place = await self.judge.choose(view, candidates)
        if place is None:
            return Choice(last, (f"{self.judge.name} finds none better: the last that stands",))
        return Choice(place, (f"{self.judge.name} chose version {candidates[place].round + 1} of {len(candidates)}",))
