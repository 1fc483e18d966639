"""Recorded runs of repair as those who branch: each run is a chain of attempts, and a search chooses which one goes on.

So a search can be replayed over what real models once wrote, without asking any.
"""

from __future__ import annotations

from collections.abc import Sequence

from revet.agents.search.base import Thought, Ways, thought_of
from revet.errors import InputError
from revet.schema import Attempt, Critique, Draft
from revet.tools.base import View

__all__ = ["Recorded"]


class Recorded:
    """`chains` are the runs, each with its drafts in order. A chain begins at the root; a draft's child is the next.

    Where no search asks, it gives the drafts one after another, chain by chain.
    """

    name = "recorded"

    def __init__(self, chains: Sequence[Sequence[Draft]]) -> None:
        self.chains = tuple(tuple(chain) for chain in chains if chain)
        if not self.chains:
            raise InputError("there are no recorded drafts", hint="give at least one run with at least one draft")

    async def thoughts(self, view: View, line: Sequence[Attempt], most: int) -> Ways:
        if not line:
            share = 1 / len(self.chains)
            return Ways(tuple(self._thought(chain, 0, share) for chain in range(len(self.chains))))
        chain, place = _place(thought_of(line[-1].draft.data.get("thought")))
        return Ways((self._thought(chain, place + 1, 1.0),) if place + 1 < len(self.chains[chain]) else ())

    async def rethink(self, view: View, line: Sequence[Attempt], siblings: Sequence[Thought]) -> Thought | None:
        """None: a recorded attempt is what came after the one before it, and takes no other's place."""
        return None

    async def draft(self, view: View, line: Sequence[Attempt], thoughts: Sequence[Thought]) -> Draft:
        chain, place = _place(thoughts[-1])
        return self.chains[chain][place]

    async def branch(
        self, view: View, line: Sequence[Attempt], siblings: Sequence[Attempt], told: Critique | None
    ) -> Draft:
        ways = await self.thoughts(view, line, len(self.chains))
        used = {thought_of(sibling.draft.data.get("thought")).text for sibling in siblings}
        thought = next((each for each in ways.thoughts if each.text not in used), None)
        if thought is None:
            return Draft(author=self.name, notes="nothing more was recorded here")
        draft = await self.draft(view, line, [thought])
        return draft.model_copy(update={"data": {**draft.data, "thought": thought.told()}})

    async def propose(self, view: View) -> Draft:
        return self._numbered(view.round)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return self._numbered(view.round + 1)

    def _thought(self, chain: int, place: int, prior: float) -> Thought:
        return Thought(f"run {chain + 1}, attempt {place + 1}", prior, {"chain": chain, "place": place})

    def _numbered(self, number: int) -> Draft:
        drafts = [draft for chain in self.chains for draft in chain]
        if number < len(drafts):
            return drafts[number]
        return Draft(author=self.name, notes=f"only {len(drafts)} drafts were recorded")


def _place(thought: Thought) -> tuple[int, int]:
    """The chain, and the place in it, that a thought of ours names."""
    chain, place = thought.data["chain"], thought.data["place"]
    assert isinstance(chain, int) and isinstance(place, int)
    return chain, place
