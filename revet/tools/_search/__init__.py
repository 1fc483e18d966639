"""What the search tools share: fetching with care, keeping, reading documents of many kinds, indexing passages."""

from __future__ import annotations

__all__: list[str] = []
