"""Parts of `revet.tools.calls`: what a tool takes, how a call breaks that, and what stood nowhere before."""

from __future__ import annotations

__all__: list[str] = []
