"""`Sampling`: a strategy that draws independent drafts, asks a rule when there are enough, and a selector which one.

Self-consistency, best of n and their adaptive variants differ in that rule and that selector alone.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from revet.agents.base import Choice, Proposer
from revet.graphs.choosing import candidates
from revet.graphs.parts.selectors import grouped
from revet.graphs.parts.views import as_first, child_of, next_round
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["SOURCE", "Enough", "Sampling", "Select", "Turn", "Votes", "held", "source_of"]

SOURCE = "source"
"""In ``Draft.data``: the place of the proposer that the sample comes from."""

Enough = Callable[[Sequence[Attempt], int], str | None]
"""Of the attempts that nothing speaks against and of how many were made: why more are wanted, None if it is enough."""

Select = Callable[[View, Sequence[Attempt]], Awaitable[Choice]]
"""Which of the attempts that nothing speaks against."""

Votes = Callable[[Sequence[Attempt]], Sequence[float]]
"""What the votes for each different answer come to."""

Turn = Callable[[Sequence[Attempt], int], Awaitable[bool]]
"""Waits until this run may draw again; false if it may not. It is told of the attempts that stand, and how many were
made."""


def held(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that nothing speaks against; one without a decision counts, for it is about to have one."""
    undecided = [attempt for attempt in attempts if attempt.decision is None]
    return [*candidates([a for a in attempts if a.decision is not None]), *undecided]


def source_of(attempt: Attempt) -> int:
    """The place of the proposer that made the draft."""
    place = attempt.draft.data.get(SOURCE)
    return place if isinstance(place, int) else 0


def _one_each(attempts: Sequence[Attempt]) -> Sequence[float]:
    return [group.weight for group in grouped(attempts)]


class Sampling:
    """Draws `most` drafts at most, `batch` at the same time, from the `sources` in turn.

    With `fresh`, each is drawn as if it were the first: nothing that was tried is shown. Without, a source that draws
    no chance is told what was tried, so that it tries something else. `enough` is asked after every draft, and `select`
    in the end. `votes` says what the answers have for them, and `turn`, where given, is waited for before every batch.
    """

    selects = True

    def __init__(
        self,
        sources: Sequence[Proposer],
        *,
        enough: Enough,
        select: Select,
        most: int,
        batch: int = 1,
        fresh: bool = True,
        votes: Votes | None = None,
        turn: Turn | None = None,
        name: str = "sampling",
    ) -> None:
        self.sources, self.enough, self.select = tuple(sources), enough, select
        self.most, self.batch, self.fresh, self.name = most, batch, fresh, name
        self.votes: Votes = votes or _one_each
        self.turn = turn

    def sharing(self, enough: Enough, turn: Turn) -> Sampling:
        """The same strategy, one draft at a time, which waits for its `turn` before each and stops by `enough`."""
        other = copy.copy(self)
        other.enough, other.turn, other.batch = enough, turn, 1
        return other

    async def drafts(self, view: View) -> Sequence[Draft]:
        first = next_round(view)
        made, standing = len(view.attempts), held(view.attempts)
        count = min(self.batch, self.most - made)
        if count < 1:
            return [Draft(author=self.name, notes=f"all {self.most} samples were drawn")]
        if standing and self.enough(standing, made) is None:  # the last of a batch was refused: nobody was asked then
            return [Draft(author=self.name, notes="enough samples were drawn")]
        if self.turn is not None and not await self.turn(standing, made):
            return [Draft(author=self.name, notes="the samples of all tasks together were drawn")]
        numbers = range(first, first + count)
        views = [view.fork(f"sample {number}") for number in numbers]
        drawn = await asyncio.gather(*map(self._draw, views, numbers), return_exceptions=True)
        for each in drawn:
            if isinstance(each, BaseException):
                raise each
        return [each for each in drawn if isinstance(each, Draft)]

    async def _draw(self, view: View, number: int) -> Draft:
        place = number % len(self.sources)
        first = as_first(view, number)
        shown = first if self.fresh else replace(first, attempts=view.attempts)
        draft = await self.sources[place].propose(shown)
        return draft if draft.gives_up else child_of(draft, None, **{SOURCE: place})

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        if len(attempts) >= self.most:
            return None
        return self.enough(held(attempts), len(attempts))

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return await self.select(view, candidates)
