"""Embeddings, where somebody gives them: what was found by its words is put in order by its meaning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from revet.schema import Note

__all__ = ["Embeddings", "nearest"]


class Embeddings(Protocol):
    """What is asked of an embedding model: two methods of LangChain's ``Embeddings``."""

    async def aembed_query(self, text: str) -> list[float]: ...

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]: ...


async def nearest(embeddings: Embeddings, text: str, notes: Sequence[Note]) -> list[Note]:
    """The notes with their cosine similarity to `text` as `score`, the nearest first."""
    if not notes:
        return []
    wanted = await embeddings.aembed_query(text)
    known = await embeddings.aembed_documents([f"{note.goal}\n{note.text}" for note in notes])
    scored = [n.model_copy(update={"score": _cosine(wanted, v)}) for n, v in zip(notes, known, strict=True)]
    return sorted(scored, key=lambda note: -note.score)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
