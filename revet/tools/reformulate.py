"""Asking a search in several ways and joining what is found. Reformulations come from a model, or from the words alone.

`fused` is reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009). The ensemble of reformulations follows
GenQREnsemble (arXiv 2404.03746); see `revet.agents.chat.queries` for the one with a model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from revet.tools.corpus import COMMON, OPERATOR, WORD

__all__ = ["entities", "follow_ups", "fused", "variants"]

K = 60
"""The constant of reciprocal rank fusion, as published."""
QUOTED = re.compile(r'["“]([^"“”]{2,120})["”]')
NAME = re.compile(r"\b[A-ZÀ-ÖØ-Þ][\w'’.-]*(?:\s+(?:(?:of|the|de|la|von|van|and|&)\s+)?[A-ZÀ-ÖØ-Þ0-9][\w'’.-]*)*")
NUMBER = re.compile(r"\b\d[\d.,]*\b")
BOOLEAN = re.compile(r"\b(?:AND|OR|NOT)\b|(?<!\S)[+-](?=\w)|[*~^]")
MOST = 400
T = TypeVar("T", bound=Hashable)


def variants(query: str) -> tuple[str, ...]:
    """The query, the query without operators, and only the names, quotations and numbers in it. Each once."""
    query = " ".join(query.split())
    bare = " ".join(BOOLEAN.sub(" ", OPERATOR.sub(" ", query)).replace('"', " ").split())
    return tuple(dict.fromkeys(each for each in (query, bare, " ".join(entities(bare, query))) if each))


def entities(text: str, quoted: str = "") -> tuple[str, ...]:
    """Names (capitalised, unless only because they begin the sentence), quotations and numbers, in their order."""
    names = [match[0].strip(" .,'’-") for match in NAME.finditer(text)]
    said = [name for name in names if name.lower() not in COMMON]
    found = [*QUOTED.findall(quoted or text), *said, *NUMBER.findall(text)]
    return tuple(dict.fromkeys(each for each in found if each))


def follow_ups(query: str, texts: Sequence[str], most: int = 2) -> tuple[str, ...]:
    """What to ask next in the light of what was found: the query with each of the names that the texts say most."""
    known = {word.lower() for word in WORD.findall(query)}
    said: Counter[str] = Counter()
    for text in texts:
        for name in dict.fromkeys(entities(text[:2_000])):
            if not {word.lower() for word in WORD.findall(name)} <= known:
                said[name] += 1
    return tuple(f"{query} {name}"[:MOST] for name, _ in said.most_common(most))


def fused(rankings: Iterable[Sequence[T]], weights: Sequence[float] | None = None) -> list[T]:
    """One ranking of what several rank, best first. What many rank high comes first; equal ones as first met."""
    scores: dict[T, float] = {}
    for number, ranking in enumerate(rankings):
        weight = weights[number] if weights is not None else 1.0
        for rank, each in enumerate(dict.fromkeys(ranking), 1):
            scores[each] = scores.get(each, 0.0) + weight / (K + rank)
    return sorted(scores, key=lambda each: -scores[each])
