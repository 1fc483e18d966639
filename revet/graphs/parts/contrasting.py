"""Solve from several perspectives, contrast the results, revise by what differs: until they agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from revet.agents.base import Choice
from revet.agents.chat import ChatAgent
from revet.agents.contrast import Contraster
from revet.graphs.choosing import candidates as those_that_stand
from revet.graphs.parts.selectors import grouped, vote
from revet.graphs.parts.shown import objection
from revet.graphs.parts.views import as_first, at, child_of, next_round
from revet.graphs.step import required_checks
from revet.policy import best_attempt
from revet.schema import Attempt, Critique, Draft, Finding, Verdict
from revet.tools.base import View

__all__ = ["PERSPECTIVE", "Contrasting", "Writes"]

T = TypeVar("T")

PERSPECTIVE, TURN, HEARD, CHECKLIST = "perspective", "turn", "heard", "checklist"
"""In ``Draft.data``: how it was gone about, in which turn (0: before any contrast), how many drafts the turn has, and
what was to be looked at again."""

Writes = Callable[[str, View], ChatAgent]
"""Who writes from a perspective."""


class Contrasting:
    """Samples one draft from each perspective; then turns of contrast and revision, at most `turns`.

    In a turn one draft for each different result, `compared` at most and those of the majority first, is contrasted
    with the others, pair by pair; the differences become a checklist, and each of these drafts is revised by it, from
    the perspective that it was made from. Where checks refuse some drafts, the others are compared; where they refuse
    all, and all agree, the best is mended.
    """

    name, selects = "self-contrast", True

    def __init__(
        self,
        writes: Writes,
        contraster: Contraster,
        *,
        rewrites: Writes | None = None,
        perspectives: int,
        given: Sequence[str] = (),
        compared: int = 3,
        turns: int = 3,
    ) -> None:
        self.writes, self.rewrites, self.contraster = writes, rewrites or writes, contraster
        self.given = tuple(given)
        self.perspectives, self.compared, self.turns = perspectives, compared, turns

    async def drafts(self, view: View) -> Sequence[Draft]:
        if view.draft is None:
            return await self._sampled(view)
        turn, last = _last_turn(view.attempts)
        rivals = self._rivals(last)
        if len(rivals) > 1 and turn < self.turns:
            return await self._revised(view, rivals, turn + 1)
        if those_that_stand(view.attempts):
            return [Draft(author=self.name, notes="there is nothing more to contrast")]
        return [await self._mended(view, turn + 1)]

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        turn, last = _last_turn(attempts)
        wanted = _number(attempts[-1].draft, HEARD)
        if len(last) < wanted:
            return f"{len(last)} of {wanted} results are examined"
        results = len(self._rivals(last))
        return f"there are {results} different results" if results > 1 and turn < self.turns else None

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        """What most of the last turn's results come to; of all, where none of the last turn stands."""
        turn, _ = _last_turn(candidates)
        places = [n for n, attempt in enumerate(candidates) if _number(attempt.draft, TURN) == turn]
        among = [candidates[n] for n in places]
        choice = vote(among, required_checks(view.task))
        agree = "they agree" if len(grouped(among)) == 1 else "they do not agree"
        reasons = (*choice.reasons, f"after {turn} turns of contrast {agree}")
        return Choice(None if choice.candidate is None else places[choice.candidate], reasons)

    async def _sampled(self, view: View) -> Sequence[Draft]:
        """A draft from each perspective, by people who do not know of each other. Who has none is not heard."""
        approaches = [*self.given] or await self.contraster.perspectives(view.fork("perspectives"), self.perspectives)
        first = next_round(view)
        views = [as_first(view.fork(f"perspective {n}"), first + n) for n in range(len(approaches))]
        pairs = zip(approaches, views, strict=True)
        said = await _together([self.writes(approach, own).propose(own) for approach, own in pairs])
        made = [(approach, draft) for approach, draft in zip(approaches, said, strict=True) if not draft.gives_up]
        marked = [_marked(draft, approach, 0, len(made)) for approach, draft in made]
        return marked or said[:1]

    def _rivals(self, last: Sequence[Attempt]) -> list[Attempt]:
        """One draft for each different result: of those that nothing speaks against, of all where there are none."""
        standing = [a for a in last if a.decision is None or a.decision.held]
        among = standing or [a for a in last if a.draft.problem is None]
        return [among[group.members[0]] for group in grouped(among)]

    async def _revised(self, view: View, rivals: Sequence[Attempt], turn: int) -> Sequence[Draft]:
        compared = rivals[: self.compared]
        pairs = [*combinations(compared, 2)]
        views = [view.fork(f"contrast {n}") for n in range(len(pairs))]
        found = await _together(
            [self.contraster.differences(own, *pair) for own, pair in zip(views, pairs, strict=True)]
        )
        differences = [*dict.fromkeys(each for some in found for each in some)] or [_bare(compared)]
        items = await self.contraster.checklist(view.fork("checklist"), differences)
        critique = _as_critique(items)
        own_views = [replace(at(view.fork(f"revision {n}"), a), attempts=(), best=None) for n, a in enumerate(compared)]
        writers = [self.rewrites(_approach(a.draft), own) for a, own in zip(compared, own_views, strict=True)]
        said = await _together([who.revise(own, critique) for who, own in zip(writers, own_views, strict=True)])
        kept = [(a, draft) for a, draft in zip(compared, said, strict=True) if not draft.gives_up]
        marked = [
            child_of(_marked(draft, _approach(a.draft), turn, len(kept)), a, **{CHECKLIST: items}) for a, draft in kept
        ]
        return marked or said[:1]

    async def _mended(self, view: View, turn: int) -> Draft:
        """All were refused, and nothing is left to contrast: the best is revised by what speaks against it."""
        best = best_attempt(view.attempts, required_checks(view.task)) or view.attempts[-1]
        approach = _approach(best.draft)
        draft = await self.rewrites(approach, view).revise(at(view, best), objection(best))
        return draft if draft.gives_up else child_of(_marked(draft, approach, turn, 1), best)


async def _together(asked: Sequence[Awaitable[T]]) -> list[T]:
    """What all say, asked at the same time. A failure is raised when all have ended: what others answered is kept."""
    said = await asyncio.gather(*asked, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each
    return [each for each in said if not isinstance(each, BaseException)]


def _last_turn(attempts: Sequence[Attempt]) -> tuple[int, list[Attempt]]:
    """The number of the last turn, and its attempts."""
    turn = max((_number(a.draft, TURN) for a in attempts), default=0)
    return turn, [a for a in attempts if _number(a.draft, TURN) == turn and not a.draft.gives_up]


def _marked(draft: Draft, approach: str, turn: int, heard: int) -> Draft:
    return draft.model_copy(update={"data": {**draft.data, PERSPECTIVE: approach, TURN: turn, HEARD: heard}})


def _number(draft: Draft, name: str) -> int:
    value = draft.data.get(name)
    return value if isinstance(value, int) else 0


def _approach(draft: Draft) -> str:
    return str(draft.data.get(PERSPECTIVE, ""))


def _bare(compared: Sequence[Attempt]) -> str:
    said = "; ".join((a.answer or a.draft.id)[:200] for a in compared)
    return f"the results are different: {said}"


def _as_critique(items: Sequence[str]) -> Critique:
    findings = tuple(Finding(claim=item, category="checklist", confidence=0.5) for item in items)
    told = "results from other perspectives differ; look at these points again"
    return Critique(critic="self-contrast", verdict=Verdict.revise, possible_result=told, findings=findings)
