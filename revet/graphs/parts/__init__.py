"""What recipes are made of: views of earlier drafts, stop rules, selectors, trees, aggregation of critiques."""

from __future__ import annotations

__all__: list[str] = []
