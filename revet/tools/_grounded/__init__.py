"""Parts of `revet.tools.grounded`: what a text says was done, what calls did, and the rules that compare the two."""

from __future__ import annotations

__all__: list[str] = []
