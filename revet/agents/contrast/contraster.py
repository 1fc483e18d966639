"""`Contraster`: thinks of perspectives on a task, finds where two results differ, and makes a checklist of that.

After Self-Contrast (arXiv 2401.02009): what a model says of its own result is stubborn or random; where results from
different perspectives differ, there is something to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, model_validator

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.critic import plain
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import FEW, Said, Text
from revet.agents.chat.sections import candidate_section, checks_section, inputs_section, messages, section
from revet.agents.chat.show import cut, show_evidence
from revet.errors import AnswerUnusable
from revet.models import LanguageModel, Request
from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["HOME", "PERSPECTIVES", "Contraster", "SaidChecklist", "SaidDifferences", "SaidPerspectives"]

HOME = Path(__file__).resolve().parent / "prompts"
MOST_TEXT, MOST_ITEMS = 600, 12

PERSPECTIVES = (
    "Work forward from what is given, one small step after another, and check each result before using it.",
    "Work backward: say what the result must satisfy, then find what satisfies it.",
    "Take one concrete example or a special case, see what is right there, then do the general case the same way.",
    "Look for what is easily overlooked: units, limits, empty and extreme cases, words with a second meaning.",
    "Set the problem up in another form (a table, an equation, a picture in words), and solve it there.",
)
"""Ours, for a model whose own cannot be used."""


class SaidPerspectives(Said):
    """Ways to go about a task that differ from each other."""

    perspectives: list[Text] = Field(json_schema_extra={**FEW, "minItems": 2})

    @model_validator(mode="after")
    def _differ(self) -> SaidPerspectives:
        if len(_distinct(self.perspectives)) < 2:
            raise ValueError("give at least two perspectives that differ")
        return self


class SaidDifferences(Said):
    """Where two results differ in substance, and what may be the reason."""

    differences: list[Text] = Field(json_schema_extra=FEW)


class SaidChecklist(Said):
    """What to look at again, each an instruction."""

    items: list[Text] = Field(json_schema_extra={**FEW, "minItems": 1})

    @model_validator(mode="after")
    def _asks_something(self) -> SaidChecklist:
        if not _distinct(self.items):
            raise ValueError("the checklist is empty")
        return self


class Contraster:
    """Three questions to one model. `ModelFailed` and `BudgetSpent` are raised."""

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

    async def perspectives(self, view: View, most: int) -> list[str]:
        """From 2 to `most` ways to go about the task; ours, where the answer cannot be used."""

        def build(room: Room) -> Request:
            return self._request("perspectives", "contrast_perspectives", self._task(view, room), most=str(most))

        try:
            said = await ask_for(view, self.model, SaidPerspectives, build, self.room)
        except AnswerUnusable:
            return [*PERSPECTIVES[:most]]
        return _distinct(said.perspectives)[:most]

    async def differences(self, view: View, one: Attempt, other: Attempt) -> list[str]:
        """Where two results differ; nothing, where the answer cannot be used."""

        def build(room: Room) -> Request:
            shown = {
                name: _result(heading, attempt, view.secret, room.part(0.35))
                for name, heading, attempt in (("first", "First result", one), ("second", "Second result", other))
            }
            return self._request("contrast", "contrast_pair", {**self._task(view, room), **shown})

        try:
            said = await ask_for(view, self.model, SaidDifferences, build, self.room)
        except AnswerUnusable:
            return []
        return _distinct(said.differences)[:MOST_ITEMS]

    async def checklist(self, view: View, differences: Sequence[str]) -> list[str]:
        """What to look at again because of these differences; they themselves, where the answer cannot be used."""

        def build(room: Room) -> Request:
            listed = "\n".join(f"- {each}" for each in differences)
            shown = section("Differences", fence(cut(listed, room.part(0.5)), view.secret, "differences"))
            return self._request("checklist", "contrast_checklist", {**self._task(view, room), "differences": shown})

        try:
            said = await ask_for(view, self.model, SaidChecklist, build, self.room)
        except AnswerUnusable:
            return [*differences][:MOST_ITEMS]
        return _distinct(said.items)[:MOST_ITEMS]

    def _task(self, view: View, room: Room) -> dict[str, str]:
        return {
            "goal": view.task.goal,
            "inputs": inputs_section(view.task, view.secret, room.part(0.2)),
            "checks": checks_section(view.task),
        }

    def _request(self, role: str, prompt: str, shown: dict[str, str], **system: str) -> Request:
        user = self.prompts.fill(prompt, **shown)
        told = messages(self.prompts.fill(f"{prompt}_system", **system), user)
        return Request(role=role, messages=told, temperature=self.temperature)


def _result(heading: str, attempt: Attempt, secret: str, most: int) -> str:
    shown = candidate_section(attempt.draft, attempt.changes, secret, most * 2 // 3, heading)
    if not attempt.evidence:
        return shown
    return f"{shown}\n" + section(
        f"Evidence about it ({heading.lower()})", show_evidence(attempt.evidence, secret, most // 3)
    )


def _distinct(texts: Sequence[str]) -> list[str]:
    said = (" ".join(plain(text, MOST_TEXT).split()) for text in texts)
    return [*dict.fromkeys(text for text in said if text)]
