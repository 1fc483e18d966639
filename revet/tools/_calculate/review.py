"""Every calculation of a text, judged: what is written out, and the calculator annotations ``<<40*4=160>>``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from revet.tools._calculate.chains import Link, links, marks_in
from revet.tools._calculate.customs import Context, excused
from revet.tools._calculate.judge import Judged, Verdict, judge, shown_of
from revet.tools._calculate.numbers import Shown, read_number, said
from revet.tools._calculate.terms import Term, names_in

__all__ = ["Checked", "review"]

AFTER = re.compile(r"\s*[$€£]?\s*(?P<number>-?(?:\d{1,3}(?: \d{3})+(?!\d)|[\d,]*\.?\d+))")


@dataclass(frozen=True)
class Checked:
    """One calculation: its place, as written, the verdict and what its left side comes to.

    `claimed` is the number on the right side where that is one. `kind`: ``annotation`` for the inside of one,
    ``copied`` where the text beside an annotation says another number than it.
    """

    start: int
    end: int
    text: str
    judged: Judged
    left: Term
    right: Term
    relation: str = "="
    kind: str = "written"

    @property
    def wrong(self) -> bool:
        return self.judged.verdict is Verdict.wrong

    @property
    def symbolic(self) -> bool:
        """Whether it is an equation in unknowns."""
        return bool(names_in(self.left) or names_in(self.right))

    @property
    def claimed(self) -> Shown | None:
        return shown_of(self.right)


def review(text: str) -> list[Checked]:
    """The calculations of the text in order of where they end."""
    rounded: dict[Fraction, Fraction] = {}
    marks = list(marks_in(text))
    found: list[Checked] = []
    context = Context(text)
    for start, inner, end in marks:
        inside = [_checked(inner, link, judge(link), start, "annotation") for link in links(inner)]
        found.extend(inside)
        if inside:
            found.extend(_copied(text, inside[-1], start, end))
    for link in links(text):
        if any(link.left.end <= start and end <= link.right.end for start, _, end in marks):
            continue  # the annotation says what was computed
        judged = judge(link, rounded)
        if judged.verdict is Verdict.wrong and excused(context, link, judged):
            judged = Judged(Verdict.unknown)
        found.append(_checked(text, link, judged, 0, "written"))
        claimed = shown_of(link.right.term)
        if judged.value is not None and claimed is not None and claimed.value != judged.value:
            rounded.setdefault(claimed.value, judged.value)
    return sorted(found, key=lambda each: (each.end, each.start))


def _checked(text: str, link: Link, judged: Judged, offset: int, kind: str) -> Checked:
    start, end = link.span
    if judged.verdict is Verdict.wrong and _whole_ones(link.right.term, judged):
        judged = Judged(Verdict.unknown, judged.true, judged.value)
    left, right = link.left.term, link.right.term
    return Checked(start + offset, end + offset, text[start:end], judged, left, right, link.relation, kind)


def _copied(text: str, inside: Checked, start: int, end: int) -> Iterator[Checked]:
    """The number after an annotation, where it is not the annotation's result in any rounding or without its sign."""
    after, result = AFTER.match(text, end), inside.claimed
    shown = read_number(after["number"].lstrip("-")) if after is not None else None
    if after is None or shown is None or result is None:
        return
    size = abs(result.value)
    if shown.shows(size) or shown.value in (math.floor(size), math.ceil(size)) or shown.value == size * 100:
        return
    span = start - 2, after.end()
    judged = Judged(Verdict.wrong, said(result.value), result.value)
    yield Checked(*span, text[slice(*span)], judged, inside.left, inside.right, "=", "copied")


def _whole_ones(right: Term, judged: Judged) -> bool:
    """Whether a result was cut or raised to a whole number, as one counts boxes or trips."""
    claimed = shown_of(right)
    if claimed is None or claimed.decimals or judged.value is None or judged.value.denominator == 1:
        return False
    return claimed.value in (math.floor(judged.value), math.ceil(judged.value))
