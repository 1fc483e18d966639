"""Whether a passage supports a claim, refutes it, or neither, and why.

A claim is supported where a passage holds every value of it in the same role, and nearly all of its words. It is
refuted only where a sentence about the same subject has, in the role of one of its values, another value. Whatever is
less certain was not found: a wrong refutation costs a right answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from revet.tools._claims.doubts import doubtful
from revet.tools._claims.facts import Facts, Token, facts_of, match_values, shown
from revet.tools._claims.library import Excerpt, Library
from revet.tools._claims.names import Name, covers, same_name
from revet.tools._claims.numbers import Match
from revet.tools._claims.places import people, region
from revet.tools._claims.relations import agree, contrast
from revet.tools._claims.roles import Role, role_of
from revet.tools._claims.split import PRONOUN, Claim
from revet.tools._claims.statements import of_pair, statements
from revet.tools._claims.topics import headed
from revet.tools._claims.words import ASKING, BY, FUNCTIONAL, MUTUAL, PLACING, REPEATABLE

__all__ = ["Judgement", "Standing", "judge"]

Standing = Literal["supported", "refuted", "not found"]

COVERED, COVERED_ANSWER = 0.7, 0.55
"""The share of a claim's words, by weight, that a passage that supports it must hold."""
IN_SENTENCE = 0.45
SAME_SUBJECT = 0.6
NEARLY_ALL = 0.8
LEAST_SHARED = 2
MOST_VALUES = 24
"""A claim of more values is no single statement; none of the others is compared."""
STATED = 0.8
"""How sure it is that what is stated of the same subject in other words contradicts."""
MANY_SHARED, VERY_MANY_SHARED = 5, 7
AGREES = (Match.equal, Match.near)
ACCORDING = re.compile(
    r"\A(?:according to|as (?:stated|noted|described|said) in|as per|per|laut|selon|según)\s[^,]{1,80},\s", re.I
)
"""Who says so is no part of what is said."""
AT = frozenset(("in", "at", "near", "from", "on"))


@dataclass(frozen=True)
class Judgement:
    """How a claim stands. `wrong` is what the claim has and `right` what the passage has instead, if it is refuted."""

    claim: Claim
    standing: Standing
    reason: str
    confidence: float
    excerpt: Excerpt | None = None
    wrong: Token | None = None
    right: str = ""


class Compared(NamedTuple):
    """A claim beside one sentence: how much of it is there, and how each of its values stands."""

    excerpt: Excerpt
    covered: float
    in_sentence: float
    back: float
    shared: int
    roles: tuple[Role, ...]


def judge(claim: Claim, library: Library, *, about: str = "", only: frozenset[int] | None = None) -> Judgement:
    """Hold `claim` against the library. `about` is more that it is about, such as the question that it answers."""
    mere = claim.kind == "answer"
    said = ACCORDING.sub("", claim.text)
    facts = facts_of(f"{about} {said}" if mere else said)
    context = facts_of(f"{claim.about}. {about}" if about else claim.about)
    wanted = {*facts.keys, *context.keys}
    found = [_compare(facts, context, excerpt, library, mere=mere) for excerpt in library.near(wanted, only)]
    for compared in sorted(found, key=lambda each: -(each.covered + each.in_sentence)):
        if (why := _supports(facts, compared, mere=mere)) is not None:
            return Judgement(claim, "supported", why, _sure(0.6, compared), compared.excerpt)
    refuting = [r for compared in found if (r := _refutes(claim, facts, context, compared))]
    if refuting and not _disputed(refuting, found):
        return max(refuting, key=lambda each: each.confidence)
    if not mere and (contradicted := _contradicted(claim, said, library, wanted, only)) is not None:
        return contradicted
    closest = max(found, key=lambda each: each.covered + each.in_sentence, default=None)
    if closest is None or closest.covered < IN_SENTENCE:
        return Judgement(claim, "not found", "no passage speaks of it", 0.5, closest.excerpt if closest else None)
    return Judgement(claim, "not found", _lacking(closest), 0.5, closest.excerpt)


