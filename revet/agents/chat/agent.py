"""`ChatAgent`: a language model that proposes and revises.

It is shown the task, the files that matter, what earlier runs taught, what was tried, the critique and the evidence,
and may ask to read other files before it drafts. What it says becomes a `Draft`; what cannot be understood becomes one
that says so, and counts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.drafting import SaidDraft, drafted, kinds_shown
from revet.agents.chat.files import Files, look
from revet.agents.chat.heard import Schedule, objections, repeats, tried
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.recalled import notes_section, refused_before
from revet.agents.chat.sections import (
    candidate_section,
    checks_section,
    critique_section,
    inputs_section,
    messages,
    section,
)
from revet.agents.chat.show import cut, show_evidence
from revet.errors import AnswerUnusable, BudgetSpent
from revet.models import LanguageModel, Request
from revet.schema import Critique, Draft
from revet.tools.base import View

__all__ = ["ChatAgent"]

MOST_SAID = 2_000
AGAIN = (
    "What you drafted last does exactly what attempt {round} did, and that was refused. "
    "Draft something else: another cause, another place, another way."
)
FAILED_BEFORE = (
    "What you drafted last does exactly what an earlier run of this task drafted, and that failed a check that must "
    "pass. Draft something else: another cause, another place, another way."
)
FOR_CRITICS = ("template",)
"""Of what earlier runs taught, what is not for who writes: how to criticise."""
NO_MORE = "You cannot ask for more files. Draft now."


@dataclass(frozen=True)
class _Asking:
    """What one draft is asked with. `asked` are the files that the model wanted to see so far."""

    view: View
    critique: Critique | None
    number: int
    temperature: float | None
    files: Files | None
    asked: tuple[str, ...] = ()
    notice: str = ""


class ChatAgent:
    """A proposer and reviser. Share one among as many runs as you like.

    `prompts` is a folder whose files replace ours. `temperature` is the first draft's (None: the model's own), to which
    `schedule` adds in later rounds. `room` bounds the prompt in characters; a model with less context is asked with
    less. `looks` is how often the model may ask to read files before one draft.

    An answer that cannot be used becomes ``Draft(problem=…)``, a spent budget a draft that gives up. `ModelFailed` and
    a prompt that fits no context are raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        name: str = "chat",
        temperature: float | None = 0.0,
        schedule: Schedule | None = None,
        room: Room | None = None,
        looks: int = 3,
    ) -> None:
        self.model, self.name, self.temperature, self.looks = model, name, temperature, looks
        self.prompts = prompts_of(prompts)
        self.schedule, self.room = schedule or Schedule(), room or Room()

    async def propose(self, view: View) -> Draft:
        return await self._draft(view, view.critique, 0)

    async def revise(self, view: View, critique: Critique) -> Draft:
        return await self._draft(view, critique, view.round + 1)

    async def _draft(self, view: View, critique: Critique | None, number: int) -> Draft:
        temperature = self.schedule.at(self.temperature, number)
        files = await asyncio.to_thread(look, view)
        asking = _Asking(view, critique, number, temperature, files)
        try:
            draft = await self._ask(asking)
        except AnswerUnusable as error:
            return _unusable(self.name, error)
        except BudgetSpent as error:
            return Draft(author=self.name, notes=str(error))
        former = repeats(draft, view.attempts)
        if former is not None:
            view.emit("repeated", {"draft": draft.id, "round": former})
            return await self._ask_again(asking, draft, AGAIN.format(round=former))
        note = refused_before(draft, view.notes)
        if note is not None:
            view.emit("repeated", {"draft": draft.id, "run": note.run})
            return await self._ask_again(asking, draft, FAILED_BEFORE)
        return draft

    async def _ask_again(self, asking: _Asking, draft: Draft, notice: str) -> Draft:
        """Another draft, asked for once and more freely; the repeated one if there is none."""
        hotter = self.schedule.at(asking.temperature, 2)
        try:
            return await self._ask(replace(asking, temperature=hotter, notice=notice))
        except (AnswerUnusable, BudgetSpent):
            return draft

    async def _ask(self, asking: _Asking) -> Draft:
        """Ask until there is a draft: the model may look at files first, a few times."""
        for _ in range(self.looks):
            said = await self._say(asking)
            if asking.files is None or not said.only_reads:
                return drafted(said, self.name)
            asking = replace(asking, asked=tuple(dict.fromkeys((*asking.asked, *said.read))))
            asking.view.emit("reading", {"files": list(said.read)})
        return drafted(await self._say(replace(asking, notice=f"{asking.notice} {NO_MORE}".strip())), self.name)

    async def _say(self, asking: _Asking) -> SaidDraft:
        return await ask_for(asking.view, self.model, SaidDraft, lambda room: self._request(asking, room), self.room)

    def _request(self, asking: _Asking, room: Room) -> Request:
        view, critique = asking.view, asking.critique
        system = self.prompts.fill("draft_system", kinds=kinds_shown(view.offers, workspace=asking.files is not None))
        user = self.prompts.fill(
            "draft",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            checks=checks_section(view.task),
            files=_files_section(asking, room),
            notes=notes_section(view.notes, view.secret, room.part(0.08), without=FOR_CRITICS),
            tried=_tried_section(view, room),
            last=_last_section(asking, room),
            critique=critique_section(objections(view, critique), view.secret, room.part(0.1)),
            evidence=_evidence_section(view, room),
            now=section("Now", asking.notice),
        )
        return Request(
            role="reviser" if asking.number else "proposer",
            messages=messages(system, user),
            temperature=asking.temperature,
        )


def _files_section(asking: _Asking, room: Room) -> str:
    files = asking.files
    if files is None:
        return ""
    listing = section("Files", files.listing(room.part(0.08)))
    return listing + "\n" + section("Contents of files", files.contents(asking.asked, room.part(0.32)))


def _tried_section(view: View, room: Room) -> str:
    told = tried(view.attempts, view.secret, room.part(0.1))
    if told and view.best is not None:
        told += f"\nBy the evidence, attempt {view.best.round} was the best."
    return section("Tried already and refused: do not draft any of this again", told)


def _last_section(asking: _Asking, room: Room) -> str:
    """The draft to revise, with its steps by number."""
    view = asking.view
    if not asking.number or view.draft is None:
        return ""
    return candidate_section(view.draft, view.changes, view.secret, room.part(0.1), "Your last draft")


def _evidence_section(view: View, room: Room) -> str:
    if not view.evidence:
        return ""
    of = "your last draft" if view.draft is not None else "the workspace as it is"
    return section(f"Evidence about {of}", show_evidence(view.evidence, view.secret, room.part(0.2)))


def _unusable(author: str, error: AnswerUnusable) -> Draft:
    data = {"why": error.why, "said": cut(_clean(error.text), MOST_SAID)}
    return Draft(author=author, problem=_clean(f"the answer could not be used ({error.why}): {error}"), data=data)


def _clean(text: str) -> str:
    """Without what no record can hold: lone halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")
