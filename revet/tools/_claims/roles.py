"""In which role a value stands: by the words just around it. The same value in another role says another thing."""

from __future__ import annotations

from dataclasses import dataclass

from revet.tools._claims.facts import Facts, Token, match_values, shown
from revet.tools._claims.library import Excerpt
from revet.tools._claims.names import Name, covers
from revet.tools._claims.numbers import Match, Quantity

__all__ = ["Role", "role_of"]

WINDOW = 4
CLEARLY = 1.0
"""By how much another value must fit a role better to be the one that stands in it."""
AGREES = (Match.equal, Match.near)


@dataclass(frozen=True)
class Role:
    """A value of a claim beside a sentence: `theirs` is the sentence's value in its role, `match` how both stand.

    `score` says how much the words around both have in common, `near` are the shared ones, and `both_sides` is true if
    they stand on either side. `elsewhere`: the sentence has the claim's value, but in another role;
    `rivals`: it has other such values beside it.
    """

    ours: Token
    match: Match
    theirs: Token | None = None
    score: float = 0.0
    near: frozenset[str] = frozenset()
    both_sides: bool = False
    elsewhere: bool = False
    rivals: bool = False

    @property
    def kind(self) -> str:
        return self.ours.kind

    @property
    def ours_text(self) -> str:
        return shown(self.ours)


def role_of(facts: Facts, place: int, excerpt: Excerpt) -> Role:
    """The role of the claim's value at `place`, and what the sentence has in it."""
    ours = facts.tokens[place]
    if isinstance(ours.value, Name):
        return _role_of_name(facts, place, excerpt)
    rivals, perhaps = [], False
    for position, theirs in excerpt.facts.of("number", "date"):
        match = match_values(ours, theirs)
        if match is Match.different and _other_things(facts, place, excerpt.facts, position):
            match = Match.unknown
        elif match is Match.unknown:
            perhaps |= _perhaps(ours, theirs)
        if match is not Match.unknown:
            rivals.append(_fit(facts, place, excerpt.facts, position, match))
    if not rivals:
        return Role(ours, Match.unknown)
    same = max((r for r in rivals if r.match in AGREES), key=lambda r: r.score, default=None)
    other = max((r for r in rivals if r.match is Match.different), key=lambda r: r.score, default=None)
    if same is not None:
        beaten = other is not None and other.score >= same.score + CLEARLY and not _said(facts, other)
        return Role(ours, same.match, same.theirs, same.score, same.near, same.both_sides, beaten, other is not None)
    if perhaps or other is None:
        return Role(ours, Match.unknown)
    equals = [r for r in rivals if r is not other and r.score > other.score - 0.5 and r.theirs != other.theirs]
    ambiguous = _said(facts, other) or any(not _same(other, r) for r in equals)
    return Role(ours, Match.unknown) if ambiguous else other


def _perhaps(ours: Token, theirs: Token) -> bool:
    """True for two quantities of one unit of which nobody can tell whether they differ: 11,500 and about 12,000."""
    a, b = ours.value, theirs.value
    return isinstance(a, Quantity) and isinstance(b, Quantity) and (a.kind, a.unit) == (b.kind, b.unit)


def _role_of_name(facts: Facts, place: int, excerpt: Excerpt) -> Role:
    ours = facts.tokens[place]
    for position, theirs in excerpt.facts.of("name"):
        if _covers(theirs, ours):
            return _fit(facts, place, excerpt.facts, position, Match.equal)
    partly = next((at for at, theirs in excerpt.facts.of("name") if match_values(ours, theirs) is Match.equal), None)
    subject = facts.of("name")[0][0] == place
    there = excerpt.whole if subject else excerpt.around
    if any(_covers(theirs, ours) for _, theirs in there.of("name")) or _written(ours, there):
        return Role(ours, Match.equal) if partly is None else _fit(facts, place, excerpt.facts, partly, Match.equal)
    rivals = [_fit(facts, place, excerpt.facts, at, Match.different) for at, _ in excerpt.facts.of("name")]
    rivals = [rival for rival in rivals if not _said(facts, rival)]
    best = max(rivals, key=lambda each: each.score, default=None)
    if best is None or best.score < CLEARLY:
        return Role(ours, Match.unknown)
    return best


def _covers(theirs: Token, ours: Token) -> bool:
    return isinstance(theirs.value, Name) and isinstance(ours.value, Name) and covers(theirs.value, ours.value)


def _written(ours: Token, there: Facts) -> bool:
    """True if the words of the name stand there one after another, capitals or not."""
    return isinstance(ours.value, Name) and f" {ours.value.joined} " in there.plain


def _fit(facts: Facts, place: int, theirs: Facts, position: int, match: Match) -> Role:
    """How well the value at `position` of a sentence fits the role of the claim's value at `place`."""
    mine, its = _around(facts, place), _around(theirs, position)
    shared = mine.keys() & its.keys()
    score = sum(1.0 / max(abs(mine[key]), abs(its[key])) ** 0.5 for key in shared)
    ours, other = facts.tokens[place], theirs.tokens[position]
    score += 0.5 * bool(ours.before and ours.before == other.before)
    if isinstance(ours.value, Quantity) and isinstance(other.value, Quantity):
        score += 0.5 * bool(ours.value.unit and ours.value.unit == other.value.unit)
    before = any(mine[key] < 0 and its[key] < 0 for key in shared) or (place == 0 and position == 0)
    after = any(mine[key] > 0 and its[key] > 0 for key in shared) or (
        place == len(facts.tokens) - 1 and position == len(theirs.tokens) - 1
    )
    return Role(ours, match, other, round(score, 3), frozenset(shared), before and after)


def _around(facts: Facts, place: int) -> dict[str, int]:
    """The words around a value, each with how far it is from it; before it is negative. The nearest of each counts."""
    near: dict[str, int] = {}
    for step in range(1, WINDOW + 1):
        for at, sign in ((place - step, -1), (place + step, 1)):
            if 0 <= at < len(facts.tokens):
                token = facts.tokens[at]
                for key in token.keys or (() if token.kind == "name" else (shown(token),)):
                    near.setdefault(key, sign * step)
    return near


def _other_things(facts: Facts, place: int, theirs: Facts, position: int) -> bool:
    """True if two counts are of different things: four books, three songs."""
    ours, other = facts.tokens[place], theirs.tokens[position]
    if not (isinstance(ours.value, Quantity) and isinstance(other.value, Quantity)) or ours.value.unit:
        return False
    mine, its = _counted(facts, place), _counted(theirs, position)
    return bool(mine and its) and not mine & its


def _counted(facts: Facts, place: int) -> set[str]:
    """The two words after a count, which name what is counted."""
    following = facts.tokens[place + 1 : place + 3]
    if not following or following[0].kind != "word" or following[0].before:
        return set()
    return {key for token in following if not token.before for key in token.keys}


def _said(facts: Facts, role: Role) -> bool:
    """True if the claim has the other value, too: then it stands in a role of its own."""
    return role.theirs is not None and any(
        match_values(token, role.theirs) in AGREES for token in facts.tokens if token.kind == role.theirs.kind
    )


def _same(one: Role, other: Role) -> bool:
    return one.theirs is not None and other.theirs is not None and match_values(one.theirs, other.theirs) in AGREES
