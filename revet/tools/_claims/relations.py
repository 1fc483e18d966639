"""A statement of a claim beside one of a passage: the same subject, the same relation, and perhaps another value.

Only where everything else agrees does another value contradict. What a passage says more (a part, a year, a place)
may be why the values differ, so then nothing is told.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from revet.tools._claims.doubts import in_range, some_day
from revet.tools._claims.facts import Facts, Token, match_values
from revet.tools._claims.names import Name, covers
from revet.tools._claims.numbers import Match, Quantity
from revet.tools._claims.statements import Statement
from revet.tools._claims.units import UNITS
from revet.tools._claims.words import (
    ALIKE,
    AUTHORED,
    BOUNDS,
    CHANGING,
    DOUBTFUL,
    EVENTS,
    FUNCTIONAL,
    LIGHT,
    OFTEN_PLACED,
    REPEATABLE,
    SUFFIXES,
    stem,
)

__all__ = ["Contrast", "agree", "contrast"]

AGREES = (Match.equal, Match.near)
_LASTING = frozenset(map(stem, ("last", "duration", "length", "takes", "run")))
IMPLIED = {
    "area": frozenset(map(stem, ("area", "cover", "covers", "size"))),
    "mass": frozenset(map(stem, ("weigh",))),
    "time": _LASTING,
    "span": _LASTING,
    "money": frozenset(map(stem, ("price",))),
}
"""What a unit says by itself: whatever has so many square kilometres covers them."""
ONCE = FUNCTIONAL - OFTEN_PLACED
PER = frozenset(("per", "each", "every", "for", "among", "in", "than", "against", "during"))
A_TIME = frozenset(("hour", "day", "week", "month", "year", "person", "head", "user", "pupil", "night"))
QUALIFIED = 4
DRIFT = 0.15
"""By how much what changes from year to year may differ without contradiction."""
BY_WHOM = re.compile(r"\bby (?:the |an? )?(?:[A-Z][a-z]+ (?=[a-z]))?(?:[a-z-]+ ){0,4}(?=[A-Z])")
TOGETHER = re.compile(r"\s*(?:and|&|with|,\s*[A-Z])")


class Contrast(NamedTuple):
    """The value of the claim, and the one that the passage has instead."""

    ours: Token
    theirs: Token


def contrast(claim: Statement, stated: Statement) -> Contrast | None:
    """The one value in which both differ, if all else that the claim says is in the passage's statement."""
    mine, its = claim.facts, stated.facts
    if mine.negations or its.negations or not _same_subject(claim, stated):
        return None
    if (by := _authors(claim, stated)) is not None:
        return by
    pair = _differing(mine, its)
    if pair is None or not _all_else(claim, stated, pair) or _more(claim, stated, pair):
        return None
    return pair if _only_one(claim, stated, pair) else None


def agree(claim: Statement, stated: Statement, ours: Token) -> bool:
    """True if `stated` has the value in a like relation, and not of another subject: then the passages disagree."""
    if (
        claim.subject
        and stated.subject
        and not (covers(stated.subject, claim.subject) or covers(claim.subject, stated.subject))
    ):
        return False
    held = any(match_values(ours, token) in AGREES for _, token in stated.facts.of("number", "date"))
    return held and bool(_words(claim.facts, ours) & _keys(stated.facts))


def _same_subject(claim: Statement, stated: Statement) -> bool:
    ours, theirs = claim.subject, stated.subject
    if stated.unknown or claim.unknown:
        return False
    if ours is None:
        return not stated.named
    if theirs is None:
        return False
    if stated.attribute and stated.kinds:  # "the Maria Pia Bridge" is "Maria Pia" in a column of bridges
        ours = Name(" ".join(word for word in ours.words if stem(word) not in stated.kinds) or ours.text)
    if not covers(theirs, ours):
        return False
    if ours.joined == theirs.joined or (stated.literal is not None and stated.literal.joined == ours.joined):
        return True
    if any(covers(other, ours) and not covers(theirs, other) for other in stated.others):
        return False
    more = theirs.words[len(ours.words) :] if theirs.words[: len(ours.words)] == ours.words else ()
    shortened = bool(more) and set(more) <= SUFFIXES
    return shortened or theirs.words[-len(ours.words) :] == ours.words or _initials(ours, theirs)


