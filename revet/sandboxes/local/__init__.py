"""The local sandbox: bubblewrap, no daemon. Where it does not work it says why; it never runs a program unconfined.

The names are loaded when they are first used: a trial of one command needs few of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revet.sandboxes.local.probe import Features, features
    from revet.sandboxes.local.sandbox import Local
    from revet.sandboxes.local.session import LocalSession
    from revet.sandboxes.local.workspaces import check_workspace

__all__ = ["Features", "Local", "LocalSession", "check_workspace", "features"]

_HOMES = {"Features": "probe", "Local": "sandbox", "LocalSession": "session", "check_workspace": "workspaces"}
_HOMES["features"] = "probe"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
