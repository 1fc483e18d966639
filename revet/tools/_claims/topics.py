"""Whom a text speaks of, sentence after sentence: what ``it`` and ``the bridge`` stand for, if there is one choice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from revet.tools._claims.dates import dates
from revet.tools._claims.names import Name, covers, names, same_name
from revet.tools._claims.words import CLASSES, RELATIVES, stem

__all__ = [
    "A_NEW_ONE",
    "BRACKETS",
    "HEAD",
    "NUMBERED",
    "OWN",
    "PRONOUNS",
    "STARTS",
    "Leading",
    "Topic",
    "after",
    "fullest",
    "headed",
    "kinds_of",
    "named_in",
    "opened",
    "stands_for",
    "telling_names",
]


@dataclass(frozen=True)
class Topic:
    """Whom a text speaks of. `kinds` are the nouns that stand for it; it is not `sure` after a rival for ``it``.

    `known` are words that are names for certain: one capital at the beginning of a sentence makes no name. `called` is
    how the text named the topic last. `fresh`: nothing was said yet, so that ``the company`` is what the title names.
    """

    name: Name | None = None
    kinds: frozenset[str] = frozenset()
    sure: bool = True
    others: tuple[Name, ...] = ()
    known: frozenset[str] = frozenset()
    called: Name | None = None
    fresh: bool = False


class Leading(NamedTuple):
    """The name with which a text begins, or near which it begins: ``text[start:end]``."""

    start: int
    end: int
    name: Name


MOST_OTHERS = 40
PRONOUNS = r"(?:it|he|she|they|er|sie|il|elle|él|ella)\b"
OWN = r"(?:its|his|her|their|sein|seine|ihr|ihre)\b"
STARTS = re.compile(rf"\s*(?:(?P<pronoun>{PRONOUNS})|(?P<own>{OWN})|(?:the|this|that|die|der|das)\s)", re.I)
HEAD = re.compile(r"\s*(?P<head>[a-zäöüß]{3,20})(?=\s|['’]s)")
OPENING = re.compile(r"\s*(?:in|on|at|by|since|after|before|during|from)\s[^,;]{2,60}?,\s(?=\S)", re.I)
IN_YEAR = re.compile(r"\s*(?:in|im|en|on)\s(?=\d)", re.I)
BRACKETS = re.compile(r"\s?\(([^()]{1,200})\)")
SAID_TO_BE = re.compile(r"\s(?:is|was|are|were|ist|war)\s(?:an?|the|ein|eine)\s(?P<kind>[^.;,()]{3,80})")
OF = re.compile(r"\s(?:of|in|on|at|for|from|with|between|near|von)\s|\s(?:that|which|who)\s")
NUMBERED = re.compile(
    r"\s(?P<number>\d{1,4}(?:\.\d{1,3}){0,2})(?=[*_]{0,3}\s(?:is|was|has|had|are|were|can|[a-z]{3,20}(?:s|ed))\b|['’]s\s|:?\s*\Z"
    r"|\s[a-z]{3,20}\s*\Z)"
)
PART_OF = re.compile(r"[^\W\d_]+\sof\s(?:the\s)?")
BEGINS = re.compile(r"(?:\A|[.!?:|\n]\s?)[\s\"'“(*-]*\Z")
A_NEW_ONE = re.compile(r"\s*(?:an?|one|some|another|each|every|ein|eine)\s", re.I)
NO_RIVAL = frozenset(
    (
        "in",
        "at",
        "of",
        "on",
        "near",
        "between",
        "from",
        "to",
        "by",
        "with",
        "for",
        "into",
        "over",
        "through",
        "and",
        "von",
    )
)
"""A name after one of these is no rival of the subject for the pronoun that follows."""


def headed(title: str, heading: str = "", known: frozenset[str] = frozenset(), *, within: bool = False) -> Topic:
    """A text below this title, and below this heading, speaks of what they name.

    `within`: it begins somewhere within a document, so that nobody can tell what its first ``it`` is.
    """
    for line in filter(None, (heading, title)):
        plain = BRACKETS.sub("", line)
        sure = known | (frozenset(Name(plain).words[:1]) if line is title else frozenset())
        named = next(named_in(plain, Topic(known=sure)), None)
        if named is not None:
            kinds = (stem(word) for word in re.findall(r"[a-z]{3,20}", line[named.end :]))
            words = known | set(named.name.words)
            nouns = frozenset((*kinds_of(named.name), *kinds))
            return Topic(named.name, nouns, sure=not within, known=words, fresh=not within)
    return Topic(sure=not within, known=known)


def opened(clause: str) -> tuple[str, str]:
    """``In 2021`` at the beginning, and the rest."""
    if opening := OPENING.match(clause):
        return f" {clause[: opening.end()].strip(' ,')}", clause[opening.end() :]
    year, first = IN_YEAR.match(clause), next(dates(clause[:40]), None)
    if year and first and first.start == year.end() and first.end < len(clause):
        return f" {clause[: first.end].strip()}", clause[first.end :]
    return "", clause


def named_in(text: str, topic: Topic) -> Iterator[Leading]:
    """The names of the text, each with the number that belongs to it: ``Nimbus 4.2``.

    ``Construction of the Bridge`` names the bridge, if nothing else is named so.
    """
    for start, end, name in names(text):
        if name.weak and not (set(name.words) & topic.known):
            continue
        if not start and name.words[0] not in topic.known and (part := PART_OF.match(text)) and part.end() < end:
            start, name = part.end(), Name(text[part.end() : end])
        number = NUMBERED.match(text, end)
        yield Leading(start, number.end() if number else end, Name(text[start : number.end()]) if number else name)


def fullest(name: Name, topic: Topic) -> Name:
    """The longest form of it that the text has had."""
    known = [each for each in (topic.name, *topic.others) if each is not None and covers(each, name)]
    return max(known, key=lambda each: len(each.words), default=name)


def after(text: str, topic: Topic) -> Topic:
    """What the sentence after `text` speaks of, if it only says ``it``."""
    _, text = opened(text)
    starts, every = STARTS.match(text), list(named_in(text, topic))
    begin = starts.end() if starts else 0
    own = bool(every) and every[0].start <= begin + 1
    here = fullest(every[0].name, topic) if own else topic.name
    same = here is not None and topic.name is not None and same_name(here, topic.name)
    rivals = [each for each in every if here is None or not same_name(each.name, here)]
    bare = any(not _words_before(text, each.start) & NO_RIVAL for each in rivals)
    relative = bool(starts and starts["own"]) and any(stem(word) in RELATIVES for word in text.split()[1:3])
    head = HEAD.match(text, begin) if starts and not own else None
    meant = head is not None and stands_for(head["head"], topic)
    kinds = kinds_of(here) | (topic.kinds if same or not own else frozenset())
    if own or (starts and starts["pronoun"]):
        kinds |= _said_to_be(text)
    if meant and head is not None:
        kinds |= {stem(head["head"])}
    if own and starts and (head := HEAD.match(text, every[0].end)):
        kinds |= {stem(head["head"])}
    past = [topic.name] if topic.name is not None and not same else []
    others = tuple(dict.fromkeys([*topic.others, *past, *(each.name for each in rivals)]))
    defined = own and SAID_TO_BE.match(text, every[0].end) is not None
    new = bool(A_NEW_ONE.match(text)) or (starts is not None and not (starts["pronoun"] or starts["own"]))
    sure = (own or meant or (topic.sure and not new)) and (defined or not bare) and not relative
    called = every[0].name if own else topic.called
    return Topic(here, kinds, sure, others[-MOST_OTHERS:], topic.known, called)


def stands_for(noun: str, topic: Topic) -> bool:
    """True if ``the bridge`` is what the text speaks of."""
    return stem(noun) in topic.kinds or (topic.fresh and topic.name is not None and stem(noun) in CLASSES)


def telling_names(text: str) -> frozenset[str]:
    """The words of the names of a text that are names for certain: they do not begin a sentence."""
    return frozenset(
        word
        for start, _, name in names(text)
        if not BEGINS.search(text[max(0, start - 4) : start])
        for word in name.words
    )


def kinds_of(name: Name | None) -> frozenset[str]:
    return frozenset(stem(word) for word in name.words) if name is not None else frozenset()


def _words_before(text: str, at: int) -> set[str]:
    words = [word for word in text[max(0, at - 40) : at].lower().split() if word not in ("the", "a", "an")]
    return set(words[-3:])


def _said_to_be(text: str) -> frozenset[str]:
    """``bridge`` of ``X is a suspension bridge in …``."""
    found = SAID_TO_BE.search(text[:200])
    words = OF.split(found["kind"])[0].split() if found else []
    return frozenset((stem(words[-1]),)) if words and words[-1].islower() else frozenset()
