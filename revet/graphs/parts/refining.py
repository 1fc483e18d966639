"""A reviser that redoes a derivation from the step that a critic called wrong: draft after draft, with no strategy."""

from __future__ import annotations

from revet.agents.base import Reviser
from revet.agents.chat.steps import steps_of
from revet.agents.refine import StepRefiner
from revet.graphs.parts.steps import continued, critique_of, prefix
from revet.schema import Critique, Draft, Finding
from revet.tools.base import View

__all__ = ["FromWrongStep"]


class FromWrongStep:
    """A reviser. Where it is told of no wrong step (a check fails, which is heard first), `otherwise` revises.

    `steps` writes from the wrong step on and is shown the steps before it, the wrong one and its critique.
    """

    name = "from-wrong-step"

    def __init__(self, steps: StepRefiner, otherwise: Reviser) -> None:
        self.steps, self.otherwise = steps, otherwise

    async def revise(self, view: View, critique: Critique) -> Draft:
        draft, wrong = view.draft, None if view.draft is None else _wrong(view.draft, critique)
        if draft is None or wrong is None:
            return await self.otherwise.revise(view, critique)
        number, finding = wrong
        kept = prefix(draft, number)
        redone = await self.steps.redo(view, kept, steps_of(draft)[number], critique_of(critique, finding))
        return continued(kept, redone)


def _wrong(draft: Draft, critique: Critique) -> tuple[int, Finding] | None:
    """The first step of the draft that the critique calls wrong, and what it says of it."""
    found = [
        (finding.location.step, finding)
        for finding in critique.findings
        if finding.location is not None and finding.location.step is not None
    ]
    there = [each for each in found if each[0] < len(steps_of(draft))]
    return min(there, key=lambda each: each[0], default=None)
