"""`SelfRefiner`: feedback on its own draft and the better draft, in one call (Self-Refine, arXiv 2303.17651).

What it says stays with the draft (``data["feedback"]``), so that the next call is shown all the feedback so far. That
it calls its draft correct (``data["correct"]``) is where the method stops; it proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, model_validator

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.drafting import SaidDraft, kinds_shown
from revet.agents.chat.fence import fence
from revet.agents.chat.files import Files, look
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.recalled import notes_section
from revet.agents.chat.said import Said
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages, section
from revet.agents.chat.show import cut, show_evidence
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Draft
from revet.tools.base import View

__all__ = ["CORRECT", "FEEDBACK", "HOME", "Refinement", "SaidRefinement", "SelfRefiner"]

CORRECT, FEEDBACK = "correct", "feedback"
"""In ``Draft.data``: that its author called the draft correct, and what they said of the draft before it."""

HOME = Path(__file__).resolve().parent / "prompts"
MOST_FEEDBACK = 4_000


class SaidRefinement(Said):
    """What is wrong with the draft, and then the whole of a better one."""

    feedback: str = Field(description="go through the draft part by part: what is wrong, why, and how to mend it")
    correct: bool = Field(description="true only if it is correct as it stands; then rewritten is null")
    rewritten: SaidDraft | None = Field(description="the whole new draft; null if the draft is correct")

    @model_validator(mode="after")
    def _says_one_or_the_other(self) -> SaidRefinement:
        if not self.correct and self.rewritten is None:
            raise ValueError("the draft is not called correct, so rewritten must hold a better one")
        return self


class Refinement(NamedTuple):
    """One turn: what was said of the draft, and the draft that follows; the same one where it was called correct."""

    feedback: str
    correct: bool
    draft: Draft


class SelfRefiner:
    """Criticises a draft and rewrites it, in one answer. `prompts` is a folder whose files replace ours.

    An answer that cannot be used becomes ``Draft(problem=…)``; `BudgetSpent` and `ModelFailed` are raised. It may ask
    `looks` times to be shown other files before it answers.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        name: str = "self-refine",
        temperature: float | None = 0.7,
        room: Room | None = None,
        looks: int = 3,
    ) -> None:
        self.model, self.name, self.temperature, self.looks = model, name, temperature, looks
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def refine(self, view: View, feedback: Sequence[str]) -> Refinement:
        """A turn about ``view.draft``. `feedback` is what it said in earlier turns, in order."""
        draft = view.draft
        assert draft is not None
        files = await asyncio.to_thread(look, view)
        asked: tuple[str, ...] = ()
        try:
            for turn in range(self.looks + 1):
                said = await self._say(view, draft, feedback, files, asked, last=turn == self.looks)
                wanted = said.rewritten.read if said.rewritten and said.rewritten.only_reads else []
                if said.correct or not wanted or files is None:
                    break
                asked = tuple(dict.fromkeys((*asked, *wanted)))
                view.emit("reading", {"files": list(wanted)})
        except AnswerUnusable as error:
            why = plain(f"the answer could not be used ({error.why}): {error}", MOST_FEEDBACK)
            return Refinement("", False, Draft(author=self.name, problem=why))
        return self._turn(draft, said)

    def _turn(self, draft: Draft, said: SaidRefinement) -> Refinement:
        told = plain(said.feedback, MOST_FEEDBACK)
        data: dict[str, Any] = {FEEDBACK: told, CORRECT: said.correct}
        if said.correct:
            return Refinement(told, True, draft.model_copy(update={"data": {**draft.data, **data}}))
        rewritten = said.rewritten
        assert rewritten is not None
        if rewritten.only_reads:
            problem = Draft(author=self.name, problem="it asked to read files again and rewrote nothing", data=data)
            return Refinement(told, False, problem)
        new = rewritten.draft(self.name)
        return Refinement(told, False, new.model_copy(update={"data": {**new.data, **data}}))

    async def _say(
        self,
        view: View,
        draft: Draft,
        feedback: Sequence[str],
        files: Files | None,
        asked: Sequence[str],
        *,
        last: bool,
    ) -> SaidRefinement:
        def build(room: Room) -> Request:
            system = self.prompts.fill(
                "self_refine_system", kinds=kinds_shown(view.offers, workspace=files is not None)
            )
            user = self.prompts.fill(
                "self_refine",
                goal=view.task.goal,
                inputs=inputs_section(view.task, view.secret, room.part(0.1)),
                checks=checks_section(view.task),
                files=_files(files, asked, room),
                notes=notes_section(view.notes, view.secret, room.part(0.05)),
                feedback=_feedback(feedback, view.secret, room.part(0.1)),
                draft=candidate_section(draft, view.changes, view.secret, room.part(0.2), "Your draft"),
                evidence=_evidence(view, room),
                now="You cannot ask for more files." if last and asked else "",
            )
            return Request(role="reviser", messages=messages(system, user), temperature=self.temperature)

        return await ask_for(view, self.model, SaidRefinement, build, self.room)


def _files(files: Files | None, asked: Sequence[str], room: Room) -> str:
    if files is None:
        return ""
    contents = section("Contents of files", files.contents(asked, room.part(0.3)))
    return section("Files", files.listing(room.part(0.08))) + "\n" + contents


def _feedback(feedback: Sequence[str], secret: str, most: int) -> str:
    told = "\n\n".join(f"{number}. {each}" for number, each in enumerate(feedback, 1) if each)
    return section("Your feedback so far", fence(cut(told, most), secret, "feedback")) if told else ""


def _evidence(view: View, room: Room) -> str:
    if not view.evidence:
        return ""
    return section("Evidence about your draft", show_evidence(view.evidence, view.secret, room.part(0.2)))
