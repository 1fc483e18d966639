"""Which answer stands when the rounds are over: the newest, as published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from revet.schema import Attempt
from revet.tools.base import View

__all__ = ["LastAnswer"]


class LastAnswer:
    """A judge that asks nobody: of attempts that the evidence cannot tell apart, the newest that gives an answer."""

    name = "critic/last"

    def __init__(self, gives_answer: Callable[[Attempt], bool]) -> None:
        self.gives_answer = gives_answer

    async def choose(self, view: View, attempts: Sequence[Attempt]) -> int | None:
        answering = [i for i, attempt in enumerate(attempts) if self.gives_answer(attempt)]
        return max(answering, key=lambda i: attempts[i].round, default=None)
