"""A panel as evidence: how a draft's behaviour differs from that of code that others wrote for the same task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from pydantic import BaseModel

from revet.evals.evidence.samples import candidate
from revet.sandboxes.base import Session
from revet.schema import Evidence, Outcome
from revet.tools.base import Terms, Tool, ToolCall, View, evidence_for
from revet.tools.behaviour import Comparison, Spec, compare, disagreement, grave

__all__ = ["PANEL", "Panel"]

PANEL = "panel"


class Panel:
    """The different `codes` that were written for one task, compared once on `count` generated inputs."""

    def __init__(self, spec: Spec, codes: Sequence[str], *, count: int) -> None:
        self.spec, self.codes, self.count = spec, list(dict.fromkeys(codes)), count
        self._seen: dict[tuple[str, ...], Comparison] = {}
        self._turn = asyncio.Lock()

    def beside(self, others: Sequence[str]) -> Tool:
        """The tool that holds a draft against `others`, each as often as it is there."""
        return _Beside(self, others)

    async def compared(self, draft: str, session: Session) -> tuple[Comparison, dict[str, int]]:
        """All codes on the same inputs, the draft among them, and the place of each."""
        codes = self.codes if draft in self.codes else [*self.codes, draft]
        async with self._turn:
            if tuple(codes) not in self._seen:
                written = [candidate(f"the code of writer {n}", code, self.spec) for n, code in enumerate(codes, 1)]
                self._seen[tuple(codes)] = await compare(written, self.spec, session, count=self.count)
        return self._seen[tuple(codes)], {code: place for place, code in enumerate(codes)}


class _Beside:
    """Speaks against a draft from which all of two or more others differ that pass the visible tests."""

    name = PANEL
    arguments: type[BaseModel] | None = None
    terms = Terms(seconds=300)

    def __init__(self, panel: Panel, others: Sequence[str]) -> None:
        self.panel, self.others = panel, others

    def plan(self, view: View) -> Sequence[ToolCall]:
        """One call for a draft that everything required speaks for, where there are others."""
        required = [e for e in view.evidence if e.required]
        if view.draft is None or not self.others or any(e.outcome is not Outcome.passed for e in required):
            return []
        if not required:
            return []
        return [ToolCall(tool=self.name, request=f"{len(self.others)} others' code for the same task")]

    async def run(self, call: ToolCall, view: View) -> Evidence:
        if view.session is None or view.draft is None:
            return evidence_for(call, view, Outcome.inconclusive, "not run: there is no sandbox to run a function in")
        start = time.monotonic()
        draft = view.draft.answer or ""
        seen, places = await self.panel.compared(draft, view.session)
        found = disagreement(seen, places[draft], [places[code] for code in self.others])
        seconds = time.monotonic() - start
        if found is None:
            return evidence_for(call, view, Outcome.passed, "no other code differs much from it", seconds=seconds)
        outcome = Outcome.failed if grave([found]) else Outcome.passed
        return evidence_for(call, view, outcome, found.claim, problems=[found], seconds=seconds)
