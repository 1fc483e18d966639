"""What `revet.tools.behaviour` is made of: inputs, their execution in the sandbox, comparison, checks, choice."""

from __future__ import annotations

__all__: list[str] = []
