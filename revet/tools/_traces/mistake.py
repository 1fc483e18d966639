"""What a verifier of step traces says: where the first mistake is, or that there is none, or that it cannot read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Mistake", "Traced"]


@dataclass(frozen=True)
class Mistake:
    """The first wrong step, counted from 0, what is wrong with it and what is true instead."""

    step: int
    claim: str
    suggestion: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True)
class Traced:
    """The outcome of a trace that could be read: `mistake` is None where every step follows."""

    kind: str
    mistake: Mistake | None = None
