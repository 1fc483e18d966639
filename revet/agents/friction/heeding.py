"""Models keep to answers that were refused, however good the feedback. More rounds, more heat, and a list of no-goes.

After Feedback Friction (Jiang et al. 2025, arXiv 2506.11930; JHU-CLSP/Feedback-Friction): ten rounds; in round n the
temperature is ``min(0.15 · n, 1.5)``; the answers that were tried are listed, and others asked for.

It works on what a method asks for, and so with every method: whoever asks a `HeedingModel` in the role of the reviser,
while a `HeedingReviser` or a `HeedingStrategy` lets it speak, asks hotter and with the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pydantic import Field

from revet.agents.base import Choice, Reviser, Strategy
from revet.agents.chat.fence import ABOUT_FENCES, fence
from revet.agents.chat.prompts import Prompts
from revet.agents.chat.show import cut, share
from revet.models import LanguageModel, Message, Reply, Request
from revet.models.account import Account
from revet.schema import Attempt, Critique, Draft, Model
from revet.tools.base import View

__all__ = ["Friction", "HeedingModel", "HeedingReviser", "HeedingStrategy"]

HOME = Path(__file__).resolve().parent / "prompts"
ROLE = "reviser"
MOST, LEAST = 6_000, 120
USUAL = 1.0
"""What a model's own temperature is taken to be."""

_heard: ContextVar[View | None] = ContextVar("_heard", default=None)
"""What whoever revises is shown, while they do."""


class Friction(Model):
    """How revisions are kept from repeating what was refused. The defaults are as published."""

    rounds: int = Field(default=10, ge=1, description="revisions, unless they are set elsewhere or are more")
    step: float = Field(default=0.15, ge=0, le=2, description="temperature for each round")
    cap: float = Field(default=1.5, ge=0, le=2, description="the highest temperature that this comes to")
    forbid: bool = Field(default=True, description="list the answers that were refused, and forbid them")

    def temperature(self, usual: float | None, number: int) -> float | None:
        """The temperature in round `number` (1 is the first revision), never below what the method asks for.

        None, the model's own, counts as 1 and stays for as long as that is no less.
        """
        wanted = round(min(self.step * number, self.cap), 4)
        if usual is None:
            return wanted if wanted > USUAL else None
        return max(usual, wanted)


class HeedingModel(LanguageModel):
    """`model`, with the same limits, prices and recorder. What revisers ask is changed as `friction` says."""

    def __init__(self, model: LanguageModel, friction: Friction, prompts: Path | str | None = None) -> None:
        super().__init__(
            model.backend,
            fallbacks=model.fallbacks,
            retries=model.retries,
            prices=model.prices,
            recorder=model.recorder,
        )
        self.limits = model.limits
        self.model, self.friction, self.prompts = model, friction, Prompts(prompts, home=HOME)

    async def ask(self, request: Request, account: Account) -> Reply:
        view = _heard.get()
        if view is not None and request.role == ROLE:
            request = self._heeding(request, view)
        return await self.model.ask(request, account)

    def _heeding(self, request: Request, view: View) -> Request:
        heat = self.friction.temperature(request.temperature, view.round + 1)
        told = list(request.messages)
        tried = self._tried(request, view) if self.friction.forbid else ""
        if tried:
            last = told.pop() if told and told[-1].role == "user" else Message(role="user", text="")
            text = f"{last.text}\n\n{self.prompts.fill('friction', tried=tried)}".strip()
            told.append(last.model_copy(update={"text": text}))
        return request.model_copy(update={"temperature": heat, "messages": tuple(told)})

    def _tried(self, request: Request, view: View) -> str:
        """The answers that were refused, fenced, without those that the request lists itself. The last come first."""
        said = "\n".join(message.text for message in request.messages)
        new = [a for a in _refused(view.attempts) if f" attempt:{a.round}⟧" not in said][::-1][: MOST // LEAST]
        texts = [_told(attempt.draft) for attempt in new]
        shares = share([len(text) for text in texts], MOST)
        parts = [
            fence(cut(text, most), view.secret, f"tried:{attempt.round}")
            for attempt, text, most in zip(new, texts, shares, strict=True)
        ]
        about = [ABOUT_FENCES] if parts and ABOUT_FENCES not in said else []
        return "\n".join([*about, *parts])


class HeedingReviser:
    """`reviser`; what it asks a `HeedingModel` for heeds what was tried."""

    def __init__(self, reviser: Reviser) -> None:
        self.reviser, self.name = reviser, reviser.name

    async def revise(self, view: View, critique: Critique) -> Draft:
        with _heeding(view):
            return await self.reviser.revise(view, critique)


class HeedingStrategy:
    """`strategy`; what its revisers ask a `HeedingModel` for heeds what was tried in the whole run."""

    def __init__(self, strategy: Strategy) -> None:
        self.strategy, self.name, self.selects = strategy, strategy.name, strategy.selects

    async def drafts(self, view: View) -> Sequence[Draft]:
        with _heeding(view):
            return await self.strategy.drafts(view)

    def wants_more(self, attempts: Sequence[Attempt]) -> str | None:
        return self.strategy.wants_more(attempts)

    async def choose(self, view: View, candidates: Sequence[Attempt]) -> Choice:
        return await self.strategy.choose(view, candidates)


@contextmanager
def _heeding(view: View) -> Iterator[None]:
    """While it lasts, revisers of this task (and those they start) are known to see `view`."""
    token = _heard.set(view)
    try:
        yield
    finally:
        _heard.reset(token)


def _refused(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that are drafts and were refused when they were seen last, each draft once.

    One that is held back while its method wants more was not refused: it may be the answer.
    """
    last = {a.draft.id: a for a in attempts if not a.draft.gives_up and a.draft.problem is None}
    refused = [a for a in last.values() if a.decision is None or not a.decision.held]
    return sorted(refused, key=lambda attempt: attempt.round)


def _told(draft: Draft) -> str:
    actions = [action.model_dump_json(exclude_none=True) for action in draft.actions]
    return "\n".join([*([draft.answer] if draft.answer is not None else []), *actions])
