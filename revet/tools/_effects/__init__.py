"""What actions do beyond files: read from their text, and from what staging them showed."""

from __future__ import annotations

__all__: list[str] = []
