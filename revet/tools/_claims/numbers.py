"""Numerals of a text as exact values: separators, magnitudes, number words, fractions, percentages, money and units.

A numeral that can be read in two ways (``1.234`` is 1234 in half of Europe) keeps both readings. Two quantities agree
if any of their readings do, so a difference is only told where no reading helps.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from revet.tools._claims.units import CURRENCIES, HEDGES, MAGNITUDES, UNITS, WORDS, folded

__all__ = ["Match", "Quantity", "Written", "match_quantities", "quantities", "say"]

LONGEST = 40
"""A longer run of digits is a code or a key, not a quantity that anybody speaks of."""
EXACT = 1000
"""A smaller whole number was counted: its zeros are no sign of rounding, unless a magnitude follows."""
CLOSE, ABOUT, HALF = Fraction(1, 100), Fraction(1, 10), Fraction(1, 2)


class Match(StrEnum):
    """How the value of a claim stands to a value of a passage."""

    equal = "equal"
    near = "near"  # right after rounding, conversion or a hedge; it agrees
    unknown = "unknown"  # of another kind or of another precision; neither agrees nor differs
    different = "different"


@dataclass(frozen=True)
class Quantity:
    """`readings` are the possible values, the likeliest first. `unit` is a unit's or a currency's name, or ``""``.

    `kind` is ``count``, ``share`` (a part of one: 35 % is 7/20), ``money`` or ``ordinal``. `digits` counts the
    significant digits as written.
    """

    readings: tuple[Fraction, ...]
    kind: str = "count"
    unit: str = ""
    digits: int = 1
    hedge: str = ""

    @property
    def value(self) -> Fraction:
        return self.readings[0]


class Written(NamedTuple):
    """A quantity and where it stands."""

    start: int
    end: int
    quantity: Quantity


_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_MAGNITUDE = "|".join(
    sorted((name for name in MAGNITUDES if len(name) > 1 or not name.isascii()), key=len, reverse=True)
)
_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_CURRENCY = "|".join(sorted(map(re.escape, CURRENCIES), key=len, reverse=True))
_SPACES = r"[ \t\u00a0\u202f\u2009]"

NUMERAL = re.compile(
    r"(?<![\w.,])(?<![^\W\d_][-–])[-−+]?(?:\d{1,3}(?:(?:,\d{3})+(?:\.\d+)?|(?:\.\d{3}){2,}(?:,\d+)?"
    r"|\.\d{3},\d+|(?:['’\u00a0\u202f\u2009]\d{3})+(?:[.,]\d+)?|(?:\x20\d{3}){2,}(?:[.,]\d+)?)(?!\d)"
    r"|\d+[.,]\d+|\d+|[.]\d+)(?P<half>[½¼¾⅓⅔⅛⅜⅝⅞])?|(?P<alone>[½¼¾⅓⅔⅛⅜⅝⅞])"
)
SPELLED = re.compile(rf"(?<![\w-])(?:{_WORD})(?:(?:[\s-]|\sand\s){{1,3}}(?:{_WORD}))*(?!\w)", re.IGNORECASE)
ORDINAL_END = re.compile(r"(?:st|nd|rd|th)\b")
MAGNITUDE = re.compile(rf"{_SPACES}?-?(?P<full>{_MAGNITUDE})(?!\w)", re.IGNORECASE)
SHORT = re.compile(r"(?P<short>k|K|m|M|bn|Bn|B|tn)\b")
PERCENT = re.compile(
    rf"{_SPACES}?-?(?:%|percentage points?\b|per ?cent\b|percent\b|Prozent\b|pour ?cent\b|por ciento\b|pct\b|％)",
    re.IGNORECASE,
)
UNIT = re.compile(rf"{_SPACES}?-?(?P<unit>{_UNIT})(?![\w])")
CURRENCY_AFTER = re.compile(rf"{_SPACES}?(?P<money>{_CURRENCY})(?!\w)", re.IGNORECASE)
CURRENCY_BEFORE = re.compile(rf"(?P<money>{_CURRENCY}){_SPACES}?$", re.IGNORECASE)
HEDGE = re.compile(rf"(?<!\w)(?P<hedge>{'|'.join(sorted(map(re.escape, HEDGES), key=len, reverse=True))})\s$", re.I)
SLASH = re.compile(r"/(\d{1,3})(?![\d/])")
PARTS = re.compile(r"(?i)[\s-](halves|thirds?|quarters?|fifths?|sixths?|eighths?|tenths?)\b")
_PARTS = {"halves": 2, "third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
ORDINALS = frozenset(word for word, (_, kind) in WORDS.items() if kind == "ordinal")


def quantities(text: str) -> Iterator[Written]:
    """Every quantity of the text, in order. Each ends before the next begins."""
    found = sorted([*_numerals(text), *_spelled(text)], key=lambda each: (each.start, -each.end))
    end = 0
    for each in found:
        if each.start >= end:
            yield each
            end = each.end


def match_quantities(claim: Quantity, passage: Quantity) -> Match:
    """How the claim's quantity stands to the passage's, whose word counts."""
    if claim.kind != passage.kind and {claim.kind, passage.kind} != {"count", "share"}:
        plain = {claim.kind, passage.kind} == {"count", "money"} and any(v in passage.readings for v in claim.readings)
        return Match.equal if plain else Match.unknown
    if claim.unit == passage.unit or not (claim.unit and passage.unit):
        matched = _best(claim, passage, claim.readings, passage.readings)
        apart = claim.unit != passage.unit or claim.kind != passage.kind
        return Match.unknown if apart and matched is Match.different else matched
    ours, theirs = UNITS.get(claim.unit), UNITS.get(passage.unit)
    if ours is None or theirs is None or ours.dimension != theirs.dimension:
        return Match.unknown
    converted = tuple(ours.to_base(v) for v in claim.readings), tuple(theirs.to_base(v) for v in passage.readings)
    if any(_within(a, b, CLOSE * 2) for a in converted[0] for b in converted[1]):
        return Match.near
    matched = _best(claim, passage, *converted)
    return Match.near if matched is Match.equal else matched


def say(quantity: Quantity) -> str:
    """The quantity for a reader."""
    value = quantity.value * 100 if quantity.kind == "share" else quantity.value
    shown = f"{int(value):,}" if value.denominator == 1 else f"{float(value):,g}"
    return f"{shown}{' %' if quantity.kind == 'share' else ''}{' ' + quantity.unit if quantity.unit else ''}"


def _best(claim: Quantity, passage: Quantity, ours: tuple[Fraction, ...], theirs: tuple[Fraction, ...]) -> Match:
    order = list(Match)
    pairs = [_compared(a, b, claim, passage) for a in ours for b in theirs]
    return min(pairs, key=order.index)


def _compared(a: Fraction, b: Fraction, claim: Quantity, passage: Quantity) -> Match:
    if a == b:
        return Match.equal
    if claim.kind == "ordinal":
        return Match.different
    if claim.hedge and claim.hedge == passage.hedge:
        return Match.unknown if _within(a, b, ABOUT) else Match.different
    if claim.hedge:
        return _hedged(claim.hedge, a, b)
    if passage.hedge:
        within = {"about": _within(a, b, ABOUT), "over": a > b, "under": a < b}[passage.hedge]
        return Match.unknown if within else Match.different
    if claim.digits < passage.digits and _rounded(b, claim.digits) == a:
        return Match.near if claim.digits > 1 else Match.unknown
    if passage.digits < claim.digits and _rounded(a, passage.digits) == b:
        return Match.unknown
    return Match.different


def _hedged(hedge: str, a: Fraction, b: Fraction) -> Match:
    if hedge == "about":
        return Match.near if _within(a, b, ABOUT) else Match.different
    holds = b >= a if hedge == "over" else b <= a
    if not holds:
        return Match.different
    return Match.near if _within(a, b, HALF) else Match.unknown


def _within(a: Fraction, b: Fraction, share: Fraction) -> bool:
    return abs(a - b) <= abs(b) * share


def _rounded(value: Fraction, digits: int) -> Fraction:
    """`value` with so many significant digits."""
    if not value:
        return value
    step = Fraction(10) ** (len(str(int(abs(value)))) - digits) if abs(value) >= 1 else Fraction(10) ** -digits
    return round(value / step) * step


def _numerals(text: str) -> Iterator[Written]:
    for found in NUMERAL.finditer(text):
        if found.end() - found.start() <= LONGEST and not found[0].endswith(","):
            yield _numeral(text, found)


def _numeral(text: str, found: re.Match[str]) -> Written:
    start, end = found.span()
    part = found["half"] or found["alone"]
    digits = found[0].removesuffix(part or "")
    readings = _readings(digits) if digits.strip("-−+") else (Fraction(0),)
    if part:
        added = Fraction(unicodedata.numeric(part)).limit_denominator(8)
        readings = tuple(value + added for value in readings)
    slash = SLASH.match(text, end)
    if slash and int(slash[1]) and not part and digits.isdigit():
        return Written(start, slash.end(), Quantity((readings[0] / int(slash[1]),), digits=9))
    if digits.isdigit() and (ending := ORDINAL_END.match(text, end)):
        return Written(start, ending.end(), Quantity(readings, "ordinal", digits=len(digits)))
    return _measured(text, start, end, readings, _significant(digits))


def _readings(digits: str) -> tuple[Fraction, ...]:
    sign = -1 if digits[0] in "-−" and len(digits) > 1 else 1
    plain = re.sub(r"[-−+'’\s]", "", digits)
    marks = [mark for mark in plain if mark in ".,"]
    if not marks:
        return (sign * Fraction(int(plain)),)
    if len(set(marks)) == 2:  # the last mark is the decimal one
        whole, _, rest = plain.rpartition(marks[-1])
        return (sign * Fraction(f"{re.sub('[.,]', '', whole)}.{rest}"),)
    joined = Fraction(int(plain.replace(marks[0], "")))
    if len(marks) > 1:
        return (sign * joined,)
    point = Fraction(plain.replace(",", ".") if plain[0] in "0123456789" else "0" + plain)
    if len(plain.rpartition(marks[0])[2]) != 3 or plain.startswith(("0", ".")):
        return (sign * point,)
    return (sign * joined, sign * point) if marks[0] == "," else (sign * point, sign * joined)


def _significant(digits: str) -> int:
    plain = re.sub(r"\D", "", digits).lstrip("0")
    return max(1, len(plain if "." in digits else plain.rstrip("0")))


def _spelled(text: str) -> Iterator[Written]:
    for found in SPELLED.finditer(text):
        words = re.split(r"[\s-]+", folded(found[0]))
        if len(words) > 12:
            continue
        ordinal = words[-1] in ORDINALS
        value = _value_of(words)
        parts = PARTS.match(text, found.end())
        if parts and not ordinal:
            size = _PARTS.get(folded(parts[1])) or _PARTS[folded(parts[1]).rstrip("s")]
            yield Written(found.start(), parts.end(), Quantity((value / size,), "share", digits=9))
        elif ordinal:
            yield Written(found.start(), found.end(), Quantity((value,), "ordinal"))
        elif words not in (["one"], ["a"]):
            kind = "share" if words == ["half"] else "count"
            count = Quantity((value,), kind, digits=9 if kind == "share" else 1)
            measured = _measured(
                text, found.start(), found.end(), count.readings, len(str(int(value)).rstrip("0")) or 1
            )
            yield measured if kind == "count" else Written(found.start(), found.end(), count)


def _value_of(words: list[str]) -> Fraction:
    """``three hundred and five thousand`` is 305000."""
    total = part = Fraction(0)
    for word in words:
        if word not in WORDS:
            continue
        value, kind = WORDS[word]
        if kind != "magnitude":
            part += value
        elif value == 100:
            part = (part or Fraction(1)) * 100
        else:
            total, part = total + (part or Fraction(1)) * value, Fraction(0)
    return total + part


def _measured(text: str, start: int, end: int, readings: tuple[Fraction, ...], digits: int) -> Written:
    """The numeral with its magnitude, its percent sign, its currency or its unit, whatever stands beside it."""
    before = text[max(0, start - 16) : start]
    money = CURRENCY_BEFORE.search(before)
    begin = start - len(money[0]) if money else start
    if readings[0] < EXACT and readings[0].denominator == 1:
        digits = len(str(int(readings[0])))
    scale = MAGNITUDE.match(text, end) or (SHORT.match(text, end) if money else None)
    if scale:
        digits = len(str(int(readings[0])).rstrip("0")) or 1 if readings[0].denominator == 1 else digits
        factor = MAGNITUDES[folded(scale.groupdict().get("full") or scale[0])]
        readings, end = tuple(value * factor for value in readings), scale.end()
    kind, unit = "count", ""
    if money:
        kind, unit = "money", CURRENCIES[folded(money["money"])]
    elif percent := PERCENT.match(text, end):
        kind, end = "share", percent.end()
        readings = tuple(value / 100 for value in readings)
    elif measure := UNIT.match(text, end):
        unit, end = measure["unit"], measure.end()
    elif after := CURRENCY_AFTER.match(text, end):
        kind, unit, end = "money", CURRENCIES[folded(after["money"])], after.end()
    unit = UNITS[unit].name if unit in UNITS and kind == "count" else unit
    hedge = HEDGE.search(text[max(0, begin - 20) : begin])
    return Written(begin, end, Quantity(readings, kind, unit, digits, HEDGES[folded(hedge["hedge"])] if hedge else ""))