def _contradicted(
    claim: Claim, text: str, library: Library, wanted: set[str], only: frozenset[int] | None
) -> Judgement | None:
    """As what the passages state of the claim's subject, sentence by sentence, says otherwise, and none says so."""
    if claim.kind == "row" or not (facts_of(text).of("number", "date") or " by " in text):
        return None
    stated = library.stated(wanted, only)
    known = frozenset(word for _, its in stated if its.subject is not None for word in its.subject.words)
    said, _ = (of_pair if claim.kind == "pair" else statements)(text, headed(claim.about, known=known))
    for mine in said:
        for excerpt, its in stated:
            pair = contrast(mine, its)
            if pair is not None and not any(agree(mine, other, pair.ours) for _, other in stated):
                right = its.facts.text[pair.theirs.start : pair.theirs.end]
                reason = f"the passage has {shown(pair.theirs)} where the claim has {shown(pair.ours)}"
                return Judgement(claim, "refuted", reason, STATED, excerpt, pair.ours, right)
    return None


def _compare(facts: Facts, context: Facts, excerpt: Excerpt, library: Library, *, mere: bool) -> Compared:
    values = facts.of("number", "date", "name")
    roles = tuple(role_of(facts, place, excerpt) for place, _ in values[:MOST_VALUES])
    roles += tuple(Role(token, Match.unknown) for _, token in values[MOST_VALUES:])
    weights = {
        token: sum(map(library.weight, token.keys)) or 1.0
        for token in facts.tokens
        if token.kind == "word" and not (mere and token.key in ASKING)
    }
    total = sum(weights.values()) + sum(2.0 for _ in roles)
    held = sum(2.0 for role in roles if role.match in AGREES)
    around = held + sum(w for token, w in weights.items() if token.key in excerpt.around.keys)
    within = held + sum(w for token, w in weights.items() if token.key in excerpt.facts.keys)
    theirs = excerpt.facts.keys
    back = len(theirs & (facts.keys | context.keys)) / len(theirs) if theirs else 0.0
    return Compared(
        excerpt,
        around / total if total else 0.0,
        within / total if total else 0.0,
        back,
        len(facts.keys & theirs),
        roles,
    )


def _supports(facts: Facts, compared: Compared, *, mere: bool) -> str | None:
    if compared.covered < (COVERED_ANSWER if mere else COVERED) or compared.in_sentence < IN_SENTENCE:
        return None
    if any(role.match not in AGREES or role.elsewhere for role in compared.roles):
        return None
    if _unread(facts, compared.excerpt) or _doubled(facts, compared.excerpt.facts):
        return None
    if mere and any(role.rivals for role in compared.roles):
        return None
    placed = all(role.score >= 0.5 for role in compared.roles if role.kind != "name")
    if not placed and compared.in_sentence < NEARLY_ALL:
        return None
    if _turned(facts, compared.excerpt):
        return None
    near = [role for role in compared.roles if role.match is Match.near and role.theirs is not None]
    notes = [f"{role.ours_text} stands for {shown(role.theirs)}" for role in near if role.theirs]
    return "; ".join(["the passage says so", *notes])


def _unread(facts: Facts, excerpt: Excerpt) -> bool:
    """True if the claim has figures that are no value, such as a code, and the passage does not have them."""
    return any(
        token.kind == "word" and any(map(str.isdigit, token.key)) and token.key not in excerpt.around.keys
        for token in facts.tokens
    )


def _doubled(facts: Facts, theirs: Facts) -> bool:
    """True if the claim has a value more often than the sentence, which has another there."""
    mine, its = facts.of("number", "date")[:MOST_VALUES], theirs.of("number", "date")
    spare = any(not any(match_values(own, token) in AGREES for _, own in mine) for _, token in its)
    return spare and any(
        sum(match_values(own, other) is Match.equal for _, other in mine)
        > max(1, sum(match_values(own, token) in AGREES for _, token in its))
        for _, own in mine
    )


def _turned(facts: Facts, excerpt: Excerpt) -> bool:
    """True if the claim and the sentence are of opposite sense: one is negated, or says less where the other more."""
    if bool(facts.negations) != bool(excerpt.facts.negations):
        return True
    return any(
        pair in excerpt.facts.directions and not sides & excerpt.facts.directions[pair]
        for pair, sides in facts.directions.items()
    )


