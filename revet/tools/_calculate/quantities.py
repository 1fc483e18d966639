"""The quantities that a question names, and the ways in which a calculation may use one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from revet.tools._calculate.numbers import NUMBER_WORDS
from revet.tools._calculate.tokens import Token, tokens

__all__ = ["Quantity", "near", "numbers_in", "quantities", "readings"]

NO_QUANTITY = {
    "from", "to", "at", "age", "aged", "grade", "room", "until", "number", "between", "#", "chapter", "day", "week",
    "year", "in", "page", "channel", "highway", "route", "size", "level",
}  # fmt: skip
BUDGET = re.compile(
    r"(?:starts?|started|begins?|began|goes|went|out) with\s*$|budget (?:of|is|was)\s*$|\b(?:has|had|have)\s*$", re.I
)
SPENDS = re.compile(r"how much (?:\w+ ){0,6}?(?:spend|spent|pay|paid|cost)\b", re.I)
CLOCK = {"pm", "am", "p", "o'clock", "a"}


@dataclass(frozen=True)
class Quantity:
    """A number of the question. `total`: it is the sum or product of others, and so need not be used."""

    value: Fraction
    kind: str
    text: str
    total: bool = False


def quantities(question: str) -> list[Quantity]:
    """The quantities of the question that a solution is expected to use: no ordinals, times of day or names."""
    found = tokens(question)
    values = numbers_in(question)
    listed: list[Quantity] = []
    for index, token in enumerate(found):
        if token.shown is None or token.shown.value in (0, 1):
            continue
        before = found[index - 1] if index else None
        after = found[index + 1] if index + 1 < len(found) else None
        if _names(token, before, after) or _budget(question, token):
            continue
        value = token.shown.value
        listed.append(Quantity(value, _kind(token, after), _text(token, question), _total(value, values)))
    return listed


def numbers_in(text: str) -> list[Fraction]:
    """The numbers of a text, in digits and in words."""
    return [value for value in map(_value, tokens(text)) if value is not None]


def _value(token: Token) -> Fraction | None:
    if token.shown is not None:
        return token.shown.value
    return NUMBER_WORDS.get(token.text.lower()) if token.kind == "word" else None


def _text(token: Token, question: str) -> str:
    return question[token.start : token.end].strip()


def _names(token: Token, before: Token | None, after: Token | None) -> bool:
    """Whether the number is an ordinal, a time or part of a name."""
    if after is not None and after.kind == "word" and (after.glued or after.text.lower() in CLOCK):
        return True
    return before is not None and before.text.lower() in NO_QUANTITY and not token.money


def _budget(question: str, token: Token) -> bool:
    """Whether the number is what somebody has at hand, while the question asks what was spent."""
    if not token.money or BUDGET.search(question[max(0, token.start - 20) : token.start]) is None:
        return False
    return SPENDS.search(question) is not None


def _kind(token: Token, after: Token | None) -> str:
    assert token.shown is not None
    if token.shown.percent or (after is not None and after.text.lower() in ("percent", "%")):
        return "percent"
    if token.money or (after is not None and after.text.lower() in ("dollars", "cents")):
        return "money"
    return "number"


def _total(value: Fraction, values: Sequence[Fraction]) -> bool:
    """Whether other numbers of the question add or multiply to this one, or it is said twice in two ways."""
    others = list(values)
    others.remove(value)
    pairs = [(a, b) for i, a in enumerate(others[:40]) for b in others[i + 1 : 40]]
    return any(value in (a + b, a * b, a - b, b - a) for a, b in pairs) or any(value == 2 * a for a in set(others))


def readings(token: Token) -> Iterator[Fraction]:
    """The values for which a number in a calculation may stand."""
    value = _value(token)
    if value is not None:
        yield value


def near(quantity: Quantity, used: Collection[Fraction]) -> bool:
    """Whether the quantity was used: as it is, as a share, as what remains or is added, or inverted."""
    value = quantity.value
    forms = {value, value / 100, value * 100, 1 / value, value * 60, value / 60, value / 12, value * 12}
    if quantity.kind == "percent" or value < 1:
        part = value / 100 if quantity.kind == "percent" else value
        forms |= {part, 1 - part, 1 + part, 100 * (1 - part), 100 * (1 + part), 1 / part}
    return any(form in used for form in forms)
