"""Programs that run inside the sandbox, with nothing but the standard library."""

from __future__ import annotations

__all__: list[str] = []
