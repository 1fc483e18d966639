"""What a critic of the collective offers: a few points, and the one that it thinks most worth hearing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from revet.tools.base import View

__all__ = ["Leads", "Offer", "Seat"]


class Offer(NamedTuple):
    """`pick` is the place of the point that is put to the leader."""

    critic: str
    points: tuple[str, ...]
    pick: int

    @property
    def picked(self) -> str:
        return self.points[self.pick]


class Seat(Protocol):
    """A critic of the collective. `waits`: it is a person, who is asked when the models have spoken."""

    name: str
    waits: bool

    async def offer(self, view: View, persona: str, points: int) -> Offer | None:
        """`points` points and one of them; None for nothing that can be used. `persona` is data, "" for none."""
        ...


class Leads(Protocol):
    """Who picks one of all."""

    async def pick(self, view: View, offers: Sequence[Offer], persona: str) -> int | None:
        """The place of one of `offers`; None for none that can be used."""
        ...
