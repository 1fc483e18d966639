"""`Reflecting`: trial after trial, each with what was learnt from the last (Reflexion, arXiv 2303.11366)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revet.agents.base import Choice
from revet.agents.chat import ChatAgent
from revet.agents.reflexion import REFLECTION, Reflector, Tester, reflections_of
from revet.graphs.parts.shown import objection
from revet.graphs.parts.views import as_first, at
from revet.schema import Attempt, Draft
from revet.tools.base import View
from revet.tools.own_tests import own_tests_in, with_tests

__all__ = ["Reflecting"]


class Reflecting:
    """Writes `tests` tests before the first draft, which every draft carries. Before each further draft it reflects on
    the last that was one; the actor then sees that draft and the last `shown` reflections, and no other draft.
    """

    name, selects = "reflexion", False

    def __init__(self, actor: ChatAgent, reflector: Reflector, tester: Tester, *, tests: int, shown: int) -> None:
        self.actor, self.reflector, self.tester = actor, reflector, tester
        self.tests, self.shown = tests, shown

    async def drafts(self, view: View) -> Sequence[Draft]:
        if view.draft is None:
            tests = await self.tester.tests(view, self.tests) if self.tests else ()
            return [with_tests(await self.actor.propose(view), tests)]
        tests = next((own_tests_in(a.draft) for a in view.attempts if own_tests_in(a.draft)), ())
        tried = next((a for a in reversed(view.attempts) if a.draft.problem is None and not a.draft.gives_up), None)
        if tried is None:
            return [with_tests(await self.actor.propose(as_first(view)), tests)]
        now = replace(at(view, tried), attempts=())  # the draft before this one, and no other
        reflection = await self.reflector.reflect(now)
        draft = await self.actor.revise(self._in_mind(now, view.attempts, reflection), objection(tried))
        return [with_tests(draft.model_copy(update={"data": {**draft.data, REFLECTION: reflection}}), tests)]

    def _in_mind(self, view: View, attempts: Sequence[Attempt], reflection: str) -> View:
        """The view with the last reflections among the notes: those of this run first."""
        latest = Attempt(round=view.round, draft=Draft(author=self.name, data={REFLECTION: reflection}))
        own = reflections_of([*attempts, latest], self.shown)
        return replace(view, notes=(*own, *view.notes))

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return Choice(0)
