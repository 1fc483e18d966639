"""Reasons to doubt that a sentence with another value refutes a claim: it may speak of something a little different."""

from __future__ import annotations

from itertools import pairwise

from revet.tools._claims.facts import Facts, Token, match_values
from revet.tools._claims.names import Name
from revet.tools._claims.numbers import Match
from revet.tools._claims.words import BY, DOUBTFUL, FUNCTIONAL, RELATIVES

__all__ = ["doubtful"]

PLACED = BY | {"in", "at", "near", "on"}


def doubtful(facts: Facts, theirs: Facts, value: Token) -> bool:
    """True if the sentence plans or disputes, or is about a relative or a part of the claim's subject.

    `value` is what the sentence has where the claim has another.
    """
    if (theirs.keys & DOUBTFUL) - facts.keys:
        return True
    if any(_possessed(facts, token, following) for token, following in pairwise(theirs.tokens)):
        return True
    return _another_part(facts, theirs, value)


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
