"""The answer in what a model said: found, and compared with another whatever the wording around it."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["extract", "is_null", "normal", "same"]

MARK = re.compile(r"\banswer(?:\s{1,3}is)?\s{0,3}(?:\*\*|__)?\s{0,3}:\s{0,9}|\banswer\s{1,3}is\s{1,3}", re.IGNORECASE)
QUOTES = "\"'`*_“”‘’«» \t"
NULL = frozenset(("", "none", "null", "nothing", "unknown", "not known", "no answer", "cannot be determined"))
NOT_AVAILABLE = re.compile(r"[nN][/.][aA]\.?|NA|na")
ARTICLE = re.compile(r"\b(?:a|an|the)\b")
NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+|(?=\.))(?:\.\d+)?")
OF_NUMBERS = re.compile(r"(?<!\w)-(?=[$€£]?\.?\d)|(?<![^\W\d])\.(?=\d)")
"""Signs and points that make another number of the digits after them."""
SHORTENED = re.compile(r"(?:\b\w\.){2}$|\b(?:Jr|Sr|Inc|Ltd|Co)\.$")


def extract(text: str) -> str | None:
    """What stands after the last "the answer is" (or ``Answer:``), to the end of the line. None if nothing does."""
    found = list(MARK.finditer(text))
    if not found:
        return None
    line = next((line for line in text[found[-1].end() :].splitlines() if line.strip()), "")
    said = line.strip().strip(QUOTES)
    if said.endswith(".") and not SHORTENED.search(said[-8:]):
        said = said[:-1].rstrip(QUOTES)
    return None if is_null(said) else said


def is_null(answer: str | None) -> bool:
    """True for no answer, and for words that say that there is none."""
    return answer is None or normal(answer) in NULL or NOT_AVAILABLE.fullmatch(answer.strip()) is not None


def normal(answer: str) -> str:
    """For comparing: lower case, no punctuation, accents as they are, articles left out; numbers by their value."""
    text = unicodedata.normalize("NFC", answer).replace("−", "-").casefold().strip().strip(QUOTES)
    number = NUMBER.fullmatch(text.lstrip("$€£ ").rstrip("$€£% .") or "x")
    if number:
        return f"{float(number[0].replace(',', '')):.12g}"
    signs = {match.start() for match in OF_NUMBERS.finditer(text)}
    bare = " ".join("".join(c if at in signs else _plain(c) for at, c in enumerate(text)).split())
    return " ".join(ARTICLE.sub(" ", bare).split()) or bare


def _plain(c: str) -> str:
    """A letter or digit, with the marks that many scripts write vowels by, as it is; of the rest, what parts words."""
    if c.isalnum() or c in "+#" or unicodedata.category(c).startswith("M"):
        return c
    return "" if c in "'’." else " "


def same(one: str | None, other: str | None) -> bool:
    """True if both are answers and say the same."""
    return one is not None and other is not None and normal(one) == normal(other)
