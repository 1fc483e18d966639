"""Shell commands: tried on a copy-on-write view of the workspace, then committed as the difference that they made.

`revet.sandboxes.trial` has the part that needs no event loop: `try_now`, `observed`, `Tried`.
"""

from __future__ import annotations

from revet.actions.shell.handler import RunCommandHandler
from revet.actions.shell.trial import Trial, try_command
from revet.sandboxes.trial import Folder, Left, Outside, Tried, observed, try_now

__all__ = [
    "Folder",
    "Left",
    "Outside",
    "RunCommandHandler",
    "Trial",
    "Tried",
    "observed",
    "try_command",
    "try_now",
]
