"""Judges a relation between two expressions by exact values, as generously as the writing allows.

A numeral may be rounded to the digits it shows; a percentage may be a share, points, or of what stands before it; a
quantity may be in another unit of the same kind; a number that was rounded before may stand for the exact one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from revet.tools._calculate.chains import Link
from revet.tools._calculate.numbers import Shown, said
from revet.tools._calculate.parse import calculates, unit_of
from revet.tools._calculate.terms import (
    Binary,
    Call,
    Literal_,
    Name,
    Negative,
    Percent,
    Term,
    Undefined,
    evaluate,
    names_in,
)
from revet.tools._calculate.units import ratio

__all__ = ["Judged", "Verdict", "judge", "literals", "shown_of"]

CLOSE, ROUGH = Fraction(1, 200), Fraction(1, 20)
MOST_ZEROS = 400
EPSILON = Fraction(1, 10**12)
PERCENTS: tuple[Percent, ...] = ("share", "points", "relative")


class Verdict(StrEnum):
    right = "right"
    wrong = "wrong"
    unknown = "unknown"


@dataclass(frozen=True)
class Judged:
    """`true` is what the left side comes to, for people; `value` the same as a number."""

    verdict: Verdict
    true: str = ""
    value: Fraction | None = None


UNKNOWN = Judged(Verdict.unknown)


def judge(link: Link, rounded: Mapping[Fraction, Fraction] | None = None) -> Judged:
    """Whether the relation holds. `rounded`: the exact values of numbers that were rounded before."""
    left, right = link.left.term, link.right.term
    if names_in(left) or names_in(right) or isinstance(left, Name):
        return UNKNOWN
    try:
        value = _true(left, unit_of(right))
        evaluate(right)
        holds = any(_holds(a, b, link.relation) for a, b in _readings(left, right, rounded or {}))
    except Undefined:
        return UNKNOWN
    if holds:
        return Judged(Verdict.right, said(value), value)
    if not _claims(link):
        return UNKNOWN
    return Judged(Verdict.wrong, _told(value, shown_of(right)), value)


def _told(value: Fraction, claimed: Shown | None) -> str:
    """The value for people, as a percentage where one was claimed."""
    if claimed is None or not claimed.percent or abs(value * 100 - claimed.value) > abs(value - claimed.value):
        return said(value)
    return f"{said(value * 100)}%"


def _true(left: Term, unit: str | None) -> Fraction:
    """The value of the left side, that of an amount or of a sum of amounts in the unit that the right side has."""
    if isinstance(left, Binary) and left.operator in "+-" and _adds_share(left):
        return evaluate(left, percent="relative").number
    if unit is None or not _is_sum(left) or not all(each.unit for each in literals(left)):
        return evaluate(left).number
    return evaluate(_changed(left, lambda each: _converted(each, unit))).number


def _adds_share(term: Binary) -> bool:
    """``50 + 20%``: a share of what stands before it."""
    amount, share = shown_of(term.left), shown_of(term.right)
    return amount is not None and share is not None and share.percent and not amount.percent


def _is_sum(term: Term) -> bool:
    match term:
        case Binary(operator, left, right):
            return operator in "+-" and _is_sum(left) and _is_sum(right)
        case Negative(of):
            return _is_sum(of)
        case _:
            return isinstance(term, Literal_)


def _claims(link: Link) -> bool:
    """Whether the two sides were meant to be compared: something is computed, or two like quantities are named."""
    left, right = link.left.term, link.right.term
    if link.relation == "=" and _runs_on(left, right):
        return False
    if calculates(left):
        ours, theirs = ({each.unit for each in literals(side)} - {None, "%"} for side in (left, right))
        return not (calculates(right) and ours and theirs and ours != theirs)
    units = unit_of(left), unit_of(right)
    if calculates(right):
        return units[0] is None and link.left.opens and not link.word
    if units[0] and units[1]:
        return ratio(units[0], units[1]) is not None
    return link.left.opens and not any(units) and not link.word and link.relation in "<>≤≥"


def _runs_on(left: Term, right: Term) -> bool:
    """Whether the chain goes on computing with what it has: ``5 + 3 = 8 * 2 = 16``."""
    if not calculates(right):
        return False
    first = next(literals(right), None)
    return first is not None and first.shown.shows(evaluate(left).number)


def _readings(left: Term, right: Term, rounded: Mapping[Fraction, Fraction]) -> Iterator[tuple[Term, Term]]:
    """The two sides in every way that they can be meant, as terms without percent signs or units to convert."""
    lefts = [left]
    if rounded and any(each.shown.value in rounded for each in literals(left)):
        lefts.append(_changed(left, lambda each: Literal_(Shown(rounded.get(each.shown.value, each.shown.value)))))
    unit = unit_of(right)
    if unit is not None:
        converted = _changed(left, lambda each: _converted(each, unit))
        if converted != left:
            lefts.append(converted)
        if unit == "dollars":
            lefts.append(Binary("/", left, Literal_(Shown(Fraction(100)))))  # computed in cents
    percent = any(each.shown.percent for side in (left, right) for each in literals(side))
    for one in lefts:
        for a, b in itertools.product(PERCENTS, repeat=2) if percent else [PERCENTS[:1] * 2]:
            try:
                yield _fixed(one, a), _fixed(right, b)
            except Undefined:
                continue


def _fixed(term: Term, percent: Percent) -> Term:
    """The value of the term under one reading; a bare numeral keeps the digits that it shows."""
    shown = shown_of(term) or _scientific(term)
    if shown is not None and not (shown.percent and percent != "points"):
        return Literal_(Shown(shown.value, shown.decimals))
    if shown is not None:
        return Literal_(Shown(shown.value / 100, shown.decimals + 2))
    return _Exact(evaluate(term, percent=percent).number, _decimals(term))


@dataclass(frozen=True)
class _Exact(Literal_):
    """A computed value; `loose` where decimals that may be rounded went into it."""

    shown: Shown
    loose: bool = False

    def __init__(self, value: Fraction, loose: bool) -> None:
        object.__setattr__(self, "shown", Shown(value))
        object.__setattr__(self, "unit", None)
        object.__setattr__(self, "loose", loose)


def _holds(left: Term, right: Term, relation: str) -> bool:
    assert isinstance(left, Literal_) and isinstance(right, Literal_)
    a, b = left.shown.value, right.shown.value
    match relation:
        case "=":
            return _same(left, right) or _same(right, left)
        case "≈":
            return _same(left, right) or abs(a - b) <= ROUGH * _larger(a, b)
        case "<":
            return a < b
        case ">":
            return a > b
        case "≤":
            return a <= b
        case "≥":
            return a >= b
        case _:
            return a != b


def _larger(a: Fraction, b: Fraction) -> Fraction:
    return abs(a) if abs(a) > abs(b) else abs(b)


def _same(left: Literal_, right: Literal_) -> bool:
    a, b = left.shown.value, right.shown.value
    if abs(a - b) <= EPSILON * _larger(a, Fraction(1)):
        return True
    if not isinstance(right, _Exact):
        return isinstance(left, _Exact) and right.shown.shows(a)
    return isinstance(left, _Exact) and (left.loose or right.loose) and abs(a - b) <= CLOSE * _larger(a, b)


def shown_of(term: Term) -> Shown | None:
    """The numeral that a term is, with its sign, None for anything else."""
    if isinstance(term, Literal_):
        return term.shown
    if isinstance(term, Negative):
        inner = shown_of(term.of)
        return replace(inner, value=-inner.value) if inner is not None else None
    return None


def _scientific(term: Term) -> Shown | None:
    """``2.1 * 10^-10`` as a numeral of two digits."""
    match term:
        case Binary("*", left, Binary("^", Literal_(Shown(value=ten)), power)) if ten == 10:
            digits, exponent = shown_of(left), shown_of(power)
            if digits is None or exponent is None or abs(exponent.value) > MOST_ZEROS or exponent.decimals:
                return None
            zeros = int(exponent.value)
            return Shown(digits.value * Fraction(10) ** zeros, digits.decimals - zeros)
        case _:
            return None


def literals(term: Term) -> Iterator[Literal_]:
    """The numerals of an expression from left to right."""
    match term:
        case Literal_():
            yield term
        case Negative(of):
            yield from literals(of)
        case Binary(_, left, right):
            yield from literals(left)
            yield from literals(right)
        case Call(_, arguments):
            for each in arguments:
                yield from literals(each)


def _decimals(term: Term) -> bool:
    return any(each.shown.decimals > 1 for each in literals(term))


def _changed(term: Term, change: Callable[[Literal_], Literal_]) -> Term:
    match term:
        case Literal_():
            return change(term)
        case Negative(of):
            return Negative(_changed(of, change))
        case Binary(operator, left, right):
            return Binary(operator, _changed(left, change), _changed(right, change))
        case Call(function, arguments):
            return Call(function, tuple(_changed(each, change) for each in arguments))
        case _:
            return term


def _converted(literal: Literal_, unit: str) -> Literal_:
    factor = ratio(literal.unit, unit) if literal.unit else None
    return literal if factor is None else Literal_(Shown(literal.shown.value * factor), unit)
