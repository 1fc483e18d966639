"""The parts of the static checks: what is looked at, who looks, and what of it is news."""

from __future__ import annotations

__all__: list[str] = []
