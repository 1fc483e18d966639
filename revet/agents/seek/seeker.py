"""`SeekAgent`: searches, judges what it found, drops what is of no use, plans the search anew, and then answers.

After ReSeek (Li et al., arXiv 2510.00568): each observation is followed by a JUDGE action, and the next action is
conditioned on the trajectory without what was judged useless. One request plans the next search (or says that it is
enough), one judges what it found, and the last writes the draft from what was kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import Field

from revet.agents.chat import ChatAgent, Schedule
from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.fence import fence
from revet.agents.chat.heard import objections
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import critique_section, inputs_section, messages, section
from revet.agents.chat.show import cut
from revet.agents.panel.aggregate import union
from revet.agents.prefixed import Prefixed
from revet.agents.seek.trail import Trail, look_for, marked, show_found, tidy, trail_of
from revet.errors import AnswerUnusable, InputError
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft, Evidence, Outcome
from revet.tools.base import View

__all__ = ["HOME", "SaidJudgement", "SaidMove", "SeekAgent"]

HOME = Path(__file__).resolve().parent / "prompts"
SAME = Schedule(start=0.0, step=0.0, cap=0.0)
FOUND = 0.3
"""The part of the prompt's room that what was found may take."""
REPEATS = 2
"""How often a query may be refused because it was asked before; then there is an answer."""


class SaidMove(Said):
    """What to do next: search once more, or answer with what there is."""

    thought: Text = Field(description="what is known, and what is still missing to answer")
    query: Text | None = Field(description="what to search for next, in a few words; null to answer now")


class SaidJudgement(Said):
    """Whether what the last search found is of use."""

    reason: Text = Field(description="what in it bears on the question, or why nothing does")
    useful: bool = Field(description="false: it is dropped and never shown again")


@dataclass(frozen=True)
class _Search:
    """Where one search stands."""

    view: View
    critique: Critique | None
    trail: Trail
    left: int
    refused: str = ""


class SeekAgent:
    """A proposer and reviser that searches with the tool `search`, at most `searches` times before each draft.

    A query that was asked before in the run is not asked again. What a search did not find (nothing, an error) is
    dropped without a judgement; a judgement that cannot be used drops nothing. `judge` makes the judgements where that
    is another model. The draft's `data` remember all searches; its `steps` are claims that cite ids of evidence.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        judge: LanguageModel | None = None,
        search: str = "corpus",
        searches: int = 4,
        temperature: float | None = 0.0,
        prompts: Path | str | None = None,
        name: str = "seek",
        room: Room | None = None,
    ) -> None:
        if searches < 1:
            raise InputError(f"searches must be at least 1, not {searches}", hint="take the recipe core for none")
        self.model, self.judge, self.name = model, judge or model, name
        self.search, self.searches, self.temperature = search, searches, temperature
        self.room = room or Room()
        self._prompts = Prefixed("reseek", prompts, home=HOME)

    async def propose(self, view: View) -> Draft:
        return await self._draft(view, None)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self._draft(view, critique)

    async def _draft(self, view: View, critique: Critique | None) -> Draft:
        heard = critique and _all_that_object(view, critique)
        trail = await self._found(view, heard)
        found = section("What was found and kept", show_found(trail.kept, view.secret, self.room.part(FOUND)))
        prompts = self._prompts.having(found=found or "Nothing that was found is of use.")
        writer = ChatAgent(
            self.model, name=self.name, prompts=prompts, temperature=self.temperature, schedule=SAME, room=self.room
        )
        seen = _without_searches(view, trail)
        told = critique if seen.attempts else heard  # with the attempts comes what all said of the last
        draft = await (writer.propose(seen) if told is None else writer.revise(seen, told))
        return marked(draft, trail)

    async def _found(self, view: View, critique: Critique | None) -> Trail:
        """Search until the model has enough, or the budget of searches is spent."""
        now, refusals = _Search(view, critique, trail_of(view), self.searches), 0
        while now.left and refusals < REPEATS:
            query = await self._next_query(now)
            if query is None:
                break
            if now.trail.asked(query):
                now, refusals = replace(now, refused=query), refusals + 1
                view.emit("repeated", {"query": query})
                continue
            found = await look_for(view, self.search, query, now.trail)
            useful = found.outcome is Outcome.passed and await self._judged(now, query, found)
            view.emit("judged", {"query": query, "evidence": found.id, "useful": useful})
            trail = now.trail.and_then(query, found, useful=useful)
            now = replace(now, trail=trail, left=now.left - 1, refused="")
        return now.trail

    async def _next_query(self, now: _Search) -> str | None:
        """What to search for; None where there is enough, or the model says nothing that can be used."""
        try:
            said = await ask_for(now.view, self.model, SaidMove, lambda room: self._move(now, room), self.room)
        except AnswerUnusable:
            return None
        return tidy(said.query or "") or None

    async def _judged(self, now: _Search, query: str, found: Evidence) -> bool:
        def build(room: Room) -> Request:
            user = self._prompts.fill(
                "judge",
                **self._known(now, room),
                query=fence(query, now.view.secret, "query"),
                found=fence(cut(found.observation, room.part(FOUND)), now.view.secret, found.id),
            )
            system = self._prompts.fill("judge_system")
            return Request(role="judge", messages=messages(system, user), temperature=self.temperature)

        try:
            return (await ask_for(now.view, self.judge, SaidJudgement, build, self.room)).useful
        except AnswerUnusable:
            return True

    def _move(self, now: _Search, room: Room) -> Request:
        again = "\n".join(
            ["This was asked before and is not asked again:", fence(now.refused, now.view.secret, "query")]
        )
        critiques = [now.critique] if now.critique else []
        user = self._prompts.fill(
            "move",
            **self._known(now, room),
            critique=critique_section(critiques, now.view.secret, room.part(0.1)),
            left=str(now.left),
            now=section("Now", again if now.refused else ""),
        )
        return Request(
            role="searcher",
            messages=messages(self._prompts.fill("move_system"), user),
            temperature=self.temperature,
        )

    def _known(self, now: _Search, room: Room) -> dict[str, str]:
        """The task, what was asked, and what of that was kept."""
        view, trail = now.view, now.trail
        asked = [{"query": look.query, "result": "kept" if look.useful else "of no use"} for look in trail.looks]
        told = "\n".join(json.dumps(each, ensure_ascii=False) for each in asked)
        return {
            "goal": view.task.goal,
            "inputs": inputs_section(view.task, view.secret, room.part(0.2)),
            "asked": section("Asked so far", fence(told, view.secret, "queries") if told else ""),
            "kept": section("Found and kept", show_found(trail.kept, view.secret, room.part(FOUND))),
        }


def _all_that_object(view: View, critique: Critique) -> Critique:
    """What all critics object to in the last draft, as one critique."""
    heard = objections(view, critique)
    return union(heard, critique.critic) if len(heard) > 1 else critique


def _without_searches(view: View, trail: Trail) -> View:
    """The view of who writes: what was found and kept is shown in a place of its own.

    The same answer on other claims is no repeated draft, so answers are not listed as tried.
    """
    searched = {e.id for e in trail.known}
    attempts = view.attempts if any(a.draft.actions for a in view.attempts) else ()
    return replace(view, evidence=tuple(e for e in view.evidence if e.id not in searched), attempts=attempts)
