"""Names of people, places, works and organisations, found by their capitals, and when two of them name the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from revet.tools._claims.words import STOP, TITLES, short_forms, unaccented

__all__ = ["Name", "Named", "covers", "names", "same_name"]

MOST_WORDS = 12
_WORD = r"[^\W\d_](?:[\w'’]|[-‐](?=[^\W_])|\.(?=[a-z]))*+"
WORDS = re.compile(rf"(?:[^\W\d_]\.){{1,4}}|{_WORD}|(?<!\d)\d++(?=[^\W\d_])")
_JOINING = "of the de la le van von der den da do di du del dos el al bin ibn for & y"
JOINING = frozenset(_JOINING.split())
SPACE = re.compile(r"[ \t\u00a0]*(?:&[ \t])?\Z")
ROMAN = re.compile(r"[ivxlcdm]+")
DEMONYMS = frozenset(("n", "an", "ian", "ese", "ish", "i", "y"))
"""``Iran`` and ``Iranian`` go together, ``Niger`` and ``Nigeria`` do not."""
POSSESSIVE = re.compile(r"['’]s?\Z")
ACTS = re.compile(
    r"['’]s\b|\s(?:is|was|has|had|are|were|became|won|lies|ist|war|hat|wurde|liegt|starb|est|était|fut|es|fue|nació|murió)\b"
)
"""What follows a name at the beginning of a sentence."""
SENTENCE_START = re.compile(r"(?:\A|[.!?…:;]|[\n•*\-–—>|])[\s\"'“”‘’«»„()\[\]*_]*\Z")
_WELL_KNOWN = {
    "us": "united states", "usa": "united states", "u.s": "united states", "america": "united states",
    "united states america": "united states", "uk": "united kingdom", "u.k": "united kingdom",
    "great britain": "united kingdom", "britain": "united kingdom", "eu": "european union",
    "un": "united nations", "ussr": "soviet union", "uae": "united arab emirates", "la": "los angeles",
    "nyc": "new york city", "holland": "netherlands", "burma": "myanmar", "persia": "iran",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """A name as it is written. `weak`: one word at the beginning of a sentence, which may be no name at all."""

    text: str
    weak: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that tell, without titles, articles, possessives, case and accents."""
        plain = re.sub(r"['’]s?(?!\w)", "", unaccented(self.text))
        said = [word.strip(".'’") for word in re.split(r"[\s\-‐]+", plain)]
        telling = [word for word in said if word and word not in TITLES and word not in JOINING]
        return tuple(telling or [word for word in said if word])

    @cached_property
    def joined(self) -> str:
        whole = " ".join(self.words)
        return _WELL_KNOWN.get(whole, whole)


class Named(NamedTuple):
    """A name and where it stands."""

    start: int
    end: int
    name: Name


def names(text: str) -> Iterator[Named]:
    """Every run of capitalised words, with the small words inside it (``Bank of England``). Not an article before."""
    run: list[re.Match[str]] = []
    for word in WORDS.finditer(text):
        if run and (
            POSSESSIVE.search(run[-1][0])
            or not SPACE.fullmatch(text, run[-1].end(), word.start())
            or len(run) >= MOST_WORDS
        ):
            yield from _named(text, run)
            run = []
        if _capital(word[0]) or (run and word[0] in JOINING):
            run.append(word)
        elif run:
            yield from _named(text, run)
            run = []
    yield from _named(text, run)


def covers(theirs: Name, ours: Name) -> bool:
    """True if `theirs` holds all that `ours` says: ``Nicholas Wulstan Park`` covers ``Nick Park``, not the reverse."""
    return same_name(ours, theirs) and (
        len(ours.words) <= len(theirs.words) or ours.joined == theirs.joined or _acronym(theirs.words, ours.words)
    )


def same_name(ours: Name, theirs: Name) -> bool:
    """True if both may name the same: equal, a part (``Park``), initials, an acronym, a usual short form."""
    a, b = ours.words, theirs.words
    if not a or not b:
        return False
    if ours.joined == theirs.joined or "".join(a) == "".join(b):
        return True
    if _acronym(a, b) or _acronym(b, a):
        return True
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    initials = any(len(word) == 1 for word in (*a, *b))
    if initials and (min(len(a[-1]), len(b[-1])) == 1 or not _same_word(a[-1], b[-1])):
        return False  # an initial stands for a first name only
    return all(any(_same_word(one, other) for other in many) for one in few)


def _same_word(one: str, other: str) -> bool:
    if one == other or other in short_forms(one):
        return True
    short, long = sorted((one, other), key=len)
    if len(short) == 1:
        return long.startswith(short)
    return len(short) >= 3 and long.startswith(short) and long[len(short) :] in DEMONYMS and not ROMAN.fullmatch(short)


def _acronym(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    if len(short) != 1 or len(long) < 2:
        return False
    letters = short[0].replace(".", "")
    return len(letters) > 1 and letters == "".join(word[0] for word in long)


def _capital(word: str) -> bool:
    return word[0].isupper() or (len(word) > 1 and any(letter.isupper() for letter in word[1:]))


def _named(text: str, run: list[re.Match[str]]) -> Iterator[Named]:
    first = SENTENCE_START.search(text, max(0, run[0].start() - 12), run[0].start()) if run else None
    while run and (run[0][0].lower() in STOP or run[0][0] in JOINING) and not _all_caps(run[0][0]):
        run = run[1:]
        first = None
    while run and run[-1][0] in JOINING:
        run = run[:-1]
    if not run:
        return
    start, end = run[0].start(), run[-1].end()
    if text[end - 1] == "." and len(run[-1][0]) > 2 and run[-1][0].count(".") == 1:
        end -= 1
    alone = first is not None and len(run) == 1 and not _inner_capital(run[0][0])
    weak = alone and not ACTS.match(text, end)
    yield Named(start, end, Name(text[start:end], weak))


def _all_caps(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def _inner_capital(word: str) -> bool:
    return any(letter.isupper() for letter in word[1:])
