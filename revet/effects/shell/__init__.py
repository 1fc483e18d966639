"""Shell commands: what a text would run, and what those programs do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revet.effects.shell.classify import analyse

__all__ = ["analyse"]


def __getattr__(name: str) -> Any:
    """Loaded when it is used, so that one module of this room does not bring in all."""
    if name == "analyse":
        from revet.effects.shell.classify import analyse

        return analyse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
