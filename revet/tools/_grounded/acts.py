"""What a text says was done: claims of completed acts in English, and what kind of act the name of a tool tells of.

A claim is a verb in a form that says that the act is over ("I've sent", "was deleted", "- Created …"); what is
planned, possible, denied or asked is none. Verbs stand in kinds, for one call may be told in several words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from revet.tools._grounded.vocabulary import (
    ANY,
    CLAUSE,
    CLAUSE_STOPS,
    DONE,
    INFINITIVES,
    LEADS,
    LOOKING,
    NEAR_STOPS,
    NOUNS,
    OURS,
    OVER,
    PERSONS,
    SKIPPED,
    STATES,
    TEXTS,
    WHICH,
    kinds_asked,
    kinds_told,
    lemma_of,
    verbs_of,
)

__all__ = ["Act", "Told", "acts", "asked", "sentences"]


SENTENCE = re.compile(r"[^\s](?:[^.!?\n]|[.!?](?=\S)|\.(?=\s[a-z]))*[.!?]*")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*|[,;:()–—•*-]|\d[\w.]*")
MOST_BACK = 24
COMPOSE = frozenset(("write", "create", "generate", "make", "produce", "give", "add", "provide"))
POLITE = re.compile(r"\b(?:can|could|will|would) you\b", re.IGNORECASE)
WRITTEN = verbs_of("create", "update", "convert", "configure", "share", "submit", "delete", "version", ANY)
CONDITIONS = frozenset(("when", "once", "if"))
NOTHING = frozenset(("no", "nothing", "none", "neither"))
PHRASES = frozenset((("commented", "out"), ("put", "together"), ("filled", "in")))
"""What says something else than the verb alone."""
NEAR = 4
"""How many words before a verb a word that denies it may stand."""


class Act(NamedTuple):
    """An act that a text says is over. `span` is the verb's place; `sure` is False where it may only tell of a state
    that was found ("is shared", "was paid"). `own` is True where the author says it of himself; what is told of others
    may be news of the world."""

    lemma: str
    kinds: frozenset[str]
    span: tuple[int, int]
    sentence: tuple[int, int]
    sure: bool
    own: bool

    @property
    def looking(self) -> bool:
        return LOOKING in self.kinds

    @property
    def general(self) -> bool:
        """True for a verb that any call may stand behind."""
        return ANY in self.kinds


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences and the lines of a list are."""
    for match in SENTENCE.finditer(text):
        yield match.span()


def acts(text: str) -> list[Act]:
    """Every act that `text` says was done, in order."""
    found = []
    for start, end in sentences(text):
        said = text[start:end]
        if said.rstrip("*_ ").endswith("?"):
            continue
        words = [(m[0].lower(), m.start() + start, m.end() + start) for m in WORD.finditer(said)]
        for number, (word, begin, until) in enumerate(words):
            before = [each for each, _, _ in words[max(0, number - MOST_BACK) : number]]
            after = [each for each, _, _ in words[number + 1 : number + 5]]
            read = _act(word, before, after)
            if read is not None:
                found.append(Act(read.lemma, kinds_told(read.lemma), (begin, until), (start, end), read.sure, read.own))
    return found


def asked(request: str) -> frozenset[str]:
    """The kinds of act that `request` asks for. A question asks for none, unless it is "can you …", "could you …"."""
    kinds: set[str] = set()
    for start, end in sentences(request):
        said = request[start:end]
        if said.rstrip("*_ ").endswith("?") and not POLITE.search(said):
            continue
        words = [match[0].lower() for match in WORD.finditer(said)]
        for number, word in enumerate(words):
            if word in COMPOSE and (word == "write" or TEXTS & {*words[number + 1 : number + 6]}):
                continue  # a text, which the answer itself may be
            before = words[number - 1] if number else ""
            if not before or before in LEADS or before.endswith("ly"):
                kinds |= kinds_asked(word) if words[number - 2 : number] != ["how", "to"] else set()
    return frozenset(kinds)


class Told(NamedTuple):
    """What a verb says is over; the fields are those of `Act`."""

    lemma: str
    sure: bool
    own: bool = False


def _act(word: str, before: list[str], after: list[str]) -> Told | None:
    """The verb that `word` says is over, None if it says no such thing."""
    clause = _clause(before)
    if word in OVER or word == "made":
        near_by = [*reversed(before), *(after if word == "made" else ())]
        noun = next((NOUNS[each] for each in near_by if each in NOUNS), None)
        told = before[-1:] and before[-1] in DONE | SKIPPED | NOUNS.keys() | {"successfully"}
        if noun is not None and told and not _stopped(clause):
            return Told(noun, word not in ("completed", "made") or before[-1] not in STATES)
    lemma = lemma_of(word)
    if lemma is None or _stopped(clause) or _elsewise(word, lemma, clause, after):
        return None
    near = clause
    while near and (near[-1] in SKIPPED or near[-1].endswith("ly") or lemma_of(near[-1])):
        near = near[:-1]
    if "successfully" in clause[-3:] or "successfully" in after:
        return Told(lemma, True, bool((PERSONS | OURS) & set(clause)))
    if not near:
        return Told(lemma, True) if word not in ("given", lemma) and _begins(before, after) else None
    last = near[-1]
    if last == "and":
        clauses = before[: -1 if before[-1] == "and" else None]
        earlier = set(clauses)
        if not (DONE | PERSONS) & earlier or _stopped(clauses, len(clauses)) or ("we" in earlier and word == lemma):
            return None
        own = bool(({"i"} | OURS) & earlier)
        return Told(lemma, own or bool({"been", "we"} & earlier), own)
    if last in PERSONS:
        return None if last == "we" and word == lemma else Told(lemma, True, last == "i")  # "we set x" is said of now
    if last in STATES and near[-2:-1] and near[-2] in PERSONS:
        return None  # "we are given": done to us
    if last in DONE and "been" in clause[-3:] and (last in OURS or near[-2:-1] in (["i"], ["we"])):
        return None  # "I have been given": done to us
    if last in DONE:
        # Without "been", and of somebody else, it may be a story: "Ann has sent two letters".
        own = last in OURS or near[-2:-1] in (["i"], ["we"])
        return Told(lemma, own or ("been" in clause[-3:] and not WHICH & {*near[-2:-1]}), own)
    return None


def _elsewise(word: str, lemma: str, clause: list[str], after: list[str]) -> bool:
    """Whether the verb says something else than by itself, or is done by writing: "the table I made", "I removed the
    second sentence"."""
    if CONDITIONS & {*after} or NOTHING & {*after[:1]} or (word, *after[:1]) in PHRASES:
        return True
    of_mine = clause[-3:] if PERSONS & {*clause[-1:]} else []
    return lemma in WRITTEN and bool(TEXTS & {*of_mine, *after})


def _stopped(clause: list[str], near: int = NEAR) -> bool:
    infinitive = any(pair in INFINITIVES for pair in itertools.pairwise(clause[-near - 1 :]))
    return infinitive or bool(NEAR_STOPS & set(clause[-near:])) or bool(CLAUSE_STOPS & set(clause))


def _begins(before: list[str], after: list[str]) -> bool:
    """Whether it begins its line: "- Created the note"."""
    bare = not [each for each in before if each not in "-–—•*()" and not each[0].isdigit()]
    return bare and bool(after) and after[0] not in (":", ",", "by", "to", "on", "at", "how", "that")


def _clause(before: list[str]) -> list[str]:
    """The words of the clause that a verb stands in."""
    for number in range(len(before) - 1, -1, -1):
        if before[number] in CLAUSE:
            return before[number + 1 :]
    return before
