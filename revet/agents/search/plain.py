"""Any proposer and reviser as those who branch: recorded samples, roles of the user's own, a model that only drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revet.agents.base import Proposer, Reviser
from revet.agents.search.base import Thought, Ways
from revet.schema import Attempt, Critique, Draft, Finding, Verdict
from revet.tools.base import View

__all__ = ["Drafting"]


class Drafting:
    """Expands without thoughts: at the root it lets `proposer` propose, at a node `reviser` mend that node's draft.

    The ways to go on are told apart by their numbers alone, and equally likely. A rewritten thought is the same
    thought once more: the code that failed is mended in its place. Whoever drafts is shown what was tried on the way
    to the node and beside it, and nothing of other branches.
    """

    def __init__(self, proposer: Proposer, reviser: Reviser) -> None:
        self.proposer, self.reviser, self.name = proposer, reviser, proposer.name

    async def thoughts(self, view: View, line: Sequence[Attempt], most: int) -> Ways:
        what = "revision" if line else "sample"
        return Ways(tuple(Thought(f"{what} {number}", 1 / most) for number in range(1, most + 1)))

    async def rethink(self, view: View, line: Sequence[Attempt], siblings: Sequence[Thought]) -> Thought | None:
        return Thought("mended", 1 / max(1, len(siblings)))

    async def draft(self, view: View, line: Sequence[Attempt], thoughts: Sequence[Thought]) -> Draft:
        return await self.branch(view, line, (), view.critique)

    async def branch(
        self, view: View, line: Sequence[Attempt], siblings: Sequence[Attempt], told: Critique | None
    ) -> Draft:
        known = replace(view, attempts=(*siblings, *line), critique=told)
        if view.draft is None:
            return await self.proposer.propose(known)
        return await self.reviser.revise(known, told or _unsaid())


def _unsaid() -> Critique:
    """For a draft that nobody spoke of: another one is wanted all the same."""
    wanted = Finding(claim="another draft is wanted", category="search")
    return Critique(critic="search", verdict=Verdict.revise, findings=(wanted,))
