"""A language model as the judge of a critique's units: which of them are true of the answer that it speaks of."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.fence import fence
from revet.agents.chat.said import MANY, Number, Said, Text
from revet.agents.chat.sections import messages, section
from revet.agents.chat.show import cut
from revet.errors import AnswerUnusable
from revet.evals.critics.asked import draft_view
from revet.models import LanguageModel, Request
from revet.schema import Usage

__all__ = ["SaidTruth", "SaidTruths", "UnitJudge"]

SYSTEM = (
    "You examine a critique of an answer. The critique is taken apart into units, each one statement. Say of each unit "
    "whether it is true of the question and the answer. Judge the statement alone: not how it is put, and not whether "
    "it helps."
)


class SaidTruth(Said):
    """The verdict on one unit, after the reason for it."""

    unit: Number = Field(description="its number, from 0")
    reason: Text
    true: bool


class SaidTruths(Said):
    """The verdicts on all units, in order."""

    units: list[SaidTruth] = Field(json_schema_extra=MANY)


class UnitJudge:
    """Asks the model once for all units of a critique.

    A unit of which it says nothing, or both, has no verdict (None); so has every unit where the answer cannot be used.
    `ModelFailed` is raised.
    """

    def __init__(self, model: LanguageModel, *, temperature: float | None = 0.0) -> None:
        self.model, self.temperature = model, temperature

    async def __call__(self, question: str, response: str, units: Sequence[str]) -> tuple[Sequence[bool | None], Usage]:
        if not units:
            return [], Usage()
        view = draft_view(question, answer=response)
        try:
            said = await ask_for(
                view, self.model, SaidTruths, lambda room: self._request(question, response, units, view.secret, room)
            )
        except AnswerUnusable:
            return [None] * len(units), view.account.usage
        verdicts: dict[int, set[bool]] = {}
        for each in said.units:
            verdicts.setdefault(each.unit, set()).add(each.true)
        known = [verdicts.get(n, set()) for n in range(len(units))]
        return [next(iter(told)) if len(told) == 1 else None for told in known], view.account.usage

    def _request(self, question: str, response: str, units: Sequence[str], secret: str, room: Room) -> Request:
        listed = "\n".join(f"{n}. {unit}" for n, unit in enumerate(units))
        user = "\n".join(
            [
                section("Question", fence(cut(question, room.part(0.3)), secret, "question")),
                section("Answer", fence(cut(response, room.part(0.3)), secret, "answer")),
                section("Units of the critique", fence(cut(listed, room.part(0.4)), secret, "units")),
            ]
        )
        return Request(role="critic", messages=messages(SYSTEM, user), temperature=self.temperature)
