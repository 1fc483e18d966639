"""`Reflections`: what an agent told itself after a failure, kept for later runs (Reflexion, arXiv 2303.11366)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from revet.agents.memory.text import TextMemory
from revet.schema import Attempt, Note, Run, digest
from revet.store.corrections import Corrections
from revet.tools.base import View

__all__ = ["REFLECTION", "Reflections", "reflections_of"]

REFLECTION = "reflection"
"""In ``Draft.data``: what its author told themselves before they drafted it; and the kind of the notes."""


def reflections_of(attempts: Sequence[Attempt], last: int, goal: str = "", run: str = "") -> list[Note]:
    """The last reflections of a run, as notes, in the order in which they were made."""
    said = [a.draft.data.get(REFLECTION) for a in attempts]
    told = list(dict.fromkeys(text for text in said if isinstance(text, str) and text.strip()))
    return [
        Note(id="n-" + digest(REFLECTION, goal, text, length=16), kind=REFLECTION, text=text, goal=goal, run=run)
        for text in (told[-last:] if last > 0 else [])
    ]


class Reflections(TextMemory):
    """Recalls up to `limit` reflections of other runs, and keeps the last `kept` of each that ends, however it ended.

    They are the agent's own words and prove nothing. Besides, drafts that failed a required check are remembered as
    any `TextMemory` does.
    """

    def __init__(self, corrections: Corrections, *, limit: int = 3, kept: int = 3, name: str = "reflections") -> None:
        super().__init__(corrections, kinds=(REFLECTION,), limit=limit, name=name)
        self.kept = kept

    async def learn(self, view: View, run: Run) -> None:
        await super().learn(view, run)
        notes = reflections_of(run.attempts, self.kept, run.task.goal, run.id)
        await asyncio.to_thread(self.corrections.add, notes, run=run.id)
