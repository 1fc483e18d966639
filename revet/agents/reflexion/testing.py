"""`Tester`: writes tests for a task from its goal alone, before anything is drafted."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.files import look
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import FEW, Said, Text
from revet.agents.chat.sections import inputs_section, messages, section
from revet.agents.reflexion.reflecting import HOME
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.tools.base import View
from revet.tools.own_tests import sound_tests

__all__ = ["SaidTests", "Tester"]


class SaidTests(Said):
    """Tests of what the task asks for. None where it asks for no program."""

    tests: list[Text] = Field(
        description="each complete Python: the imports that it needs, then assert statements", json_schema_extra=FEW
    )


class Tester:
    """Writes tests. It is shown the task and the files of the workspace, and no draft."""

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Path | str | None = None,
        temperature: float | None = 0.2,
        room: Room | None = None,
    ) -> None:
        self.model, self.temperature = model, temperature
        self.prompts, self.room = Prompts(prompts, home=HOME), room or Room()

    async def tests(self, view: View, most: int) -> tuple[str, ...]:
        """At most `most` tests that are sound Python; none where the answer cannot be used.

        Raises `BudgetSpent` and `ModelFailed`.
        """
        files = await asyncio.to_thread(look, view)

        def build(room: Room) -> Request:
            shown = files.contents((), room.part(0.6)) if files is not None else ""
            user = self.prompts.fill(
                "reflexion_tests",
                goal=view.task.goal,
                inputs=inputs_section(view.task, view.secret, room.part(0.2)),
                files=section("Contents of files", shown),
            )
            system = self.prompts.fill("reflexion_tests_system", most=str(most))
            return Request(role="tester", messages=messages(system, user), temperature=self.temperature)

        try:
            said = await ask_for(view, self.model, SaidTests, build, self.room)
        except AnswerUnusable as error:
            view.emit("untested", {"why": error.why})
            return ()
        return sound_tests(said.tests, most)
