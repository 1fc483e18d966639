"""A proposer that says what it was told to say. For examples, tests and replays of known drafts; it is no model."""

from __future__ import annotations

from collections.abc import Sequence

from revet.schema import Critique, Draft
from revet.tools.base import View

__all__ = ["Scripted"]


class Scripted:
    """Gives `drafts` one after another, one a round, and gives up after the last.

    Which draft comes next depends on the round alone, so that a resumed run goes on where it stopped, and a strategy
    that asks for samples gets one after another.
    """

    def __init__(self, drafts: Sequence[Draft], name: str = "scripted") -> None:
        self.drafts, self.name = tuple(drafts), name

    async def propose(self, view: View) -> Draft:
        return self._draft(view.round)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return self._draft(view.round + 1)

    def _draft(self, number: int) -> Draft:
        if number < len(self.drafts):
            return self.drafts[number]
        return Draft(author=self.name, notes=f"the script has no draft number {number + 1}")
