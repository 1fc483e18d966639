"""What a measurement is: a data set, what is measured on it, and how."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from revet.evals.figures import Figure
from revet.evals.source import Source

__all__ = ["Measurement", "Progress"]

Progress = Callable[[int, int], None]
"""Told how many of how many cases are done."""


@dataclass(frozen=True)
class Measurement:
    """`run` reads the rows of `set` from a source and measures. `about` says in a sentence what the value means."""

    set: str
    measure: str
    about: str
    target: float
    run: Callable[[Source, Progress], Coroutine[Any, Any, Figure]]
