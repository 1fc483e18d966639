"""Which folders can be the workspace of a session."""

from __future__ import annotations

import os
from pathlib import Path

from revet.errors import WorkspaceError

__all__ = ["check_workspace"]

# The sandbox mounts these itself: a workspace there would hide them, or be hidden.
TAKEN = {
    "/",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/dev",
    "/dev/shm",
    "/tmp",
    "/var",
    "/var/tmp",
    "/run",
}
TAKEN_WITH_ALL_BELOW = ("/etc", "/proc", "/sys", "/revet")


def check_workspace(workspace: Path) -> None:
    if not os.path.lexists(workspace):
        raise WorkspaceError(f"no such workspace: {workspace}", hint="give the path of a folder that exists")
    if not workspace.is_dir():
        raise WorkspaceError(f"the workspace is not a folder: {workspace}", hint="give the folder that holds the files")
    if not os.access(workspace, os.R_OK | os.X_OK):
        raise WorkspaceError(f"the workspace cannot be read: {workspace}", hint="give this user read permission")
    real = Path(os.path.realpath(workspace))
    if str(real) in TAKEN or any(real.is_relative_to(place) for place in TAKEN_WITH_ALL_BELOW):
        raise WorkspaceError(
            f"the workspace is a folder of the system: {real}", hint="move the files to a folder of their own"
        )
