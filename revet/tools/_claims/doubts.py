"""Reasons to doubt that a sentence with another value refutes a claim: it may speak of something a little different."""

from __future__ import annotations

import re
from itertools import pairwise

from revet.tools._claims.facts import Facts, Token, match_values
from revet.tools._claims.names import Name
from revet.tools._claims.numbers import Match
from revet.tools._claims.words import BY, CLASSES, DOUBTFUL, FUNCTIONAL, RELATIVES, stem

__all__ = ["doubtful", "in_range", "some_day"]

PART = re.compile(r"(?P<part>[^\W\d_]{3,30}) of (?:the |a |an |its )?\Z")
RANGE = re.compile(r"\s*(?:to|until|till|and|bis|[-–—])\s*")
BETWEEN = re.compile(r"\b(?:between|zwischen|entre)\s\S{0,3}\Z")
SOME_DAY = re.compile(
    r"\b(?:will|would|may|might|could|should|wird|soll|if|start(?:s|ing)? (?:at|from))\b|\bfrom\s[$€£]"
)
"""What is to come or may be, and where a price begins. ``May`` is a month."""
PLACED = BY | {"in", "at", "near", "on"}


def doubtful(facts: Facts, theirs: Facts, value: Token) -> bool:
    """True if the sentence plans or disputes, or is about a relative or a part of the claim's subject.

    `value` is what the sentence has where the claim has another.
    """
    if (theirs.keys & DOUBTFUL) - facts.keys or (some_day(theirs) and not some_day(facts)):
        return True
    if any(_possessed(facts, token, following) for token, following in pairwise(theirs.tokens)):
        return True
    if in_range(theirs, value) and len(facts.of("number", "date")) < 2:
        return True
    return _a_part(facts, theirs) or _another_part(facts, theirs, value)


def some_day(facts: Facts) -> bool:
    """True if the sentence speaks of what is to come or may be, or of where a price begins."""
    return SOME_DAY.search(facts.text) is not None


def in_range(theirs: Facts, value: Token) -> bool:
    """True if `value` is an end of a range: ``between 2 and 8 °C``, ``from 1931 to 1936``, ``10–12``."""
    at = theirs.tokens.index(value)
    sides = [(theirs.tokens[n], theirs.tokens[n + 1]) for n in (at - 1, at) if 0 <= n < len(theirs.tokens) - 1]
    return any(
        one.kind == other.kind == value.kind
        and one.kind != "name"
        and RANGE.fullmatch(theirs.text, one.end, other.start) is not None
        and (theirs.text[one.end : other.start].strip() != "and" or BETWEEN.search(theirs.text, 0, one.start))
        for one, other in sides
    )


def _a_part(facts: Facts, theirs: Facts) -> bool:
    """True for ``the second edition of the handbook`` where the claim is about the handbook."""
    first = next((token for token in theirs.tokens if set(token.keys) & facts.keys), None)
    found = PART.search(theirs.text[: first.start]) if first is not None else None
    return found is not None and not {stem(found["part"])} & (facts.keys | FUNCTIONAL | CLASSES)


def _possessed(facts: Facts, token: Token, following: Token) -> bool:
    """True for ``Ann's daughter`` where the claim is about Ann alone."""
    if not isinstance(token.value, Name):
        return False
    if not token.value.text.endswith(("'s", "’s")) and following.key not in RELATIVES:
        return False
    return not set(following.keys) <= facts.keys


def _another_part(facts: Facts, theirs: Facts, value: Token) -> bool:
    """True if words stand between what is said and its value that the claim does not have: ``metropolitan area``."""
    places = [n for n, token in enumerate(theirs.tokens) if token.key in FUNCTIONAL and token.key in facts.keys]
    if not places:
        return False
    at = theirs.tokens.index(value)
    nearest = min(places, key=lambda place: abs(place - at))
    low, high = sorted((nearest, at))
    subject = next((n for n, t in enumerate(theirs.tokens) if t.kind == "name" and _said(facts, t)), low)
    before = range(min(subject, low) + 1, low)
    if any(theirs.tokens[n].kind == "number" and not _said(facts, theirs.tokens[n]) for n in before):
        return True
    return any(_adds(facts, theirs.tokens[n]) for n in range(low + 1, high))


def _adds(facts: Facts, token: Token) -> bool:
    if token.kind == "word":
        return token.key not in facts.keys
    return token.kind == "name" and token.before not in PLACED and not _said(facts, token)


def _said(facts: Facts, token: Token) -> bool:
    return any(match_values(own, token) is Match.equal for own in facts.tokens if own.kind == token.kind)
