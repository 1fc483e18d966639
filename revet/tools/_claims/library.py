"""Passages, indexed by their words: which sentences are worth comparing with a claim."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from revet.tools._claims.facts import Facts, Token, facts_of, keys_of
from revet.tools._claims.sources import Source
from revet.tools._claims.split import sentences

__all__ = ["WORDING", "Excerpt", "Library", "wording"]

MOST_TERMS, MOST_LISTED = 16, 400
MOST_WHOLE = 600
PASSAGES, SENTENCES, MOST_SENTENCES = 8, 8, 60
WORDING = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-"})


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A sentence of a passage: ``source.text[start:end]``, and the place of it among the passage's `spans`."""

    source: Source
    place: int
    spans: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        return self.spans[self.place][0]

    @property
    def end(self) -> int:
        return self.spans[self.place][1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

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
        first, last = max(0, self.place - 2), min(len(self.spans) - 1, self.place + 1)
        return facts_of(f"{self.source.title}. {self.source.text[self.spans[first][0] : self.spans[last][1]]}")

    @cached_property
    def whole(self) -> Facts:
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
        rarest = sorted((key for key in wanted if key in self._holding), key=lambda key: (-self.weight(key), key))
        scores: Counter[int] = Counter()
        for key in rarest[:MOST_TERMS]:
            weight = self.weight(key)
            listed = self._holding[key]
            for number in listed if only is not None else listed[:MOST_LISTED]:
                if only is None or number in only:
                    scores[number] += weight  # type: ignore[assignment]
        best = sorted(scores, key=lambda number: (-scores[number], number))[:PASSAGES]
        ranked = [
            (sum(self.weight(key) for key in excerpt.facts.keys & wanted), excerpt)
            for number in best
            for excerpt in self._read(number)
        ]
        ranked.sort(key=lambda each: -each[0])
        return [excerpt for score, excerpt in ranked[:SENTENCES] if score > 0]

    def _excerpts(self, number: int) -> tuple[Excerpt, ...]:
        source = self.sources[number]
        spans = tuple(sentences(source.text))[:MOST_SENTENCES]
        return tuple(Excerpt(source, place, spans) for place in range(len(spans)))


def wording(text: str) -> list[str]:
    """The words of a text as quotations are compared: whatever their case, and the kind of quotes and dashes."""
    return WORDING.findall(unicodedata.normalize("NFKC", text).translate(PLAIN).casefold())
