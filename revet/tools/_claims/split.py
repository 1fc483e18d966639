"""A text as claims: blocks, sentences, and the statements that a sentence joins. Each is a slice of the text.

Headings, code and questions claim nothing. A list item, a row of a table and a line of a quotation are read on their
own, knowing what stands above them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from revet.tools._claims.dates import MONTHS
from revet.tools._claims.facts import Facts, facts_of
from revet.tools._claims.names import names
from revet.tools._claims.topics import NUMBERED
from revet.tools._claims.words import STOP

__all__ = ["PAIR", "Claim", "Piece", "claims_of", "pieces", "sentences"]

LONGEST = 1_000
"""A sentence is cut at so many characters: what is longer is no sentence."""
LEAST_WORDS = 3


class Piece(NamedTuple):
    """``text[start:end]``, of one kind: ``text``, ``item``, ``row``, ``pair`` (``key: value``) or ``quote``.

    `above` is what introduces it: of a row, the headings of its columns.
    """

    start: int
    end: int
    kind: str
    above: str = ""


class Claim(NamedTuple):
    """A statement that can be checked: ``text == whole[start:end]``. `about` names what it is about, if it does not."""

    start: int
    end: int
    text: str
    about: str = ""
    kind: str = "text"


_ABBREVIATED = (
    "abb tab kap bspw mr mrs ms dr prof st jr sr inc ltd co corp vs etc e.g i.e eg ie cf al no nos vol vols fig "
    "figs ed eds est approx ca c b d r p pp ch sec dept univ gen col lt sgt capt cmdr adm gov sen rep hon rev fr "
    "mt ft ave blvd jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun z.b bzw usw u.a "
    "d.h nr bd hl evtl ggf vgl sog u.s u.k u.n a.m p.m ph.d m.a b.a b.c a.d v.chr n.chr sra mme mlle "
)
ABBREVIATED = frozenset(_ABBREVIATED.split())
_MAY_END = "inc ltd co corp etc jr sr al u.s u.k u.n a.m p.m ph.d a.d b.c"
MAY_END = frozenset(_MAY_END.split())
"""Abbreviations that end many a sentence, too."""
NEXT = re.compile(r"[\s\"'“„(]*([^\W\d_]{1,12})")
END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s|\Z|[A-ZÄÖÜ])|[。！？]++[」』”]*+|।")
LAST_WORD = re.compile(r"[^\s(\[\"“„]{1,16}\Z")
MEASURED = re.compile(r"\d[ \u00a0][a-z]{1,3}\Z")
OPENER = re.compile(r"[\s\"'“”‘’«»„(\[*_]*(?P<first>\S)?")
FENCE = re.compile(r" {0,3}(```+|~~~+)")
HEADING = re.compile(r" {0,3}#{1,6}(?:\s|\Z)")
RULE = re.compile(r"\s*(?:[-=*_]\s*){3,}\Z")
ROW = re.compile(r"\s*\|.*\|\s*\Z")
ITEM = re.compile(r"\s*(?:[-*+•–·]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+")
QUOTE = re.compile(r"\s{0,3}>\s?")
PAIR = re.compile(
    r"(?:[-*+•–·]\s+)?(?:\*\*|__)?(?P<key>[^\W\d_][\w ()/%-]{1,40}?)(?:\*\*|__)?\s?:(?:\*\*|__)?\s+"
    r"(?P<value>(?:(?!\.\s)[^\n]){1,80})"
)
"""``Height: 330 m``. One such line alone is a sentence; two below each other are facts of what stands above them."""
REFERENCE = re.compile(r"\s*\[\^?[^\]\s]{1,40}\]:")
JOINT = re.compile(r";\s+(?=\S)|,\s+(?:and|but|while|whereas|und|aber|während|et|mais|y|pero)\s+(?=\S)")
PRONOUN = re.compile(r"(?:it|he|she|they|this|these|its|his|her|their|er|sie|es|il|elle|ils|él|ella)\b", re.IGNORECASE)
VERB = re.compile(
    r"(?:is|are|was|were|has|have|had|will|became|won|made|ran|led|wrote|lies|lay|ist|war|hat|wurde|wird|liegt|starb|est|était|fut|es|fue|tiene|nació|murió|"
    r"[^\W\d_]{2,}ed|[^\W\d_]{3,}s)\b"
)


def claims_of(text: str, most: int = 10_000) -> Iterator[Claim]:
    """The statements of the text that can be checked, in order, at most `most`."""
    number = 0
    for piece in pieces(text):
        about = piece.above
        for start, end in (
            [(piece.start, piece.end)] if piece.kind in ("row", "pair") else sentences(text, piece.start, piece.end)
        ):
            said = text[start:end]
            if said.rstrip("\"'”’»)]* ").endswith(("?", "？")):
                continue
            for first, last in _joined(text, start, end):
                part = text[first:last]
                own = about if first == start else _subject(said) or about
                named = own if piece.kind in ("row", "pair", "item") or PRONOUN.match(part) or first > start else ""
                if _says(facts_of(part)):
                    yield Claim(first, last, part, named, piece.kind)
                    number += 1
                    if number >= most:
                        return
            if piece.kind not in ("item", "pair"):
                about = _subject(said) or about


def pieces(text: str) -> Iterator[Piece]:
    """The paragraphs, list items, table rows and quoted lines of the text, without code, headings and references."""
    fence, start, heading, header, intro = "", -1, "", "", ""
    position = end = 0
    lines = text.splitlines(keepends=True)
    paired = [bool(PAIR.fullmatch(line.strip())) for line in lines]
    for number, line in enumerate(lines):
        begin, position = position, position + len(line)
        bare = line.rstrip()
        fenced = FENCE.match(line)
        pair = (
            paired[number]
            and not (fence or fenced)
            and any(paired[max(0, number - 1) : number] + paired[number + 1 : number + 2])
        )
        plain = not (fence or fenced or pair) and bare and not _special(bare)
        if start >= 0 and not plain:
            yield Piece(start, end, "text", heading)
            intro, start = text[start:end] if text[start:end].endswith(":") else "", -1
        if fenced and (not fence or fenced[1].startswith(fence)):
            fence = "" if fence else fenced[1]
        elif fence or not bare:
            header = header if fence else ""
        elif plain:
            start, end = (begin if start < 0 else start), begin + len(bare)
        elif pair:
            marker = ITEM.match(bare)
            yield Piece(
                begin + (marker.end() if marker else len(bare) - len(bare.lstrip())),
                begin + len(bare),
                "pair",
                intro or heading,
            )
        elif HEADING.match(bare):
            heading = bare.strip("# ")
        elif ROW.match(bare):
            if header and not set(bare) <= set("|-: \t"):
                yield Piece(begin + len(bare) - len(bare.lstrip()), begin + len(bare), "row", f"{heading} {header}")
            header = header or bare.strip()
        elif not RULE.match(bare) and not REFERENCE.match(bare):
            marker = ITEM.match(bare) or QUOTE.match(bare)
            inside = begin + (marker.end() if marker else 0)
            kind = "quote" if QUOTE.match(bare) else "item"
            if inside < begin + len(bare):
                yield Piece(inside, begin + len(bare), kind, intro or heading)
    if start >= 0:
        yield Piece(start, end, "text", heading)


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Where the sentences of ``text[start:end]`` begin and end, without white space around them."""
    stop = len(text) if end is None else end
    begin = start
    for found in END.finditer(text, start, stop):
        if found.end() - begin > LONGEST or _ends(text, begin, found, stop):
            yield from _trimmed(text, begin, found.end())
            begin = found.end()
    yield from _trimmed(text, begin, stop)


