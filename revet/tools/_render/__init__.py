"""The parts of rendering: what there is to be drawn, the programs that draw it in the sandbox, and the pictures."""

from __future__ import annotations

__all__: list[str] = []
