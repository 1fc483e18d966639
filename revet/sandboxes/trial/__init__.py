"""Trying a command on a copy-on-write view of the workspace, and telling what it did.

Nothing here loads pydantic or asyncio: a process that answers one question has no time for them.
"""

from __future__ import annotations

from revet.sandboxes.trial.observed import observed
from revet.sandboxes.trial.quick import Ground, try_now
from revet.sandboxes.trial.tried import Folder, Left, Outside, Tried

__all__ = ["Folder", "Ground", "Left", "Outside", "Tried", "observed", "try_now"]