def _initials(ours: Name, theirs: Name) -> bool:
    return len(ours.words) >= 2 and ours.words[-1] == theirs.words[-1]


def _authors(claim: Statement, stated: Statement) -> Contrast | None:
    """``directed by`` two people of two names. A firm and one of its people may both have made a thing."""
    mine, its = claim.facts, stated.facts
    ours, theirs = _author(mine), _author(its)
    if ours is None or theirs is None or claim.subject is None or match_values(ours, theirs) is Match.equal:
        return None
    words = _words(mine, ours)
    others = [token for _, token in mine.of("name", "number", "date") if token is not ours]
    if others or not words & AUTHORED or words - _keys(its) or (its.keys & DOUBTFUL) - mine.keys:
        return None
    before = its.tokens[: next(n for n, token in enumerate(its.tokens) if _alike(token.key) in words)]
    return None if before else Contrast(ours, theirs)


def _author(facts: Facts) -> Token | None:
    """The only person after ``by``, of two names or more."""
    found = BY_WHOM.search(facts.text)
    named = [t for _, t in facts.of("name") if found and t.start >= found.end()]
    if found is None or not named or named[0].start != found.end() or TOGETHER.match(facts.text, named[0].end):
        return None
    value = named[0].value
    return named[0] if isinstance(value, Name) and len(value.words) > 1 else None


def _differing(mine: Facts, its: Facts) -> Contrast | None:
    """The one value of the claim that is not in the statement, and the one of the statement that it may be instead."""
    values, theirs = mine.of("number", "date"), its.of("number", "date")
    ours = [token for _, token in values if not any(match_values(token, other) in AGREES for _, other in theirs)]
    if len(ours) != 1 or len(values) > 3:
        return None
    rest = [t for _, t in theirs if not any(match_values(own, t) in AGREES for _, own in values)]
    against = [t for t in rest if match_values(ours[0], t) is Match.different]
    if len(against) != 1:
        return None
    if ours[0].kind == "number" and any(_alike_values(ours[0], t) for t in rest if t is not against[0]):
        return None
    return Contrast(ours[0], against[0])


def _alike_values(one: Token, other: Token) -> bool:
    """False for two quantities of different kinds: 12 % and 48 million euros."""
    a, b = one.value, other.value
    return not (isinstance(a, Quantity) and isinstance(b, Quantity)) or (a.kind == b.kind and a.unit == b.unit)


def _words(facts: Facts, ours: Token) -> frozenset[str]:
    """What the claim says besides its value: the words that tell, in the form that stands for all like them."""
    return frozenset(_alike(t.key) for t in facts.tokens if t is not ours and t.kind == "word") - LIGHT


def _keys(facts: Facts) -> frozenset[str]:
    return frozenset(_alike(key) for key in facts.keys)


def _alike(key: str) -> str:
    return ALIKE.get(key, key)


def _all_else(claim: Statement, stated: Statement, pair: Contrast) -> bool:
    """True if the statement has all other words and names of the claim, and at least one of them tells what it is."""
    words, keys = _words(claim.facts, pair.ours), _keys(stated.facts)
    left = words - keys - _implied(pair.ours) - stated.kinds
    if left or any(
        not _has(stated, t) for t in _names(claim, once=pair.ours.kind == "date" and bool(words & keys & ONCE))
    ):
        return False
    if claim.subject is None:
        return len(words & keys) >= 2
    return bool(words & (keys | _implied(pair.ours))) or (pair.ours.kind == "date" and _an_event(claim))


