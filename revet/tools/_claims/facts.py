"""A sentence as what can be compared: its words by stem, its numbers, dates and names by value, in order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from revet.tools._claims.dates import Moment, dates, match_dates, say_date
from revet.tools._claims.names import Name, names, same_name
from revet.tools._claims.numbers import Match, Quantity, match_quantities, quantities, say
from revet.tools._claims.words import DIRECTIONS, NEGATIONS, STOP, stem, unaccented

__all__ = ["Facts", "Token", "facts_of", "keys_of", "match_values", "shown"]

MOST_TOKENS = 120
WORD = re.compile(r"[^\W_](?:[^\W_]|['’](?=[^\W\d_]))*+")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
NOT = re.compile(r"n['’]t\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """One thing said. `key` is a word's stem, ``""`` for a value. `before` is the small word just before it."""

    start: int
    end: int
    key: str
    value: Quantity | Moment | Name | None = None
    before: str = ""

    @property
    def kind(self) -> str:
        """``word``, ``name``, ``number`` or ``date``."""
        if self.value is None:
            return "word"
        return {Quantity: "number", Moment: "date", Name: "name"}[type(self.value)]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What of it other sentences may share: the stem, or those of a name's words."""
        if isinstance(self.value, Name):
            return tuple(stem(word) for word in self.value.words)
        return (self.key,) if self.key else ()


@dataclass(frozen=True)
class Facts:
    """A sentence, taken apart. `negations` and `directions` are what turns it round."""

    text: str
    tokens: tuple[Token, ...]
    negations: int
    directions: dict[int, set[int]]

    def of(self, *kinds: str) -> list[tuple[int, Token]]:
        """The tokens of these kinds, with their places."""
        return [(place, token) for place, token in enumerate(self.tokens) if token.kind in kinds]

    @cached_property
    def plain(self) -> str:
        """The words, without marks and accents, between single spaces."""
        words = re.findall(r"[^\W_]+", unaccented(self.text))
        return f" {' '.join(words)} "

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(key for token in self.tokens for key in token.keys)


def facts_of(text: str, most: int = MOST_TOKENS) -> Facts:
    """The sentence `text` as facts: of its first `most` tokens."""
    values = sorted(_values(text), key=lambda each: each.start)
    tokens: list[Token] = []
    negations, directions = 0, dict[int, set[int]]()
    small = ""
    for word in _words(text, values):
        if isinstance(word, Token):
            tokens.append(Token(word.start, word.end, word.key, word.value, small))
            small = ""
        else:
            plain = unaccented(word[0])
            bare = plain.replace("'", "").replace("’", "")
            negations += bare in NEGATIONS or bool(NOT.search(plain))
            turn = DIRECTIONS.get(bare) or DIRECTIONS.get(stem(bare))
            if turn:
                pair, side = turn
                directions.setdefault(pair, set()).add(side)
            if bare in STOP or bare in NEGATIONS:
                small = bare
            else:
                tokens += _said(word, small)
                small = ""
        if len(tokens) >= most:
            break
    return Facts(text, tuple(tokens), negations, directions)


def keys_of(text: str) -> Iterator[str]:
    """The stems of a text's telling words, and its digits. Quick: for an index of many passages."""
    for found in WORD.finditer(text):
        word = found[0]
        if CJK.search(word):
            yield from _pairs(word)
        elif unaccented(word) not in STOP:
            yield stem(re.sub(r"['’]s\Z", "", word))


def match_values(claim: Token, passage: Token) -> Match:
    """How a value of a claim stands to a value of a passage. Values of different kinds neither agree nor differ."""
    ours, theirs = claim.value, passage.value
    if isinstance(ours, Name) and isinstance(theirs, Name):
        return Match.equal if same_name(ours, theirs) else Match.different
    if isinstance(ours, Moment) and isinstance(theirs, Moment):
        return match_dates(ours, theirs)
    if isinstance(ours, Quantity) and isinstance(theirs, Quantity):
        return match_quantities(ours, theirs)
    year, count = (ours, theirs) if isinstance(ours, Moment) else (theirs, ours)
    if isinstance(year, Moment) and isinstance(count, Quantity) and year.bare and year.year in count.readings:
        return Match.equal
    return Match.unknown


def shown(token: Token) -> str:
    """The value for a reader."""
    value = token.value
    if isinstance(value, Name):
        return value.text
    if isinstance(value, Moment):
        return say_date(value)
    return say(value) if isinstance(value, Quantity) else token.key


def _values(text: str) -> list[Token]:
    """The values, dates first: what is part of a date is no number, and what is part of either is no name."""
    taken = bytearray(len(text) + 1)
    found: list[Token] = []
    readers: tuple[Callable[[], Iterator[tuple[int, int, Quantity | Moment | Name]]], ...] = (
        lambda: iter(dates(text)),
        lambda: iter(quantities(text)),
        lambda: (named for named in names(text) if not named.name.weak),
    )
    for reader in readers:
        for start, end, value in reader():
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                found.append(Token(start, end, "", value))
    return found


def _words(text: str, values: list[Token]) -> Iterator[Token | re.Match[str]]:
    """The values, and the words between them, in order."""
    position = 0
    for value in values:
        yield from WORD.finditer(text, position, value.start)
        yield value
        position = value.end
    yield from WORD.finditer(text, position)


def _said(word: re.Match[str], small: str) -> list[Token]:
    start, end = word.span()
    if CJK.search(word[0]):
        return [Token(start, end, key, None, small) for key in _pairs(word[0])]
    return [Token(start, end, stem(re.sub(r"['’]s\Z", "", word[0])), None, small)]


def _pairs(word: str) -> list[str]:
    """A run of characters that are written without spaces, as pairs of neighbours."""
    return [word[i : i + 2] for i in range(max(1, len(word) - 1))]
