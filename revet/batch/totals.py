"""What a whole batch may spend, and what it has."""

from __future__ import annotations

from dataclasses import dataclass

from revet.errors import InputError

__all__ = ["Totals"]


@dataclass(frozen=True)
class Totals:
    """The most of a batch: `tokens` of models, `cost` in US dollars, `seconds` of wall time. None is no limit."""

    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("tokens", "cost", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise InputError(f"--total-{name}: must be above 0, but is {value}")
