"""Asking within the model's context: a prompt that is too long is built again with half the room, and that is said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from revet.errors import ContextOverflow
from revet.models import LanguageModel, Reply, Request
from revet.tools.base import View

__all__ = ["Room", "ask_for", "ask_freely", "within_context"]

TRIES = 6
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Room:
    """How many characters of a prompt everything that can be shortened may take: files, evidence, history."""

    characters: int = 80_000

    def part(self, fraction: float) -> int:
        return int(self.characters * fraction)

    @property
    def half(self) -> Room:
        return Room(self.characters // 2)


async def ask_for(
    view: View, model: LanguageModel, shape: type[M], build: Callable[[Room], Request], room: Room | None = None
) -> M:
    """An answer in the given shape. Raises what `LanguageModel.parse` raises, `ContextOverflow` as the last resort."""
    return await within_context(view, build, lambda request: model.parse(request, shape, view.account), room)


async def ask_freely(
    view: View, model: LanguageModel, build: Callable[[Room], Request], room: Room | None = None
) -> Reply:
    """A reply in free text. Raises what `LanguageModel.ask` raises, `ContextOverflow` as the last resort."""
    return await within_context(view, build, lambda request: model.ask(request, view.account), room)


async def within_context(
    view: View, build: Callable[[Room], Request], ask: Callable[[Request], Awaitable[T]], room: Room | None = None
) -> T:
    """Ask what `build` makes; while the model's context is too small, what it makes with half the room.

    Each time, ``view.emit("shortened", {"role", "characters", "from"})`` says so. Gives up when there is nothing
    left to shorten.
    """
    room = room or Room()
    request = build(room)
    for _ in range(TRIES):
        try:
            return await ask(request)
        except ContextOverflow:
            shorter = build(room.half)
            if shorter.digest == request.digest:
                raise
            view.emit("shortened", {"role": request.role, "characters": room.half.characters, "from": room.characters})
            room, request = room.half, shorter
    return await ask(request)
