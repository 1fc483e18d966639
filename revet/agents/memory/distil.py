"""`ChatDistiller`: a language model that makes a lesson of what happened: shorter, and of use elsewhere."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import messages
from revet.agents.chat.show import cut
from revet.agents.memory.timely import within
from revet.errors import AnswerUnusable, BudgetSpent
from revet.models import LanguageModel, Request
from revet.schema import Note
from revet.tools.base import View

__all__ = ["HOME", "ChatDistiller", "SaidLesson"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST_LESSON = 1_200


class SaidLesson(Said):
    """What is worth remembering."""

    when: Text = Field(description="in which situation this helps")
    lesson: Text = Field(description="what to do, or not to do, then; and why")

    @model_validator(mode="after")
    def _says_something(self) -> SaidLesson:
        if not self.lesson.strip():
            raise ValueError("the lesson is empty")
        return self


class ChatDistiller:
    """Makes notes shorter. One that it cannot distil (no usable answer, a spent budget) stays as it is."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature, self.room = model, temperature, room or Room()
        self.prompts = prompts_of(prompts, HOME)

    async def distil(self, view: View, note: Note) -> Note:
        """The note with the lesson in place of what happened; its id stays."""
        try:
            asked = ask_for(view, self.model, SaidLesson, lambda room: self._request(view, note, room), self.room)
            said = await within(view, asked)
        except (AnswerUnusable, BudgetSpent) as error:
            view.emit("undistilled", {"note": note.id, "why": str(error)})
            return note
        when = plain(said.when, MOST_LESSON)
        text = (f"When: {when}\n" if when else "") + plain(said.lesson, MOST_LESSON)
        return note.model_copy(update={"text": text})

    def _request(self, view: View, note: Note, room: Room) -> Request:
        user = self.prompts.fill(
            "memory_distil",
            goal=fence(cut(view.task.goal, room.part(0.2)), view.secret, "goal"),
            kind=note.kind,
            happened=fence(cut(note.text, room.part(0.6)), view.secret, f"note:{note.kind}"),
        )
        system = self.prompts.fill("memory_distil_system")
        return Request(role="memory", messages=messages(system, user), temperature=self.temperature)
