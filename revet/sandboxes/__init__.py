"""Where programs run. `Local` (bubblewrap) is always there; others register here under the name that users write."""

from __future__ import annotations

from revet.errors import InputError
from revet.sandboxes.base import ExecResult, ExecVerdict, Layer, Limits, Sandbox, Session
from revet.sandboxes.local import Local

__all__ = ["ExecResult", "ExecVerdict", "Layer", "Limits", "Local", "Sandbox", "Session", "get"]

_KNOWN = {Local.name: Local}


def get(name: str) -> Sandbox:
    """The sandbox that users call `name`, with its defaults. InputError names the known ones."""
    if name not in _KNOWN:
        raise InputError(f"no sandbox is called {name!r}", hint=f"known: {', '.join(sorted(_KNOWN))}")
    return _KNOWN[name]()
