"""Passages, indexed by their words: which sentences are worth comparing with a claim."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from revet.tools._claims.facts import Facts, Token, facts_of, keys_of
from revet.tools._claims.sources import Source
from revet.tools._claims.split import Piece, pieces, sentences
from revet.tools._claims.statements import TO_ALL, Statement, of_cells, of_pair, statements
from revet.tools._claims.topics import headed, telling_names

__all__ = ["WORDING", "Excerpt", "Library", "wording"]

MOST_TERMS, MOST_LISTED = 16, 400
MOST_WHOLE = 600
FIRST_LINES = 3
"""A passage that begins below is from within a document."""
PASSAGES, SENTENCES, MOST_SENTENCES = 8, 8, 60
WORDING = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-"})


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A sentence of a passage: ``source.text[start:end]``, and the place of it among the passage's `spans`.

    A row of a table and a line ``key: value`` stand alone below what is `above` them: nothing beside them counts.
    """

    source: Source
    place: int
    spans: tuple[tuple[int, int], ...]
    kind: str = "text"
    above: str = ""

    @property
    def start(self) -> int:
        return self.spans[self.place][0]

    @property
    def end(self) -> int:
        return self.spans[self.place][1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def alone(self) -> bool:
        return self.kind in ("row", "pair")

    @cached_property
    def facts(self) -> Facts:
        return facts_of(self.text)

    @cached_property
    def title(self) -> Facts:
        return facts_of(self.source.title or self.source.place)

    @cached_property
    def opening(self) -> list[tuple[int, Token]]:
        """The first name of the passage: what it is about, if it has no title."""
        return self.whole.of("name")[:1]

    @cached_property
    def around(self) -> Facts:
        """The passage's title, the two sentences before this one, this one, and the next."""
        if self.alone:
            return self.whole
        first, last = max(0, self.place - 2), min(len(self.spans) - 1, self.place + 1)
        return facts_of(f"{self.source.title}. {self.source.text[self.spans[first][0] : self.spans[last][1]]}")

    @cached_property
    def whole(self) -> Facts:
        if self.alone:
            return facts_of(f"{self.source.title}. {self.above}. {self.text}")
        return facts_of(f"{self.source.title}. {self.source.text}", most=MOST_WHOLE)


class Library:
    """The passages that claims are held against. To be used by one thread at a time."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = list(sources)
        self._plain: dict[int, str] = {}
        self._holding: dict[str, list[int]] = defaultdict(list)
        for number, source in enumerate(self.sources):
            for key in dict.fromkeys(keys_of(f"{source.title} {source.text}")):
                self._holding[key].append(number)
        self._read = lru_cache(maxsize=2_000)(self._excerpts)
        self._said = lru_cache(maxsize=2_000)(self._statements)

    def weight(self, key: str) -> float:
        """How telling a word is: the rarer in the passages, the more."""
        held = len(self._holding.get(key, ()))
        return math.log(1 + (len(self.sources) + 1) / (held + 0.5))

    def plain(self, number: int) -> str:
        """The words of a source between single spaces, as quotations are looked for."""
        if number not in self._plain:
            self._plain[number] = f" {' '.join(wording(self.sources[number].text))} "
        return self._plain[number]

    def near(self, keys: Iterable[str], only: frozenset[int] | None = None) -> list[Excerpt]:
        """The sentences that share most with `keys`, best first; of the sources numbered `only`, if given."""
        wanted = set(keys)
        ranked = [
            (sum(self.weight(key) for key in excerpt.facts.keys & wanted), excerpt)
            for number in self._best(wanted, only)
            for excerpt in self._read(number)
        ]
        ranked.sort(key=lambda each: -each[0])
        return [excerpt for score, excerpt in ranked[:SENTENCES] if score > 0]

    def stated(self, keys: Iterable[str], only: frozenset[int] | None = None) -> list[tuple[Excerpt, Statement]]:
        """What the passages that share most with `keys` state, sentence by sentence, each with its subject."""
        return [each for number in self._best(set(keys), only) for each in self._said(number)]

    def _best(self, wanted: set[str], only: frozenset[int] | None) -> list[int]:
        """The passages that share most with the keys `wanted`."""
        rarest = sorted((key for key in wanted if key in self._holding), key=lambda key: (-self.weight(key), key))
        scores: Counter[int] = Counter()
        for key in rarest[:MOST_TERMS]:
            weight = self.weight(key)
            listed = self._holding[key]
            for number in listed if only is not None else listed[:MOST_LISTED]:
                if only is None or number in only:
                    scores[number] += weight  # type: ignore[assignment]
        return sorted(scores, key=lambda number: (-scores[number], number))[:PASSAGES]

    def _excerpts(self, number: int) -> tuple[Excerpt, ...]:
        source = self.sources[number]
        found = [
            (span, piece)
            for piece in _whole(source.text)
            for span in (
                [(piece.start, piece.end)]
                if piece.kind in ("row", "pair")
                else sentences(source.text, piece.start, piece.end)
            )
        ][:MOST_SENTENCES]
        spans = tuple(span for span, _ in found)
        return tuple(Excerpt(source, place, spans, p.kind, p.above) for place, (_, p) in enumerate(found))

    def _statements(self, number: int) -> tuple[tuple[Excerpt, Statement], ...]:
        """Each list and each heading begins anew with what stands above it."""
        source = self.sources[number]
        title, known = source.title, telling_names(source.text)
        within = source.line is not None and source.line > FIRST_LINES
        found: list[tuple[Excerpt, Statement]] = []
        topic, before = headed(title, "", known, within=within), ("text", "")
        for excerpt in self._read(number):
            if excerpt.kind == "row":
                found += [(excerpt, each) for each in of_cells(excerpt.text, excerpt.above)]
                continue
            if (excerpt.kind, excerpt.above) != before or excerpt.kind in ("item", "quote"):
                topic, before = headed(title, excerpt.above, known), (excerpt.kind, excerpt.above)
            read = of_pair if excerpt.kind == "pair" else statements
            said, topic = read(TO_ALL.sub("", excerpt.text), topic)
            found += [(excerpt, each) for each in said]
        return tuple(found)


def _whole(text: str) -> Iterator[Piece]:
    """The pieces of the text, and what lies between them: headings and code may say what a claim says, too."""
    end = 0
    for piece in pieces(text):
        if any(map(str.isalnum, text[end : piece.start])):
            yield Piece(end, piece.start, "text", piece.above)
        yield piece
        end = piece.end
    if any(map(str.isalnum, text[end:])):
        yield Piece(end, len(text), "text")


def wording(text: str) -> list[str]:
    """The words of a text as quotations are compared: whatever their case, and the kind of quotes and dashes."""
    return WORDING.findall(unicodedata.normalize("NFKC", text).translate(PLAIN).casefold())