def _refutes(claim: Claim, facts: Facts, context: Facts, compared: Compared) -> Judgement | None:
    if facts.negations or compared.excerpt.facts.negations or claim.kind in ("row", "answer"):
        return None
    wrong = [role for role in compared.roles if role.match is Match.different]
    others = [role for role in compared.roles if role.match not in AGREES and role.match is not Match.different]
    if len(wrong) != 1 or others or any(role.elsewhere for role in compared.roles):
        return None
    role = wrong[0]
    if role.theirs is None or not _same_subject(facts, context, compared, role):
        return None
    if not _one_of_a_kind(facts, compared, role) or doubtful(facts, compared.excerpt.facts, role.theirs):
        return None
    reason = f"the passage has {shown(role.theirs)} where the claim has {role.ours_text}"
    right = compared.excerpt.facts.text[role.theirs.start : role.theirs.end]
    sure = min(0.97, 0.5 + 0.3 * compared.in_sentence + 0.05 * min(4, role.score))
    return Judgement(claim, "refuted", reason, round(sure, 2), compared.excerpt, role.ours, right)


def _same_subject(facts: Facts, context: Facts, compared: Compared, role: Role) -> bool:
    """True if the sentence is about what the claim is about: the names agree, and most other words are there."""
    words = [token for token in facts.tokens if token is not role.ours]
    if not words:
        return False
    held = [t for t in words if t.kind != "word" or t.key in compared.excerpt.facts.keys]
    named = [r for r in compared.roles if r.kind == "name" and r is not role]
    about = [token for _, token in context.of("name")]
    if not named and not about and compared.shared < MANY_SHARED and not _same_but(facts, compared, role):
        return False
    if (named or about) and not (
        _named_here(named, compared.excerpt) if named else any(_about(token, compared.excerpt) for token in about)
    ):
        return False
    if named and _namesake(named[0], compared.excerpt):
        return False
    shared = [t for t in held if t.kind == "word"]
    here = [r for r in named if r.theirs is not None]
    return len(held) / len(words) >= SAME_SUBJECT and bool(shared) and len(shared) + len(here) >= LEAST_SHARED


def _one_of_a_kind(facts: Facts, compared: Compared, role: Role) -> bool:
    """True if a thing has only one such value: the role is of that sort, or the sentences are the same but for it."""
    if role.kind == "name":
        return _only_such_name(facts, compared, role)
    if role.score < 1.0:
        return False
    near = {key for key in role.near if key}
    often = facts.keys & compared.excerpt.facts.keys & REPEATABLE
    if near & FUNCTIONAL and not often and _first_named(facts, compared):
        return True
    if _nearly_same(facts, compared) and role.score >= 1.5:
        return not often or compared.shared >= VERY_MANY_SHARED
    return not often and _same_but(facts, compared, role)


def _only_such_name(facts: Facts, compared: Compared, role: Role) -> bool:
    """As `_one_of_a_kind`, for a name. A claim with another subject says another thing, unless that holds both ways."""
    shared = {key for key in facts.keys & compared.excerpt.facts.keys if key}
    if _nested(facts, compared.excerpt.facts, role, placed=bool((shared & PLACING) - MUTUAL)):
        return False
    if facts.tokens[0] is role.ours and not shared & MUTUAL:
        return False
    if _nearly_same(facts, compared) and role.both_sides and compared.back >= IN_SENTENCE:
        return True
    others = [
        token
        for _, token in compared.excerpt.facts.of("name")
        if not any(match_values(own, token) is Match.equal for _, own in facts.of("name"))
    ]
    made_by = role.theirs is not None and role.ours.before in BY and role.theirs.before in BY
    only = shared & (FUNCTIONAL if made_by else PLACING)
    return bool(only) and not shared & REPEATABLE and len(others) == 1 and _same_but(facts, compared, role)


def _nested(facts: Facts, theirs: Facts, role: Role, *, placed: bool) -> bool:
    """True if one name may be a part of the other: a town and its country, an English and a British film."""
    ours, other = role.ours.value, role.theirs.value if role.theirs else None
    if not (isinstance(ours, Name) and isinstance(other, Name)):
        return False
    if people(ours) and people(other):
        return True
    if region(ours) != region(other) and (role.ours.before in AT or _after_name(facts, role.ours)):
        return True
    if not placed or region(ours) or role.both_sides:
        return False
    mine, its = _following(facts, role.ours), _following(theirs, role.theirs)
    return mine is None or its is None or match_values(mine, its) is not Match.equal


