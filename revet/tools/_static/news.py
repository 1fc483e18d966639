"""What of the things that a checker found is news: in the staged files and not in the files as they were.

Line numbers decide nothing. Two things are the same if the rule, what it says and the code at that place are; code
that moved to another place or another file is no news, and neither is a line that was edited round a fault it had.
Each thing before accounts for one after, so a fault that is there twice where it was there once is news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Fault", "context_of", "news"]


@dataclass(frozen=True)
class Fault:
    """What a checker says of a line: `rule` is its name there, `fix` what it would do about it.

    `mild`: it is of a kind that the rule grades higher than it is, for no program stops there.
    """

    path: str
    line: int
    rule: str
    message: str
    context: str = ""
    fix: str | None = None
    mild: bool = False


def context_of(lines: Sequence[str], line: int) -> str:
    """The code in a line (from 1) with its white space made even, or nothing for a line that there is not."""
    return " ".join(lines[line - 1].split()) if 0 < line <= len(lines) else ""


def news(before: Sequence[Fault], after: Sequence[Fault]) -> list[Fault]:
    """The faults of `after` for which there is none in `before`, in their order."""
    left, new = list(before), list(after)
    for same in (_as_it_was, _in_place, _edited, _moved):
        left, new = _without_pairs(left, new, same)
    return new


def _as_it_was(fault: Fault) -> Hashable:
    return fault.path, fault.rule, fault.message, fault.context


def _in_place(fault: Fault) -> Hashable:
    """What a checker says may name a line, or a type that changed elsewhere."""
    return fault.path, fault.rule, fault.context


def _edited(fault: Fault) -> Hashable:
    return fault.path, fault.rule, fault.message


def _moved(fault: Fault) -> Hashable:
    return fault.rule, fault.context


def _without_pairs(
    before: list[Fault], after: list[Fault], key: Callable[[Fault], Hashable]
) -> tuple[list[Fault], list[Fault]]:
    known, told = Counter(map(key, before)), Counter(map(key, after))
    return _beyond(before, key, told), _beyond(after, key, known)


def _beyond(faults: list[Fault], key: Callable[[Fault], Hashable], other: Mapping[Hashable, int]) -> list[Fault]:
    """The faults that are more than those of the other side with the same key."""
    left = dict(other)
    kept = []
    for fault in faults:
        name = key(fault)
        if left.get(name, 0):
            left[name] -= 1
        else:
            kept.append(fault)
    return kept
