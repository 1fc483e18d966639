"""Quotations of a text, and whether a passage has them word for word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from revet.tools._claims.citing import without_code
from revet.tools._claims.facts import keys_of
from revet.tools._claims.library import WORDING, Library, wording
from revet.tools._claims.sources import Source
from revet.tools._claims.split import pieces

__all__ = ["Quotation", "Quoted", "difference", "find_quote", "quotations"]

LEAST_WORDS = 4
"""Fewer words in quotation marks are a title, a term or irony."""
LONGEST = 2_000
CANDIDATES = 6
CLOSE = 0.6
PAIRS = re.compile(
    r"“(?P<a>[^“”]{8,2000})”|„(?P<b>[^„“”]{8,2000})[“”]|«\s?(?P<c>[^«»]{8,2000}?)\s?»|「(?P<d>[^「」]{4,2000})」"
    r"|(?<![\w\"])\"(?P<e>[^\"\n]{8,2000})\"(?!\w)|(?<![\w'’])‘(?P<f>[^‘\n]{12,1000}?)’(?!\w)"
)
OMITTED = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|\(\s*(?:…|\.\.\.)\s*\)|…|\.\.\.|\[[^\[\]]{0,80}\])\s*")
"""Left out, or put in by who quotes: both may stand for anything."""
CHANGED_LETTER = re.compile(r"\[([^\W\d_])\](?=[^\W\d_])")
"""``[t]he``, where a sentence now begins or no longer does."""


class Quotation(NamedTuple):
    """What is said to be somebody's words: ``text[start:end]``, without the marks."""

    start: int
    end: int
    text: str


class Quoted(NamedTuple):
    """Where a quotation is from: word for word (`exact`), or the wording that comes nearest."""

    source: Source
    exact: bool
    wording: str


def quotations(text: str) -> Iterator[Quotation]:
    """Every quotation of at least four words: in quotation marks, or in a block of its own. Code quotes nothing."""
    text = without_code(text)
    found = [_inner(text, match) for match in PAIRS.finditer(text)]
    found += [Quotation(p.start, p.end, text[p.start : p.end]) for p in pieces(text) if p.kind == "quote"]
    end = 0
    for quote in sorted(found):
        if quote.start >= end and len(list(keys_like(quote.text))) >= LEAST_WORDS:
            yield quote
            end = quote.end


def find_quote(quote: str, library: Library, only: frozenset[int] | None = None) -> Quoted | None:
    """The passage that has the quotation; else the nearest wording; None if no passage has anything like it."""
    plain = CHANGED_LETTER.sub(r"\1", quote[:LONGEST])
    parts = [part for part in (wording(each) for each in OMITTED.split(plain)) if part]
    if not parts:
        return None
    numbers = list(only) if only is not None else range(len(library.sources))
    for number in sorted(numbers):
        if _holds(library.plain(number), parts):
            return Quoted(library.sources[number], True, quote)
    wanted = [word for part in parts for word in part]
    nearest: tuple[float, Quoted] | None = None
    seen = {id(e.source): e.source for e in library.near(keys_of(quote), only)}
    for source in list(seen.values())[:CANDIDATES]:
        likeness, words = _nearest(wanted, source.text)
        if likeness >= CLOSE and (nearest is None or likeness > nearest[0]):
            nearest = likeness, Quoted(source, False, words)
    return nearest[1] if nearest else None


def difference(said: str, true: str) -> str:
    """The true wording with what differs marked: ``the [quick → slow] fox``."""
    ours, theirs = said.split(), true.split()
    matcher = difflib.SequenceMatcher(None, [_bare(w) for w in ours], [_bare(w) for w in theirs], autojunk=False)
    parts = []
    for kind, a, b, c, d in matcher.get_opcodes():
        parts += theirs[c:d] if kind == "equal" else [f"[{' '.join(ours[a:b])} → {' '.join(theirs[c:d])}]"]
    return " ".join(parts)


def keys_like(text: str) -> Iterator[str]:
    """The words of a text; of one that is written without spaces, its characters."""
    for found in WORDING.finditer(text):
        word = found[0]
        yield from word if len(word) > 3 and not word.isascii() and "\u3040" <= word[0] <= "\u9fff" else (word,)


def _inner(text: str, match: re.Match[str]) -> Quotation:
    name = match.lastgroup or "a"
    start, end = match.span(name)
    return Quotation(start, end, text[start:end])


def _bare(word: str) -> str:
    return "".join(wording(word))


def _holds(plain: str, parts: Sequence[Sequence[str]]) -> bool:
    """True if the parts stand in the passage in this order."""
    position = 0
    for part in parts:
        wanted = f" {' '.join(part)} "
        position = plain.find(wanted, position)
        if position < 0:
            return False
        position += len(wanted) - 1
    return True


def _nearest(wanted: Sequence[str], text: str) -> tuple[float, str]:
    """How like the quotation the passage's likest wording is, and that wording."""
    spans = [found.span() for found in WORDING.finditer(text)]
    words = [_bare(text[start:end]) for start, end in spans]
    blocks = difflib.SequenceMatcher(None, words, wanted, autojunk=False).get_matching_blocks()[:-1]
    if not blocks:
        return 0.0, ""
    longest = max(blocks, key=lambda block: block.size)
    first = max(0, longest.a - longest.b)
    last = min(len(words), first + len(wanted))
    inside = words[first:last]
    likeness = difflib.SequenceMatcher(None, inside, wanted, autojunk=False).ratio()
    return likeness, text[spans[first][0] : spans[last - 1][1]]