def _after_name(facts: Facts, token: Token) -> bool:
    """True for the country after a town."""
    at = facts.tokens.index(token) if token in facts.tokens else 0
    return at > 0 and facts.tokens[at - 1].kind == "name" and not token.before


def _following(facts: Facts, token: Token | None) -> Token | None:
    """The name just after a name, such as the country after a town."""
    at = facts.tokens.index(token) + 1 if token in facts.tokens else len(facts.tokens)
    return facts.tokens[at] if at < len(facts.tokens) and facts.tokens[at].kind == "name" else None


def _first_named(facts: Facts, compared: Compared) -> bool:
    """True if the first name of the sentence is one of the claim's: then the sentence has the same subject."""
    first = next((token for _, token in compared.excerpt.facts.of("name")), None)
    named = facts.of("name")
    return first is None or not named or any(match_values(own, first) is Match.equal for _, own in named)


def _nearly_same(facts: Facts, compared: Compared) -> bool:
    """True if the sentence has nearly all that the claim has, and that is much."""
    all_but_one = NEARLY_ALL - 2.0 / (2.0 + 2 * len(facts.tokens))
    return compared.in_sentence >= all_but_one and compared.shared >= MANY_SHARED


def _same_but(facts: Facts, compared: Compared, role: Role) -> bool:
    """True if the sentence has all that the claim has but for the one value, and not much more."""
    theirs = compared.excerpt.facts
    held = all(token.value is not None or token.key in theirs.keys for token in facts.tokens)
    here = all(other.theirs is not None for other in compared.roles if other is not role)
    return held and here and len(facts.tokens) > LEAST_SHARED and len(theirs.tokens) <= 2 * len(facts.tokens) + 1


def _disputed(refuting: list[Judgement], found: list[Compared]) -> bool:
    """True if another sentence has the claim's value in the same role: then the passages do not agree."""
    return any(
        role.match in AGREES and role.score >= 1.0 and not role.elsewhere
        for judgement in refuting
        for compared in found
        for role in compared.roles
        if role.ours is judgement.wrong and role.kind != "name" and compared.in_sentence >= SAME_SUBJECT
    )


def _namesake(role: Role, excerpt: Excerpt) -> bool:
    """True if the sentence names only a part of the claim's name, and the passage has that part in another name."""
    ours, theirs = role.ours.value, role.theirs.value if role.theirs else None
    first = next((token.value for _, token in excerpt.facts.of("name")), None)
    if not (isinstance(ours, Name) and isinstance(theirs, Name) and isinstance(first, Name)):
        return False
    if covers(theirs, ours) and not covers(first, ours) and same_name(first, ours):
        return True
    if len(theirs.words) >= len(ours.words):
        return False
    full = [name for _, token in (*excerpt.title.of("name"), *excerpt.opening) if isinstance(name := token.value, Name)]
    return any(covers(name, theirs) and not same_name(ours, name) for name in full)


def _named_here(named: list[Role], excerpt: Excerpt) -> bool:
    """True if the sentence itself names the subject, or names none and the passage is about it."""
    return named[0].theirs is not None or _about(named[0].ours, excerpt)


def _about(token: Token, excerpt: Excerpt) -> bool:
    """True if the sentence is about what `token` names: it says so, or speaks of ``it`` below such a title."""
    if any(match_values(token, other) is Match.equal for _, other in excerpt.facts.of("name")):
        return True
    own = next(iter(excerpt.facts.of("name")), None)
    titled = any(
        match_values(token, other) is Match.equal for _, other in (*excerpt.title.of("name"), *excerpt.opening)
    )
    return titled and (own is None or own[0] > 1 or bool(PRONOUN.match(excerpt.text)))


def _lacking(compared: Compared) -> str:
    """What the closest passage does not say."""
    missing = [role.ours_text for role in compared.roles if role.match not in AGREES]
    if missing:
        return f"the closest passage does not say {', '.join(missing[:4])}"
    if any(role.elsewhere for role in compared.roles):
        return "the closest passage says it of something else"
    return "the closest passage says only a part of it"


def _sure(least: float, compared: Compared) -> float:
    return round(min(0.98, least + 0.2 * compared.covered + 0.2 * compared.in_sentence), 2)
