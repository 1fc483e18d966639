"""A forest of drafts by a width schedule: so many first drafts, then so many revisions of each, level by level.

The first draft that nothing speaks against goes to the gate, so the drafts of a level are made one at a time, as the
drafts before them are refused: the same forest, grown no further than needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul

from revet.agents.base import Choice, Proposer, Reviser
from revet.graphs.parts.shown import alone, objection
from revet.graphs.parts.views import as_first, child_of, children_of
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["DEPTH", "Widths", "size"]

DEPTH = "depth"
"""In ``Draft.data``: the level of the forest that the draft is on; first drafts are on level 0."""


def size(widths: Sequence[int]) -> int:
    """How many drafts the whole forest has."""
    return sum(accumulate(widths, mul))


class Widths:
    """``widths[0]`` independent first drafts, and ``widths[d]`` revisions of each draft of the level before.

    Who revises is shown that draft and what speaks against it, no other. A draft that is the same as an earlier one is
    not revised again.
    """

    selects = False

    def __init__(self, name: str, proposer: Proposer, reviser: Reviser, widths: Sequence[int]) -> None:
        self.name, self.proposer, self.reviser, self.widths = name, proposer, reviser, tuple(widths)

    async def drafts(self, view: View) -> Sequence[Draft]:
        nothing: Draft | None = None
        for depth, parent in self._places(view.attempts):
            draft = await self._draft(view, parent)
            if not draft.gives_up:
                return [child_of(draft, parent, **{DEPTH: depth})]
            nothing = nothing or draft
        return [nothing or Draft(author=self.name, notes="every draft of the schedule was refused")]

    async def _draft(self, view: View, parent: Attempt | None) -> Draft:
        if parent is None:
            return await self.proposer.propose(as_first(view))
        return await self.reviser.revise(alone(view, parent), objection(parent))

    def _places(self, attempts: Sequence[Attempt]) -> Iterator[tuple[int, Attempt | None]]:
        """Where drafts are still to be made, level by level: the depth, and the draft to revise."""
        first = [a for a in attempts if a.draft.data.get(DEPTH) == 0]
        for _ in range(self.widths[0] - len(first)):
            yield 0, None
        for depth in range(1, len(self.widths)):
            for parent in _distinct(attempts):
                if parent.draft.data.get(DEPTH) == depth - 1:
                    for _ in range(self.widths[depth] - len(children_of(parent, attempts))):
                        yield depth, parent

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        """The first draft that stands is enough."""
        return None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        """Never asked, for nothing is held; the last that stands, if it is."""
        return Choice(len(candidates) - 1)


def _distinct(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts, each draft once, where it came first."""
    first: dict[str, Attempt] = {}
    for attempt in attempts:
        first.setdefault(attempt.draft.id, attempt)
    return list(first.values())
