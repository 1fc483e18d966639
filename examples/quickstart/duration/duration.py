"""Durations as people write them: ``1h30m``, ``-2d 4h``, ``1.5h``.

Used for time sheets (``+45m`` of overtime, ``-1h`` taken off) and for the timeouts in configuration files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([dhms])\s*")


class BadDuration(ValueError):
    """The text is not a duration."""


def parse(text: str) -> timedelta:
    """Reads a duration: an optional sign, then amounts with their units from large to small.

    Capitals and blanks between the parts do not matter. Raises `BadDuration` if a unit is missing, unknown,
    repeated or out of order.
    """
    rest = text.strip().lower()
    if rest[:1] in ("+", "-"):
        rest = rest[1:].lstrip()
    negative = rest.startswith("-")
    seconds = 0.0
    smallest: int | None = None
    if not rest:
        raise BadDuration(f"no duration in {text!r}")
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise BadDuration(f"cannot read {rest!r} in {text!r}")
        amount, unit = part.groups()
        if smallest is not None and SECONDS[unit] >= smallest:
            raise BadDuration(f"{unit!r} is repeated or out of order in {text!r}")
        smallest = SECONDS[unit]
        seconds += float(amount) * smallest
        rest = rest[part.end() :]
    return timedelta(seconds=-seconds if negative else seconds)


def render(duration: timedelta) -> str:
    """Writes a duration so that `parse` reads it again; fractions of a second are cut off."""
    total = int(duration.total_seconds())
    if total == 0:
        return "0s"
    sign = "-" if total < 0 else ""
    total = abs(total)
    parts = []
    for unit, size in SECONDS.items():
        amount, total = divmod(total, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return sign + " ".join(parts)


def balance(entries: Iterable[str]) -> str:
    """The sum of a time sheet's entries; blank entries count as nothing."""
    return render(sum((parse(entry) for entry in entries if entry.strip()), timedelta()))
