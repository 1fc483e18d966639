"""`DoubtingModel`: a model that reasons before it answers, and is made to doubt its reasoning at growing budgets.

ID-Sampling (Chen, Koenig and Dilkina 2025, arXiv 2502.05449): a sentence that begins the correction is put in whenever
the budget of tokens is used up, and each budget is a multiple of the one before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from revet.agents.chat.prompts import Prompts
from revet.models import Account, LanguageModel, Message, Request

__all__ = ["DoubtingModel"]

HOME = Path(__file__).resolve().parent / "prompts"
T = TypeVar("T", bound=BaseModel)


class DoubtingModel(LanguageModel):
    """`model`, asked for its reasoning first. It is told `doubts` times that it may have made a mistake.

    The reasoning before the first doubt may take `budget` tokens, and after each doubt `growth` times as many as before
    it. `prompts` is a folder whose files replace ours. Answers in free text are what `model` says.
    """

    def __init__(
        self,
        model: LanguageModel,
        *,
        doubts: int = 2,
        budget: int = 512,
        growth: float = 2.0,
        prompts: Path | str | None = None,
    ) -> None:
        super().__init__(
            model.backend,
            fallbacks=model.fallbacks,
            retries=model.retries,
            prices=model.prices,
            recorder=model.recorder,
        )
        self.limits = model.limits
        self.doubts, self.budget, self.growth = doubts, budget, growth
        self.prompts = Prompts(prompts, home=HOME)

    async def parse(self, request: Request, shape: type[T], account: Account) -> T:
        """An answer in the given shape, that follows from the reasoning. Raises what `LanguageModel.parse` raises."""
        talk = [*request.messages, self._said("sampling_think")]
        for number in range(self.doubts + 1):
            tokens = round(self.budget * self.growth**number)
            asked = request.model_copy(update={"messages": tuple(talk), "max_tokens": tokens})
            thought = await self.ask(asked, account)
            last = number == self.doubts
            talk.append(Message(role="assistant", text=thought.text or "…"))
            talk.append(self._said("sampling_conclude" if last else "sampling_doubt"))
        return await super().parse(request.model_copy(update={"messages": tuple(talk)}), shape, account)

    def _said(self, prompt: str) -> Message:
        return Message(role="user", text=self.prompts.fill(prompt))
