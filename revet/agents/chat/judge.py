"""`ChatJudge`: a language model that chooses between attempts which the evidence cannot tell apart.

Models prefer what stands first, so each pair is shown in both orders, and a preference that changes with the order is
none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from revet.agents.chat.asking import Room, ask_for
from revet.agents.chat.prompts import Prompts, prompts_of
from revet.agents.chat.said import Said, Text
from revet.agents.chat.sections import candidate_section, inputs_section, messages, section
from revet.agents.chat.show import show_evidence
from revet.errors import AnswerUnusable, BudgetSpent
from revet.models import LanguageModel, Request
from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["ChatJudge", "SaidPreference"]


class SaidPreference(Said):
    """Which of two is better, after the reasons for it."""

    first: Text = Field(description="what speaks for and against the first solution")
    second: Text = Field(description="what speaks for and against the second solution")
    better: Literal["first", "second", "tie"]


class ChatJudge:
    """A judge. Of more than two attempts, the winner of one pair meets the next; the last one left is the choice.

    It cannot tell (None) where no attempt beats all that it met, where an answer cannot be used, and where the budget
    is spent. `ModelFailed` is raised.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        prompts: Prompts | Path | str | None = None,
        name: str = "chat-judge",
        temperature: float | None = 0.0,
        room: Room | None = None,
    ) -> None:
        self.model, self.name, self.temperature = model, name, temperature
        self.prompts, self.room = prompts_of(prompts), room or Room()

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        if len(attempts) < 2:
            return 0 if attempts else None
        try:
            return await self._tournament(view, attempts)
        except BudgetSpent as error:
            view.emit("undecided", {"why": str(error)})
            return None

    async def _tournament(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        """Whoever is left and has also won against those who were equal to somebody beaten later."""
        champion, equals = 0, list[tuple[int, int]]()
        for challenger in range(1, len(attempts)):
            winner = await self._match(view, attempts, champion, challenger)
            if winner is None:
                equals.append((champion, challenger))
            else:
                champion = winner
        for other, rival in equals:
            if other == champion or await self._match(view, attempts, champion, rival) != champion:
                return None
        return champion

    async def _match(self, view: View, attempts: Sequence[Attempt], one: int, other: int) -> int | None:
        """The better of two, if both orders agree on it."""
        forth = await self._preferred(view, attempts, one, other)
        if forth is None:
            return None
        back = await self._preferred(view, attempts, other, one)
        return forth if forth == back else None

    async def _preferred(self, view: View, attempts: Sequence[Attempt], first: int, second: int) -> int | None:
        def build(room: Room) -> Request:
            return self._request(view, attempts[first], attempts[second], room)

        try:
            said = await ask_for(view, self.model, SaidPreference, build, self.room)
        except AnswerUnusable:
            return None
        return {"first": first, "second": second, "tie": None}[said.better]

    def _request(self, view: View, first: Attempt, second: Attempt, room: Room) -> Request:
        user = self.prompts.fill(
            "judge",
            goal=view.task.goal,
            inputs=inputs_section(view.task, view.secret, room.part(0.1)),
            first=_solution("First solution", first, view.secret, room.part(0.45)),
            second=_solution("Second solution", second, view.secret, room.part(0.45)),
        )
        system = self.prompts.fill("judge_system")
        return Request(role="judge", messages=messages(system, user), temperature=self.temperature)


def _solution(heading: str, attempt: Attempt, secret: str, most: int) -> str:
    said = candidate_section(attempt.draft, attempt.changes, secret, most * 2 // 3, heading)
    if not attempt.evidence:
        return said
    return f"{said}\n" + section(
        f"Evidence about it ({heading.lower()})", show_evidence(attempt.evidence, secret, most // 3)
    )
