"""A request that was not recorded: which recorded one comes nearest to it, and where the two first differ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from revet.errors import ReplayMiss
from revet.models.alike import masked_lines
from revet.models.described import described, quoted
from revet.models.recording import Recorded
from revet.models.wire import Request

__all__ = ["miss"]

SHOWN = 160
HINT = "record it again with --record FILE; a recording answers only what was asked when it was made"


def miss(path: Path, recorded: Sequence[Recorded], request: Request) -> ReplayMiss:
    """The error for `request`, to which `recorded` has no answer."""
    # First what was asked, then where: a long path leaves room for it where only the beginning is shown.
    said = f"no answer was recorded to {described(request)}\n  in the recording {path}"
    if not recorded:
        return ReplayMiss(f"{said}, which holds no answers at all", hint=HINT)
    nearest = _nearest(recorded, request)
    there = nearest.exchange.request
    near = f"the nearest is in line {nearest.line} (of the {there.role})"
    return ReplayMiss(f"{said}\n  {near}; {_difference(there, request)}", hint=HINT)


def _nearest(recorded: Sequence[Recorded], request: Request) -> Recorded:
    """Of the same role if there is any, and with the most lines in common."""
    lines = _lines(request)
    same = [one for one in recorded if one.exchange.role == request.role]

    def near(one: Recorded) -> tuple[float, int]:
        its = _lines(one.exchange.request)
        return len(lines & its) / (len(lines | its) or 1), -one.line

    return max(same or recorded, key=near)


def _lines(request: Request) -> set[str]:
    return {line for message in request.messages for line in masked_lines(message.text)}


def _difference(there: Request, asked: Request) -> str:
    """Where two requests first differ, besides what varies from run to run."""
    if there.role != asked.role:
        return f"no request of the {asked.role} was recorded"
    for number, (a, b) in enumerate(zip(there.messages, asked.messages, strict=False), start=1):
        if a.role != b.role:
            return f"message {number} was of the {a.role} there, and is of the {b.role} here"
        pairs = zip_longest(masked_lines(a.text), masked_lines(b.text))
        for line, (was, now) in enumerate(pairs, start=1):
            if was != now:
                where = f"they first differ in message {number} ({a.role}), line {line}"
                return f"{where}:\n    recorded: {_shown_line(was)}\n    asked:    {_shown_line(now)}"
        if a != b and a.text == b.text:
            return f"they differ in the images or the tool calls of message {number} ({a.role})"
    if len(there.messages) != len(asked.messages):
        return f"it has {len(there.messages)} messages, and this one {len(asked.messages)}"
    for name in ("answer", "form", "tools", "temperature", "max_tokens", "stop", "seed"):
        was, now = getattr(there, name), getattr(asked, name)
        if was != now:
            return f"they differ in {name}: {_shown(str(was))} there, {_shown(str(now))} here"
    return "they differ in names: a folder or an id of one stands for two of the other"


def _shown_line(line: str | None) -> str:
    return "(nothing)" if line is None else _shown(line)


def _shown(text: str) -> str:
    return quoted(text, SHOWN)
