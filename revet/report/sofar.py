"""How far a run is that has not ended, in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from revet.report.text import duration
from revet.schema import utcnow

if TYPE_CHECKING:
    from revet.graphs.progress import SoFar

__all__ = ["ago", "at_work", "step_line"]

WORK = {
    "at work": "A process is at work on it",
    "stopped": "No process is at work on it",
    "unknown": "Whether a process is at work on it cannot be known here",
}


def step_line(known: SoFar, *, goes_on: bool) -> str:
    """``Round 2: it hears the critics.``; of one that nobody is at work on, that it broke off there."""
    answered = goes_on and known.step in ("ask", "listen")
    at = "It takes up the answer." if answered else f"Round {known.round + 1}: it {known.doing}."
    return at if goes_on else f"It broke off. {at}"


def at_work(known: SoFar) -> str:
    """Whether a process is at work on it, and when something of it was last written down."""
    changed = f"; its last step ended {ago(known.changed_at)} ago" if known.changed_at else ""
    return f"{WORK[known.work]}{changed}."


def ago(when: datetime) -> str:
    """How long ago that was; nothing less than 0, for clocks differ."""
    return duration(max(0.0, (utcnow() - when).total_seconds()))