def _ends(text: str, begin: int, found: re.Match[str], stop: int) -> bool:
    """True if this mark ends a sentence: not an abbreviation, an initial, or a mark inside a sentence."""
    if found[0][0] in "。！？।" or found.end() == stop:
        return True
    opener = OPENER.match(text, found.end(), stop)
    first = opener["first"] if opener and opener["first"] else ""
    glued = found.end() < stop and not text[found.end()].isspace()
    if glued:  # "in 2005.He": a space is missing, where a word of small letters or a figure ends
        before = text[max(begin, found.start() - 3) : found.start()]
        return found[0] in (".", "!", "?") and len(before) == 3 and not any(c.isupper() for c in before)
    if first.islower():
        return False
    if found[0][0] != ".":
        return True
    last = LAST_WORD.search(text, max(begin, found.start() - 20), found.start())
    word = last[0].lower() if last else ""
    following = NEXT.match(text, found.end(), stop)
    after = following[1].lower() if following else ""
    if word in MAY_END and after in STOP:
        return True
    if word.isdigit() and len(word) < 3 and after in MONTHS:
        return False
    if MEASURED.search(text, max(begin, found.start() - 12), found.start()):
        return True
    if word in ABBREVIATED or (len(word) == 1 and word.isalpha()):
        return False
    return not (word.isdigit() and len(word) < 3 and found.start() - len(word) == begin)


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    said = text[start:end]
    begin = start + len(said) - len(said.lstrip())
    stop = start + len(said.rstrip())
    while begin < stop:
        yield begin, min(stop, begin + LONGEST)
        begin += LONGEST


def _joined(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The statements of one sentence: parted where another subject or verb begins."""
    begin = start
    for joint in JOINT.finditer(text, start, end):
        left, right = text[begin : joint.start()], text[joint.end() : end]
        if len(left.split()) < LEAST_WORDS + 1 or len(right.split()) < LEAST_WORDS:
            continue
        if PRONOUN.match(right) or VERB.match(right) or _new_subject(right[:120]):
            yield begin, joint.start()
            begin = joint.end()
    yield begin, end


def _new_subject(right: str) -> bool:
    """True if a name with a verb after it begins here."""
    first = next(names(right), None)
    return first is not None and first.start < 5 and bool(VERB.match(right[first.end :].lstrip()))


def _subject(sentence: str) -> str:
    if PRONOUN.match(sentence):
        return ""
    first = next(names(sentence[:200]), None)
    if first is None or first.start >= 60:
        return ""
    number = NUMBERED.match(sentence, first.end)  # "Nimbus 4.2"
    return sentence[first.start : number.end("number")] if number else first.name.text


def _special(line: str) -> bool:
    return any(form.match(line) for form in (HEADING, RULE, ROW, ITEM, QUOTE, REFERENCE))


def _says(facts: Facts) -> bool:
    """True for what has at least three things in it, or a value and a word."""
    values = sum(token.value is not None for token in facts.tokens)
    return len(facts.tokens) >= LEAST_WORDS or (values > 0 and len(facts.tokens) >= 2)
