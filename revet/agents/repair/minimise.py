"""Leaves out of a repair what it does not need: edits of an earlier step that a later one made superfluous."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from difflib import SequenceMatcher

__all__ = ["hunks", "minimised"]

Replacement = tuple[int, int, str]


def hunks(original: str, final: str) -> list[Replacement]:
    """The changed stretches of whole lines, as (start, end, text) in characters of `original`."""
    old, new = original.splitlines(keepends=True), final.splitlines(keepends=True)
    offsets = [0]
    for line in old:
        offsets.append(offsets[-1] + len(line))
    matcher = SequenceMatcher(a=old, b=new, autojunk=False)
    return [
        (offsets[i1], offsets[i2], "".join(new[j1:j2]))
        for tag, i1, i2, j1, j2 in matcher.get_opcodes()
        if tag != "equal"
    ]


async def minimised(
    original: str, final: str, passes: Callable[[Sequence[Replacement]], Awaitable[bool]]
) -> list[Replacement]:
    """The hunks of `final` without those that `passes` does not miss, tried one after another from the top.

    One pass of the greedy half of delta debugging (Zeller, Hildebrandt 2002): a repair has few hunks.
    """
    kept = hunks(original, final)
    for hunk in list(kept):
        rest = [h for h in kept if h is not hunk]
        if rest and await passes(rest):
            kept = rest
    return kept
