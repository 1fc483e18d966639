"""Checks an answer that is an ordered list: the words or numbers of the question, all of them, in the order asked.

Only numbers by their value and words by the alphabet: what else is put in order goes by what no one can compute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from revet.tools._calculate.numbers import read_number
from revet.tools._traces.mistake import Mistake, Traced

__all__ = ["items_of", "verify_listing"]

ASKS = re.compile(r"\b(?:sort|order|arrange|rank)\b", re.IGNORECASE)
DESCENDING = re.compile(
    r"\b(?:descending|decreasing|reverse|(?:largest|greatest|highest|biggest|high) (?:first|to)|z to a)\b", re.I
)
ASCENDING = re.compile(r"\b(?:ascending|increasing|(?:smallest|least|lowest|low|fewest) (?:first|to)|a to z)\b", re.I)
ANOTHER = re.compile(r"\bby\b(?! (?:their )?(?:value|size))|\b\w+ (?:to|first)\b|\babsolute\b", re.I)
ALPHABET = re.compile(r"\balphabet\w*|\bdictionary\b|\blexicograph\w*|\b[az] to [az]\b", re.I)
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
    numbers = all(_number(item) is not None for item in asked)
    if not _orders(question.rsplit(":", 1)[0], numbers=numbers):
        return None
    true = sorted(asked, key=_key(asked), reverse=DESCENDING.search(question) is not None)
    if said == true:
        return Traced("listing")
    missing = [item for item in asked if item not in said]
    extra = [item for item in said if item not in asked]
    if extra and not (numbers and all(_number(item) is not None for item in extra)):
        return None  # the line says more than the list
    claim = "the list is not in the order that is asked for"
    if missing or extra:
        claim = f"the list lacks {missing[0]!r}" if missing else f"{extra[0]!r} is not in the list of the question"
    return Traced("listing", Mistake(len(steps) - 1, claim, ", ".join(true)))


def _orders(question: str, *, numbers: bool) -> bool:
    """Whether the order asked for is by value or by the alphabet."""
    if not numbers:
        return ALPHABET.search(question) is not None
    return bool(DESCENDING.search(question) or ASCENDING.search(question)) or ANOTHER.search(question) is None


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
