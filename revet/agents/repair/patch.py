"""Edits on source text, and the candidate repairs made of them.

An edit replaces a slice of the text; all outside it (formatting, comments, line endings) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from revet.errors import InputError

__all__ = ["Candidate", "Edit", "apply", "describe", "overlap", "token_distance", "trim"]

_TOKEN = re.compile(r"\w+|\*\*=?|//=?|<<=?|>>=?|[-+*/%&|^<>=!:@]=|->|\s+|.", re.DOTALL)
_MAX_DESCRIPTION = 160


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replaces ``source[start:end]`` by `text`; offsets count characters of the str, not bytes."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible repair of one file."""

    path: str
    edits: tuple[Edit, ...]
    operator: str
    """The family of the change, e.g. ``comparison``; two families are joined by ``+``."""
    line: int
    """Where it changes the file (of the original source, from 1)."""
    description: str
    """For people: the changed lines before and after, e.g. ``n ^= n - 1 → n &= n - 1``."""
    size: int
    """Token-level edit distance to the original; smaller is better."""
    prior: float
    """How likely this operator on this kind of code is a fix (0..1), before localisation."""
    weight: float
    """What the order goes by: prior, suspicion, size, less for rivals; comparable between files."""
    function: str | None
    """Qualified name of the function or method that holds all edits in its body, else None.

    Exchanging the code of that one function has then the same effect as reloading the file.
    """


def apply(source: str, edits: Iterable[Edit]) -> str:
    """The source with the edits made. They must lie inside it and not overlap; their order does not matter.

    Raises `InputError` if they do not fit.
    """
    parts: list[str] = []
    position = 0
    for edit in sorted(edits):
        if edit.start < position or edit.end < edit.start or edit.end > len(source):
            raise InputError(
                f"edit {edit.start}:{edit.end} overlaps another or lies outside the {len(source)} characters",
                hint="apply edits to the very source that they were made for",
            )
        parts += (source[position : edit.start], edit.text)
        position = edit.end
    parts.append(source[position:])
    return "".join(parts)


def overlap(left: Sequence[Edit], right: Sequence[Edit]) -> bool:
    """True if the two sets of edits touch the same characters, or insert at the same place."""
    return any(
        max(a.start, b.start) < min(a.end, b.end)
        or a.start == b.start
        or (a.start == a.end and b.start < a.start < b.end)
        or (b.start == b.end and a.start < b.start < a.end)
        for a in left
        for b in right
    )


def trim(source: str, edit: Edit) -> Edit:
    """The same edit without the characters that it would replace by themselves."""
    old, new = source[edit.start : edit.end], edit.text
    limit = min(len(old), len(new))
    head = 0
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return Edit(edit.start + head, edit.end - tail, new[head : len(new) - tail])


def token_distance(old: str, new: str) -> int:
    """Levenshtein distance in tokens; at least 1 for texts that differ.

    White space and parentheses do not count: a call wrapped round a value is one thing added, not three.
    """
    if old == new:
        return 0
    left, right = ([t for t in _TOKEN.findall(text) if t not in "()" and not t.isspace()] for text in (old, new))
    while left and right and left[0] == right[0]:
        del left[0], right[0]
    while left and right and left[-1] == right[-1]:
        del left[-1], right[-1]
    if min(len(left), len(right)) <= 1 or len(left) * len(right) > 10_000:
        shared = 1 if (len(left) == 1 and left[0] in right) or (len(right) == 1 and right[0] in left) else 0
        return max(1, max(len(left), len(right)) - shared)
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return max(1, row[-1])


def describe(source: str, edits: Sequence[Edit]) -> str:
    """The changed lines before and after, in one line: ``old → new``, ``+ inserted``, ``- deleted``."""
    lines: list[str] = []
    for first, last, group in _by_line(source, edits):
        shifted = [Edit(e.start - first, e.end - first, e.text) for e in group]
        before = source[first:last].splitlines()
        after = apply(source[first:last], shifted).splitlines()
        while before and after and before[0] == after[0]:
            del before[0], after[0]
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        old, new = (" ⏎ ".join(" ".join(x.split()) for x in side if x.strip()) for side in (before, after))
        lines.append(f"{old} → {new}" if old and new else f"+ {new}" if new else f"- {old}" if old else "white space")
    text = "; ".join(lines)
    return text if len(text) <= _MAX_DESCRIPTION else text[: _MAX_DESCRIPTION - 1] + "…"


def _by_line(source: str, edits: Sequence[Edit]) -> list[tuple[int, int, list[Edit]]]:
    """Groups the edits that share lines, each with the offsets of those whole lines."""
    groups: list[tuple[int, int, list[Edit]]] = []
    for edit in sorted(edits):
        first = source.rfind("\n", 0, edit.start) + 1
        stop = source.find("\n", edit.end)
        last = len(source) if stop < 0 else stop
        if groups and first <= groups[-1][1]:
            start, end, members = groups[-1]
            groups[-1] = (start, max(end, last), [*members, edit])
        else:
            groups.append((first, last, [edit]))
    return groups
