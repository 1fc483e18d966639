"""Finds what a text claims to be equal (or less, or about): chains ``a = b = c`` of expressions, with their places."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from revet.tools._calculate.numbers import NUMBER_WORDS
from revet.tools._calculate.parse import NotReadable, Reader, calculates
from revet.tools._calculate.terms import Term
from revet.tools._calculate.tokens import Token, tokens

__all__ = ["LEADS", "Link", "Member", "links", "marks_in"]

MOST_STARTS, MOST_RELATIONS, MOST_MARKS = 24, 1000, 500
LONGEST_MEMBER = 120
IS = {"is", "equals", "are", "was", "makes", "gives", "leaves"}
ORDINAL = {
    "step", "day", "week", "month", "year", "question", "part", "problem", "equation", "option", "chapter", "figure",
    "line", "case", "method", "number", "no", "page", "version", "grade", "level", "example", "phase", "section",
}  # fmt: skip
CLINGING = {"of", "times", "plus", "minus", "by", "percent", "point", "over", *NUMBER_WORDS}
UNCERTAIN = {
    "more", "less", "fewer", "times", "percent", "percentage", "out", "of", "million", "thousand", "hundred",
    "billion", "dozen", "older", "younger", "or", "to", "%",
}  # fmt: skip
LEADS = {"so", "then", "thus", "hence", "therefore", "because", "since", "that", "means", "get", "and", "know"}
AMOUNTS = {
    "total", "sum", "cost", "price", "amount", "bill", "distance", "profit", "weight", "revenue", "value", "rate",
    "speed", "length", "height", "area", "volume",
}  # fmt: skip
COUNTS = {"once", "twice", "thrice", "single", "double", "doubled", "triple", "tripled", "both", "pair", "couple"}
ANNOTATION = re.compile(r"<<([^<>\n]*)>>")


@dataclass(frozen=True)
class Member:
    """One side of a relation. `opens`: nothing stands before it that it may depend on."""

    term: Term
    start: int
    end: int
    opens: bool = False


@dataclass(frozen=True)
class Link:
    """``left relation right``; `word` where the relation is a word. `follows` in a chain."""

    left: Member
    relation: str
    right: Member
    follows: bool = False
    word: bool = False

    @property
    def span(self) -> tuple[int, int]:
        return self.left.start, self.right.end


def links(text: str, *, labels: bool = True) -> list[Link]:
    """Every relation in `text` between two expressions that can be read, in order. `labels`: see `Reader`."""
    every = (link for segment in _segments(tokens(text)) for link in _in_segment(segment, labels))
    return [link for link in itertools.islice(every, MOST_RELATIONS) if link is not None]


def marks_in(text: str) -> Iterator[tuple[int, str, int]]:
    """The calculator annotations ``<<40*4=160>>``: where the inside starts, the inside, where the mark ends."""
    for match in itertools.islice(ANNOTATION.finditer(text), MOST_MARKS):
        yield match.start(1), match[1], match.end()


def _segments(found: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens between breaks. A line that begins with a relation goes on with the line before."""
    segment: list[Token] = []
    depth = 0
    for index, token in enumerate(found):
        if token.kind == "open":
            depth += 1
        elif token.kind == "close":
            depth = max(0, depth - 1)
        if token.kind == "comma" and not depth and _decimal(found, index):
            token = replace(token, kind="clock")
        if token.kind == "break" or (token.kind == "comma" and not depth):
            if token.text in ("\n", "\\") and segment and _goes_on(found, index):
                continue
            depth = 0
            if any(_relates(each) for each in segment):
                yield segment
            segment = []
            continue
        segment.append(token)
    if any(_relates(each) for each in segment):
        yield segment


def _decimal(found: Sequence[Token], index: int) -> bool:
    """Whether a comma stands between digits that are one number: 3,50."""
    if not 0 < index < len(found) - 1:
        return False
    before, comma, after = found[index - 1 : index + 2]
    return before.kind == after.kind == "number" and comma.glued and after.glued and not after.money


def _goes_on(found: Sequence[Token], index: int) -> bool:
    for token in found[index : index + 6]:
        if token.kind == "relation":
            return token.text in "=≈"
        if token.kind != "break" or token.text not in ("\n", "\\"):
            return False
    return False


def _relates(token: Token) -> bool:
    return token.kind == "relation" or (token.kind == "word" and token.text.lower() in IS)


def _in_segment(segment: list[Token], labels: bool) -> Iterator[Link | None]:
    """What each relation of the segment says, None where that cannot be read."""
    places = _relations(segment)
    begin = 0
    follows: Member | None = None
    for number, (at, length, relation, word) in enumerate(places):
        after = places[number + 1][0] if number + 1 < len(places) else len(segment)
        left = follows or _ending(segment, begin, at, labels)
        right, whole = _beginning(segment, at + length, after, labels)
        if left is not None and right is not None and not (word and not _says(segment, left, right, at, after)):
            yield Link(left, relation, right, follows=follows is not None, word=word)
        else:
            yield None
        follows = right if whole else None
        begin = at + length


