"""Verifies the steps of a computation of one expression: names for parts of it, their values, the result.

Each step is held against the expression itself and against what earlier steps said: a name must stand for a part of
it and keep its value, every equation must hold exactly, and the answer must be the last value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction

from revet.tools._calculate.chains import Link, links
from revet.tools._calculate.judge import shown_of
from revet.tools._calculate.numbers import said
from revet.tools._calculate.parse import NotReadable, calculates, read_whole
from revet.tools._calculate.terms import Name, Term, Undefined, evaluate, names_in
from revet.tools._calculate.tokens import tokens
from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["verify_sum"]

ANSWER = re.compile(r"answer is:?\s*\$?(-?[\d,]+(?:\.\d+)?)")
LONGEST = 2000


def verify_sum(question: str, steps: Sequence[str]) -> Traced | None:
    """The first step that does not hold, None where the question is no expression or the steps compute nothing."""
    asked = _asked(question)
    if asked is None:
        return None
    known: dict[str, Fraction] = {}
    defined: dict[str, Fraction] = {}
    last: Fraction | None = None
    read = 0
    for number, step in enumerate(steps):
        found = links(step, labels=False)
        read += len(found)
        for link in found:
            mistake = _broken(number, step, link, known, defined)
            if mistake is not None:
                return Traced("sum", mistake)
            last = _value(link.right.term, known)
            _learn(found, link, known, defined)
        answer = ANSWER.search(step)
        if answer is not None and last is not None and Fraction(answer[1].replace(",", "")) != last:
            claim = f"the answer is said to be {answer[1]}, but the last value is {said(last)}"
            return Traced("sum", Mistake(number, claim, said(last), answer.span(1)))
    return Traced("sum") if read else None


def _asked(question: str) -> Fraction | None:
    """The value of the one expression that the question is, None where it is none."""
    if len(question) > LONGEST:
        return None
    text = question.strip().rstrip("?").strip().rstrip("=").strip()
    try:
        term = read_whole(tokens(text), labels=False)
        return evaluate(term).number if calculates(term) else None
    except (NotReadable, Undefined):
        return None


def _value(term: Term, known: Mapping[str, Fraction]) -> Fraction | None:
    try:
        return evaluate(term, known).number
    except Undefined:
        return None


def _broken(
    number: int, step: str, link: Link, known: Mapping[str, Fraction], defined: Mapping[str, Fraction]
) -> Mistake | None:
    left, right = link.left.term, link.right.term
    if isinstance(left, Name):
        was, now = defined.get(left.name), _value(right, {})
        if was is not None and now is not None and was != now and left.name not in known:
            claim = f"{left.name} stands for {said(was)} by its definition, but here for {said(now)}"
            return Mistake(number, claim, said(was), link.span)
        return None
    a, b = _value(left, known), _value(right, known)
    if a is None or b is None or link.relation != "=" or a == b:
        return None
    shown = shown_of(right)
    if shown is not None and shown.decimals and shown.shows(a, cut=False):
        return None
    start, end = link.span
    return Mistake(number, f"`{step[start:end]}` does not hold: the left side is {said(a)}", said(a), (start, end))


def _learn(found: Sequence[Link], link: Link, known: dict[str, Fraction], defined: dict[str, Fraction]) -> None:
    """What a name stands for: the value of its definition, and, at the end of a chain, the value it was given."""
    chain = [link]
    index = found.index(link)
    while chain[-1].follows and index > 0:
        index -= 1
        chain.append(found[index])
    head, value = chain[-1].left.term, _value(link.right.term, known)
    if not isinstance(head, Name) or value is None:
        return
    if len(chain) == 1 and calculates(link.right.term) and head.name not in defined:
        defined[head.name] = value
        return
    if not names_in(link.right.term) and not calculates(link.right.term):
        known[head.name] = value
