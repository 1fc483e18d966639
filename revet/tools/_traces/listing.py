"""Checks an answer that is an ordered list: the words or numbers of the question, all of them, in the order asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from revet.tools._calculate.numbers import read_number
from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["items_of", "verify_listing"]

ASKS = re.compile(r"\b(?:sort|order|arrange|rank)\b", re.IGNORECASE)
DESCENDING = re.compile(
    r"\b(?:descending|decreasing|reverse|(?:largest|greatest|highest|biggest) (?:first|to)|z to a)\b", re.I
)
ANSWER = re.compile(r"(?:answer|sorted list|sorted order|result)(?: is)?\s*:?|:", re.IGNORECASE)
SEPARATORS = re.compile(r"[\s,;<>\[\]\"']+")
MOST_ITEMS, LONGEST = 500, 20_000


def items_of(text: str) -> list[str]:
    """The items of a list in a line: separated by white space, commas or signs of order."""
    return [item for item in SEPARATORS.split(text.strip().rstrip(".")) if item and item != "and"]


def verify_listing(question: str, steps: Sequence[str]) -> Traced | None:
    """Whether the last line lists the items in order, None where the question asks for no order or gives no list."""
    if ASKS.search(question) is None or ":" not in question or len(question) > LONGEST or not steps:
        return None
    asked = items_of(question.rsplit(":", 1)[1])
    line = steps[-1].strip().rsplit("\n", 1)[-1]
    said = items_of(_after(line))
    if not 2 <= len(asked) <= MOST_ITEMS or len(set(said) & set(asked)) * 2 < len(asked):
        return None
    true = sorted(asked, key=_key(asked), reverse=DESCENDING.search(question) is not None)
    if said == true:
        return Traced("listing")
    missing = [item for item in asked if item not in said]
    extra = [item for item in said if item not in asked]
    claim = "the list is not in the order that is asked for"
    if missing or extra:
        claim = f"the list lacks {missing[0]!r}" if missing else f"{extra[0]!r} is not in the list of the question"
    return Traced("listing", Mistake(len(steps) - 1, claim, ", ".join(true)))


def _after(line: str) -> str:
    marks = list(ANSWER.finditer(line))
    return line[marks[-1].end() :] if marks else line


def _key(items: Sequence[str]) -> Callable[[str], tuple[Fraction, str, str]]:
    """By value if all are numbers, else as in a dictionary."""
    numbers = {item: value for item in items if (value := _number(item)) is not None}
    if len(numbers) == len(set(items)):
        return lambda item: (numbers[item], "", "")
    return lambda item: (Fraction(0), item.lower(), item)


def _number(item: str) -> Fraction | None:
    shown = read_number(item.removeprefix("-"))
    return None if shown is None else -shown.value if item.startswith("-") else shown.value