def _relations(segment: Sequence[Token]) -> list[tuple[int, int, str, bool]]:
    """Where the relations are: index, length in tokens, sign, whether it is a word."""
    places: list[tuple[int, int, str, bool]] = []
    skip = -1
    for index, token in enumerate(segment):
        if index <= skip:
            continue
        if token.kind == "relation":
            places.append((index, 1, token.text, False))
        elif token.kind == "word" and token.text.lower() in IS:
            length = 1
            rest = [each.text.lower() for each in segment[index + 1 : index + 4]]
            relation = "="
            if rest[:2] == ["equal", "to"]:
                length = 3
            elif rest[:1] in (["about"], ["approximately"], ["roughly"], ["almost"], ["nearly"]):
                length, relation = 2, "≈"
            elif rest[:2] in (["less", "than"], ["smaller", "than"]):
                length, relation = 3, "<"
            elif rest[:2] in (["greater", "than"], ["more", "than"], ["larger", "than"]):
                length, relation = 3, ">"
            skip = index + length - 1
            places.append((index, length, relation, True))
    return places


def _ending(segment: Sequence[Token], begin: int, end: int, labels: bool) -> Member | None:
    """The longest expression that ends where the relation stands."""
    first = max(begin, end - LONGEST_MEMBER)
    tried = 0
    for start in range(first, end):
        token = segment[start]
        if not _may_start(segment, start, begin):
            continue
        tried += 1
        if tried > MOST_STARTS:
            return None
        reader = Reader(segment, start, end, labels=labels)
        try:
            term = reader.expression()
        except NotReadable:
            continue
        if reader.at != end:
            continue
        if start > begin and _clings(segment, start - 1):
            return None
        return Member(term, token.start, segment[end - 1].end, opens=start == begin)
    return None


def _clings(segment: Sequence[Token], at: int) -> bool:
    """Whether the word here makes what follows part of a larger expression that could not be read."""
    word = segment[at].text.lower()
    return word in CLINGING and not (word == "of" and at > 0 and segment[at - 1].text.lower() in AMOUNTS)


def _may_start(segment: Sequence[Token], start: int, begin: int) -> bool:
    token = segment[start]
    if token.kind not in ("number", "open", "function", "fraction", "word") and token.text not in "+-":
        return False
    if token.kind == "word" and token.text.lower() not in NUMBER_WORDS and len(token.text) > 1 and token.text != "pi":
        return False
    following = segment[start + 1] if start + 1 < len(segment) else None
    if start == begin:
        return token.text not in "+-" or (following is not None and following.glued)
    before = segment[start - 1]
    if token.text in "+-":
        return before.kind == "word" and not token.glued and following is not None and following.glued
    if token.kind == "number" and before.kind == "word" and before.text.lower() in ORDINAL:
        return False
    if before.kind == "close":
        return start > 2 and segment[start - 3].text == "(" and token.kind != "open" and not token.glued
    if before.text == "-" and start - 1 == begin:
        return not token.glued  # the mark of an item in a list
    return before.kind == "relation" or (
        before.kind == "word" and not token.glued and len(before.text) > 1 and before.text != "pi"
    )


def _beginning(segment: Sequence[Token], start: int, end: int, labels: bool) -> tuple[Member | None, bool]:
    """The expression that begins after a relation, and whether it is all there is up to the next one."""
    if start >= end or start >= len(segment) or segment[start].text.lower() in COUNTS:
        return None, False
    reader = Reader(segment, start, min(end, start + LONGEST_MEMBER), labels=labels, whole=False)
    try:
        term = reader.expression()
    except NotReadable:
        return None, False
    if reader.at < end:
        after, next_ = segment[reader.at], segment[reader.at + 1] if reader.at + 1 < end else None
        operand = next_ is not None and next_.kind in ("number", "open", "function", "fraction")
        if (after.kind == "operator" and operand) or after.kind in ("number", "open", "clock", "fraction"):
            return None, False
        if after.glued and after.kind == "operator" and after.text in "/^!-":
            return None, False
        if after.kind == "word" and len(after.text) == 1 and after.text not in "aAI":
            return None, False
    last = segment[reader.at - 1]
    return Member(term, segment[start].start, last.end, opens=True), reader.at == end


def _says(segment: Sequence[Token], left: Member, right: Member, at: int, after: int) -> bool:
    """Whether ``left is right`` is about numbers: something is computed, and the number is not one of another kind."""
    if not calculates(left.term) or not (left.opens or _leads(segment, left)):
        return False
    words = {token.text.lower() for token in segment[at:after] if token.kind in ("word", "operator")}
    inside = {token.text.lower() for token in segment if left.start <= token.start < left.end and token.kind == "word"}
    return not words & UNCERTAIN and not inside & {"and", "or", "than"}


def _leads(segment: Sequence[Token], left: Member) -> bool:
    """Whether a conclusion begins where the left side begins."""
    before = [token.text.lower() for token in segment if token.end <= left.start]
    return bool(before) and before[-1] in LEADS
