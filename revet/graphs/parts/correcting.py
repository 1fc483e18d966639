"""Lyra's dual correction: known-good tools in the place of the one that failed, then another conjecture, by turns anew.

A conjecture is a draft that the model makes. Each that fails is first mended without the model: at the first place
that failed, the tools are put in one after another. A correction after which a later place fails has got that place
right, and is gone on with. When the tools are used up, the model hears the error and makes the next conjecture; every
so often it begins afresh.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from revet.agents.base import Choice, Proposer, Reviser
from revet.graphs.parts.replacing import failing, replaced, spots_in
from revet.graphs.parts.shown import alone, objection
from revet.graphs.parts.views import as_first, child_of, parent_of
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["CONJECTURE", "PLACE", "TOOL", "DualCorrection"]

CONJECTURE, PLACE, TOOL = "conjecture", "place", "tool"
"""In ``Draft.data``: the number of the conjecture; of a tool correction, too, which place has which tool now."""


class _Mending(NamedTuple):
    """A conjecture, as far as the tools have mended it: the attempt to go on from, and what was put where in it."""

    base: Attempt
    tried: frozenset[tuple[int, str]]
    made: int


class DualCorrection:
    """`calls` matches a tool's call in the text of a draft, `tools` are put in its place, in this order.

    At most `attempts` conjectures are made, each `fresh`-th of them from nothing, and at most `corrections` of each
    with tools. The first draft that nothing speaks against goes to the gate.
    """

    selects = False

    def __init__(
        self,
        proposer: Proposer,
        reviser: Reviser,
        *,
        calls: re.Pattern[str],
        tools: Sequence[str],
        attempts: int,
        fresh: int,
        corrections: int,
        name: str = "lyra",
    ) -> None:
        self.name, self.proposer, self.reviser = name, proposer, reviser
        self.calls, self.tools, self.corrections = calls, tuple(tools), corrections
        self.attempts, self.fresh = attempts, fresh

    async def drafts(self, view: View) -> Sequence[Draft]:
        conjectures = [a for a in view.attempts if CONJECTURE in a.draft.data and TOOL not in a.draft.data]
        if not conjectures:
            return [_conjecture(await self.proposer.propose(as_first(view)), None, 0)]
        mending = _mended(conjectures[-1], view.attempts, self.calls)
        corrected = self._corrected(mending, view.attempts)
        if corrected is not None:
            return [corrected]
        number = len(conjectures)
        if number >= self.attempts:
            return [Draft(author=self.name, notes=f"{number} conjectures were refused, and no tool mends the last")]
        if number % self.fresh == 0:
            return [_conjecture(await self.proposer.propose(as_first(view)), None, number)]
        draft = await self.reviser.revise(alone(view, mending.base), objection(mending.base))
        return [_conjecture(draft, mending.base, number)]

    def _corrected(self, mending: _Mending, attempts: Sequence[Attempt]) -> Draft | None:
        """The next correction with a tool; None where there is none left. What was refused before is not made again."""
        base = mending.base
        if mending.made >= self.corrections or base.draft.problem is not None:
            return None
        if base.draft.actions and base.changes is None:
            return None  # it cannot be staged, so no tool of it was ever run
        known = {attempt.draft.id for attempt in attempts}
        for place, tool in self._substitutes(base):
            if (place, tool) not in mending.tried:
                draft = replaced(base.draft, spots_in(base.draft, self.calls)[place], tool)
                if draft.id not in known:
                    return child_of(draft, base, **{PLACE: place, TOOL: tool})
        return None

    def _substitutes(self, base: Attempt) -> Iterator[tuple[int, str]]:
        """What may stand where, in order: at the first place that failed, or anywhere if nobody says where it did."""
        spots = spots_in(base.draft, self.calls)
        at_fault = failing(base, spots)
        places = range(len(spots)) if at_fault is None else [spots.index(spot) for spot in at_fault[:1]]
        for place in places:
            yield from ((place, tool) for tool in self.tools if tool != spots[place].text)

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        """Success ends it."""
        return None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        """Never asked, for nothing is held; the last that stands, if it is."""
        return Choice(len(candidates) - 1)


def _conjecture(draft: Draft, parent: Attempt | None, number: int) -> Draft:
    return draft if draft.gives_up else child_of(draft, parent, **{CONJECTURE: number})


def _mended(conjecture: Attempt, attempts: Sequence[Attempt], calls: re.Pattern[str]) -> _Mending:
    """How far the tools have mended the conjecture: its last correction after which a later place fails, or itself."""
    number = conjecture.draft.data[CONJECTURE]
    corrections = [a for a in attempts if a.draft.data.get(CONJECTURE) == number and TOOL in a.draft.data]
    base = conjecture
    for correction in corrections:
        if parent_of(correction, attempts) is base and _place(correction) < _first_failing(correction, calls):
            base = correction
    tried = {(_place(a), str(a.draft.data[TOOL])) for a in corrections if parent_of(a, attempts) is base}
    return _Mending(base, frozenset(tried), len(corrections))


def _place(correction: Attempt) -> int:
    place = correction.draft.data.get(PLACE)
    return place if isinstance(place, int) else 0


def _first_failing(attempt: Attempt, calls: re.Pattern[str]) -> int:
    """The first place that fails; past the last where what fails is no call, -1 where nobody says what does."""
    spots = spots_in(attempt.draft, calls)
    at_fault = failing(attempt, spots)
    if at_fault is None:
        return -1
    return spots.index(at_fault[0]) if at_fault else len(spots)
