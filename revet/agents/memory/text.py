"""`TextMemory`: what runs teach, kept as notes and found again by the words of the task at hand.

After EchoTrail-GUI, DROC, TiM and RMM: keep what was approved, distil it, find it by text, show it to the next run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from revet.agents.chat.recalled import REFUSED
from revet.agents.memory.distil import ChatDistiller
from revet.agents.memory.lessons import approved, corrections, found_as, key_of, proved, refused, trajectory
from revet.agents.memory.place import contents
from revet.agents.memory.ranking import Embeddings, nearest
from revet.schema import Note, Outcome, Run
from revet.store.corrections import Corrections, alike
from revet.tools.base import View

__all__ = ["TextMemory", "query_of"]

MOST_QUERY, MOST_INPUTS, MOST_SEEN = 4_000, 1_000, 500
WIDER = 4
"""How many times as many notes are found by text as are wanted, where embeddings put them in order."""
SAME = 0.9
"""From this similarity on a new note is one that is known."""


class TextMemory:
    """A memory of corrections and trajectories, in `corrections`.

    `kinds` are the notes that are recalled, `limit` of them at most, and of those it can make itself (``correction``,
    ``trajectory``) the ones that are learnt. A run teaches if it was proved: it ended well, with its required checks
    passed. With `critic`, one that this critic approved with a score of `threshold` or more teaches, too, where no
    check was required. `distiller` shortens what is kept. `embeddings` put what is found in another order.

    Besides, drafts that failed a required check are remembered, for runs of exactly the same task on the same
    workspace: they are among what is recalled, as notes of the kind ``refused``.
    """

    def __init__(
        self,
        corrections: Corrections,
        *,
        kinds: Sequence[str] = ("correction", "trajectory"),
        limit: int = 3,
        distiller: ChatDistiller | None = None,
        critic: str | None = None,
        threshold: float = 0.0,
        embeddings: Embeddings | None = None,
        name: str = "memory",
    ) -> None:
        self.corrections, self.kinds, self.limit, self.name = corrections, tuple(kinds), limit, name
        self.distiller, self.critic, self.threshold, self.embeddings = distiller, critic, threshold, embeddings

    async def recall(self, view: View) -> Sequence[Note]:
        text, wider = query_of(view), WIDER if self.embeddings else 1
        found = await asyncio.to_thread(self._search, text, self.limit * wider)
        if self.embeddings is not None:
            found = await nearest(self.embeddings, text, found)
        found = found[: self.limit]
        if found:
            await asyncio.to_thread(self.corrections.used, [note.id for note in found], run=view.run)
        return [*found, *await asyncio.to_thread(self._refused, view)]

    async def learn(self, view: View, run: Run) -> None:
        told = [await self._told(view, note) for note in self._lessons(run)]
        if not run.receipt and not view.moved:  # in a workspace that is another now, what failed may do
            held = await asyncio.to_thread(contents, view.workspace)
            told += refused(run, found_as(held, run.baseline)) if held else []
        await asyncio.to_thread(self.corrections.add, told, run=run.id)

    def _lessons(self, run: Run) -> list[Note]:
        teaches = proved(run) or (self.critic is not None and approved(run, self.critic, self.threshold))
        if not teaches:
            return []
        makers: dict[str, Any] = {"correction": corrections, "trajectory": trajectory}
        return [note for kind in self.kinds if kind in makers for note in makers[kind](run)]

    def _search(self, text: str, limit: int) -> list[Note]:
        return self.corrections.search(text, kinds=self.kinds, limit=limit) if self.kinds else []

    def _known(self, note: Note) -> Note | None:
        """The note that says the same already: then this run has taught it, too."""
        found = self.corrections.search(f"{note.goal}\n{note.text}", kinds=(note.kind,), limit=5)
        raw = f"{note.goal}\n{note.text}"
        return next((n for n in found if n.id == note.id or alike(f"{n.goal}\n{n.text}", raw) >= SAME), None)

    async def _told(self, view: View, note: Note) -> Note:
        """The note that is known and says the same, or this one, distilled."""
        known = await asyncio.to_thread(self._known, note)
        if known is not None or self.distiller is None:
            return known or note
        distilled = await self.distiller.distil(view, note)
        return await asyncio.to_thread(self._known, distilled) or distilled

    def _refused(self, view: View) -> list[Note]:
        """What failed in earlier runs of exactly this task, if the workspace is as it was then."""
        key = key_of(view.task)
        about = [note for note in self.corrections.all((REFUSED,)) if note.data.get("task") == key]
        held = contents(view.workspace) if about else None
        world = found_as(held, view.baseline.values()) if held else None
        return [note for note in about if note.data.get("world") == world]


def query_of(view: View) -> str:
    """What is searched for: the goal, what fails now, and the inputs, each as far as there is room."""
    failing = [e.observation[:MOST_SEEN] for e in view.baseline.values() if e.outcome is not Outcome.passed]
    inputs = json.dumps(view.task.inputs, ensure_ascii=False)[:MOST_INPUTS] if view.task.inputs else ""
    return "\n".join([view.task.goal, *failing, inputs])[:MOST_QUERY]
