"""Three roles that rewrite a tool's documentation from trials: explorer, analyser, rewriter.

After DRAFT (arXiv 2410.08197). What the tool answers, and the documentation as it was found, are data and fenced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, JsonValue, model_validator

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.fence import fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import messages, section
from revet.agents.chat.show import cut
from revet.agents.toolcare.made import call_meant
from revet.agents.toolcare.telling import HOME
from revet.models import LanguageModel, Request
from revet.tools.base import View

__all__ = ["Analyser", "Explorer", "Rewriter", "SaidQuery", "SaidRewriting", "SaidSuggestion"]

M = TypeVar("M", bound=BaseModel)


class SaidQuery(Said):
    """What a person could want of the tool, and the call that would answer it."""

    query: Text = Field(description="what somebody who knows nothing of the tool could ask, with all values in it")
    arguments: str = Field(description="the arguments of the call, a JSON object as text")

    @model_validator(mode="after")
    def _is_a_call(self) -> SaidQuery:
        call_meant("tool", self.arguments)
        return self

    @property
    def call(self) -> dict[str, JsonValue]:
        return dict(call_meant("tool", self.arguments).arguments)


class SaidSuggestion(Said):
    """What the documentation lacks or has wrong, as the trial shows it."""

    analysis: Text = Field(description="how what the tool did differs from what its documentation leads one to expect")
    suggestion: Text = Field(description="what to change in the documentation; how, not the changed text")


class SaidRewriting(Said):
    """The documentation, written anew."""

    documentation: str = Field(min_length=1, description="the whole documentation: what it does, takes and gives")
    explore: Text = Field(description="in which direction to explore next; no whole example")

    @model_validator(mode="after")
    def _says_something(self) -> SaidRewriting:
        if not self.documentation.strip():
            raise ValueError("the documentation is empty")
        return self


class _Role:
    """One of the three. `prompts` is a folder whose files replace ours."""

    role = ""

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

    async def _ask(self, view: View, shape: type[M], fill: Callable[[Room], Mapping[str, str]]) -> M:
        """An answer in the given shape. Raises `AnswerUnusable`, `BudgetSpent`, `ModelFailed`."""

        def build(room: Room) -> Request:
            system = self.prompts.fill(f"draft_tool_{self.role}_system")
            user = self.prompts.fill(f"draft_tool_{self.role}", **fill(room))
            return Request(role=self.role, messages=messages(system, user), temperature=self.temperature)

        return await ask_for(view, self.model, shape, build, self.room)


class Explorer(_Role):
    """Thinks of a query that the tool could answer, unlike those before it."""

    role = "explorer"

    async def query(
        self, view: View, tool: str, documentation: str, explored: Sequence[str], advice: str, refused: Sequence[str]
    ) -> SaidQuery:
        """The next query. `explored` were asked already, `refused` are too much like them."""

        def fill(room: Room) -> dict[str, str]:
            return {
                "tool": _documented(tool, documentation, view, room),
                "explored": _listed("Queries explored already", explored, view, room),
                "advice": section("Where to explore next", _fenced(advice, view, room, "advice")),
                "refused": _listed("Too much like those: think of something else", refused, view, room),
            }

        return await self._ask(view, SaidQuery, fill)


class Analyser(_Role):
    """Says what a trial shows of the documentation."""

    role = "analyser"

    async def suggestion(
        self, view: View, tool: str, documentation: str, trial: str, history: Sequence[str]
    ) -> SaidSuggestion:
        def fill(room: Room) -> dict[str, str]:
            return {
                "tool": _documented(tool, documentation, view, room),
                "trial": section("Trial", _fenced(trial, view, room, "trial")),
                "history": _listed("Earlier versions of the documentation", history, view, room),
            }

        return await self._ask(view, SaidSuggestion, fill)


class Rewriter(_Role):
    """Writes the documentation anew, and says what to find out next."""

    role = "rewriter"

    async def rewriting(
        self, view: View, tool: str, documentation: str, trial: str, suggestion: str, history: Sequence[str]
    ) -> SaidRewriting:
        def fill(room: Room) -> dict[str, str]:
            return {
                "tool": _documented(tool, documentation, view, room),
                "trial": section("Trial", _fenced(trial, view, room, "trial")),
                "suggestion": section("Suggestion", _fenced(suggestion, view, room, "suggestion")),
                "history": _listed("Earlier versions of the documentation", history, view, room),
            }

        return await self._ask(view, SaidRewriting, fill)


def _documented(tool: str, documentation: str, view: View, room: Room) -> str:
    return section(f"The tool {tool}", _fenced(documentation or "(nothing)", view, room, "documentation"))


def _listed(heading: str, texts: Sequence[str], view: View, room: Room) -> str:
    told = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
    return section(heading, _fenced(told, view, room, "list"))


def _fenced(text: str, view: View, room: Room, label: str) -> str:
    return fence(cut(text, room.part(0.25)), view.secret, label) if text else ""
