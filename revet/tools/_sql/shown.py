"""A result in words: bounded, and without what no record can hold."""

from __future__ import annotations

from typing import Any

from .model import Result

__all__ = ["types_of", "worded"]

MOST_ROWS, MOST_COLUMNS, LONGEST = 20, 50, 200
TYPES = {bool: "boolean", int: "integer", float: "real", str: "text", bytes: "blob", memoryview: "blob"}


def worded(result: Result) -> list[list[str]]:
    """The first rows. A blob is told by its size and beginning."""
    return [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in result.rows[:MOST_ROWS]]


def types_of(result: Result) -> list[str]:
    """What the columns hold, by the rows that were read: a type, several, or NULL."""
    held: list[dict[str, None]] = [{} for _ in result.columns]
    for row in result.rows[:1000]:
        for kinds, cell in zip(held, row, strict=False):
            if cell is not None:
                kinds[TYPES.get(type(cell), type(cell).__name__.lower())] = None
    return ["/".join(kinds) or "null" for kinds in held]


def _cell(cell: Any) -> str:
    if cell is None:
        return "NULL"
    if isinstance(cell, bytes | bytearray | memoryview):
        data = bytes(cell[:16])
        return f"x'{data.hex()}{'…' if len(cell) > 16 else ''}' ({len(cell)} bytes)"
    text = (cell if isinstance(cell, str) else str(cell)).replace("\0", "\\0")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
