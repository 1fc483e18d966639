"""Strategies over derivations: redo from the first wrong step, with restarts; or draw anew until one passes.

Both are Critic-CoT's (arXiv 2408.16326).
"""

from __future__ import annotations

from collections.abc import Sequence

from revet.agents.base import Choice, Proposer
from revet.agents.chat import ChatAgent
from revet.agents.chat.steps import steps_of
from revet.agents.refine import StepRefiner
from revet.graphs.parts.shown import objection
from revet.graphs.parts.steps import continued, critique_of, prefix, wrong_at
from revet.graphs.parts.views import as_first, at, child_of
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["Filtering", "FromFirstWrong", "usable"]


class FromFirstWrong:
    """Redoes the newest derivation of a chain from its first wrong step; every `depth` drafts a new chain begins."""

    name, selects = "critic-cot", False

    def __init__(self, solver: ChatAgent, refiner: StepRefiner, depth: int) -> None:
        self.solver, self.refiner, self.depth = solver, refiner, depth

    async def drafts(self, view: View) -> Sequence[Draft]:
        base = self.base(view.attempts)
        if base is None:
            return [await self.solver.propose(as_first(view))]
        return [child_of(await self._redone(at(view, base), base), base)]

    def base(self, attempts: Sequence[Attempt]) -> Attempt | None:
        """What the next draft is made from: the newest usable draft of the chain, or the first of all."""
        first = next((a for a in attempts if usable(a)), None)
        place = (len(attempts) - 1) % self.depth
        return next((a for a in reversed(attempts[len(attempts) - place :]) if usable(a)), first)

    async def _redone(self, view: View, base: Attempt) -> Draft:
        wrong = wrong_at(base)
        if wrong is None:
            return await self.solver.revise(view, objection(base))
        step, critique, finding = wrong
        kept, steps = prefix(base.draft, step), steps_of(base.draft)
        return continued(kept, await self.refiner.redo(view, kept, steps[step], critique_of(critique, finding)))

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return Choice(0)


class Filtering:
    """Draws independent derivations until the critic passes one."""

    name, selects = "critic-cot/filter", False

    def __init__(self, solver: Proposer) -> None:
        self.solver = solver

    async def drafts(self, view: View) -> Sequence[Draft]:
        return [await self.solver.propose(as_first(view))]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return Choice(0)


def usable(attempt: Attempt) -> bool:
    """True if there is a draft that something can be made from."""
    return attempt.draft.problem is None and not attempt.draft.gives_up
