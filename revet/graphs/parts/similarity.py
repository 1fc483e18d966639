"""How alike two texts are, in plain Python: BLEU-4, the cosine of term frequencies, and their mean.

All are between 0 and 1. `cosine` does not mind the order of the words, `bleu` is all about it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["bleu", "closeness", "cosine", "terms_in"]

LONGEST = 4
SMOOTHING = 5.0
"""The constant K of Chen and Cherry's fourth smoothing."""


def terms_in(text: str) -> list[str]:
    """The words and signs of a text, in order, without case."""
    return re.findall(r"\w+|[^\w\s]", text.casefold())


def cosine(one: str, other: str) -> float:
    """The cosine between the term frequencies of two texts; 1 for two that hold no term, 0 if only one does."""
    first, second = Counter(terms_in(one)), Counter(terms_in(other))
    if not first or not second:
        return float(first == second)
    if first == second:
        return 1.0  # exactly
    shared = sum(count * second[term] for term, count in first.items())
    lengths = math.sqrt(sum(n * n for n in first.values()) * sum(n * n for n in second.values()))
    return min(1.0, shared / lengths)


def bleu(reference: str, candidate: str) -> float:
    """BLEU-4 of `candidate` against one reference (Papineni et al., ACL 2002), smoothed for short texts.

    The geometric mean of the clipped n-gram precisions, n = 1 to 4, times the brevity penalty. A precision of 0 is
    smoothed as in the fourth technique of Chen and Cherry (WMT 2014). 0 if no word is shared; 1 for equal texts.
    """
    wanted, said = terms_in(reference), terms_in(candidate)
    if not said or not wanted or wanted == said:
        return float(wanted == said)
    precisions: list[float] = []
    smoothed = 0
    for size in range(1, LONGEST + 1):
        ours, theirs = _grams(said, size), _grams(wanted, size)
        hits, total = sum((ours & theirs).values()), max(1, sum(ours.values()))
        if not hits and size == 1:
            return 0.0
        if not hits:
            smoothed += 1
            hits_or_less = math.log(len(said)) / (2**smoothed * SMOOTHING) if len(said) > 1 else 0.0
            precisions.append(min(1.0, hits_or_less / total))
        else:
            precisions.append(hits / total)
    if min(precisions) <= 0:
        return 0.0
    penalty = 1.0 if len(said) > len(wanted) else math.exp(1 - len(wanted) / len(said))
    return min(1.0, penalty * math.exp(sum(map(math.log, precisions)) / LONGEST))


def closeness(before: str, after: str) -> float:
    """How little a text changed, as in DRAFT (arXiv 2410.08197): the mean of BLEU and cosine."""
    return (bleu(before, after) + cosine(before, after)) / 2


def _grams(terms: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(terms[at : at + size]) for at in range(len(terms) - size + 1))