def _names(claim: Statement, *, once: bool) -> list[Token]:
    """The names that the statement must have, too. Where a thing was founded it was founded once, in one place."""
    found: list[Token] = []
    placed = False
    for token in claim.facts.tokens:
        placed = token.kind == "name" and (token.before in ("in", "at", "near") or (placed and not token.before))
        if token.kind == "name" and not (once and placed):
            found.append(token)
    return found


def _an_event(claim: Statement) -> bool:
    """``The Battle of Hastings took place in 1066``."""
    return claim.subject is not None and bool(EVENTS & set(claim.subject.words))


def _implied(token: Token) -> frozenset[str]:
    value = token.value
    if not isinstance(value, Quantity):
        return frozenset()
    if value.kind == "money":
        return IMPLIED["money"]
    unit = UNITS.get(value.unit)
    return IMPLIED.get(unit.dimension, frozenset()) if unit else frozenset()


def _has(stated: Statement, token: Token) -> bool:
    return any(match_values(token, other) is Match.equal for _, other in stated.facts.of("name"))


def _more(claim: Statement, stated: Statement, pair: Contrast) -> bool:
    """True if the statement says more that may be why its value is another."""
    mine, its = claim.facts, stated.facts
    if (its.keys & DOUBTFUL) - mine.keys or some_day(its):
        return True
    if in_range(its, pair.theirs) and len(mine.of("number", "date")) < 2:
        return True
    at = its.tokens.index(pair.theirs)
    words = _words(mine, pair.ours)
    known = words | _implied(pair.ours) | LIGHT | frozenset(_alike(key) for key in stated.kinds)
    if any(_extra(claim, token, known) for token in its.tokens[:at]):
        return True
    number = pair.ours.kind == "number"
    after = its.tokens[at + 1 :]
    if number and any(_qualifies(claim, token, words) for token in after[:QUALIFIED]):
        return True
    if number and _counted(after) and _counted(mine.tokens[mine.tokens.index(pair.ours) + 1 :]):
        return not _counted(after) & (words | LIGHT)
    placed = words & OFTEN_PLACED
    return bool(placed) and any(
        t.kind == "name" and t.before in ("in", "to", "at", "for") and not _has(claim, t) for t in its.tokens
    )


def _counted(following: tuple[Token, ...]) -> frozenset[str]:
    """What is counted: the words just after the number."""
    found: list[str] = []
    for token in following[:2]:
        if token.kind != "word" or token.before:
            break
        found.append(_alike(token.key))
    return frozenset(found)


def _extra(claim: Statement, token: Token, known: frozenset[str]) -> bool:
    if token.kind == "word":
        return _alike(token.key) not in known
    if token.kind == "name":
        return token.before not in ("in", "by", "at", "near") and not _has(claim, token)
    return not any(match_values(own, token) in AGREES for own in claim.facts.tokens if own.kind in ("number", "date"))


def _qualifies(claim: Statement, token: Token, words: frozenset[str]) -> bool:
    if token.kind == "name":
        return token.before in PER and not _has(claim, token)
    if token.kind != "word" or _alike(token.key) in words | FUNCTIONAL:
        return False
    return token.before in PER or (token.before in ("a", "an") and token.key in A_TIME)


def _only_one(claim: Statement, stated: Statement, pair: Contrast) -> bool:
    """True if a subject has one such value."""
    words = _words(claim.facts, pair.ours)
    shared = words & _keys(stated.facts)
    if shared & REPEATABLE and not stated.attribute:
        return False
    if pair.ours.kind == "date":
        return bool(shared & (FUNCTIONAL | BOUNDS)) or stated.attribute or _an_event(claim)
    changing = bool(CHANGING & (words | _keys(stated.facts)))
    return not (changing and _close(pair))


def _close(pair: Contrast) -> bool:
    ours, theirs = pair.ours.value, pair.theirs.value
    if not (isinstance(ours, Quantity) and isinstance(theirs, Quantity)):
        return False
    return abs(ours.value - theirs.value) <= abs(theirs.value) * DRIFT
