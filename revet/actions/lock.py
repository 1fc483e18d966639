"""One run at a time on a workspace: a lock that leaves no file and that the kernel drops when the process
dies.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from revet.actions.paths import real_workspace
from revet.errors import WorkspaceBusy, WorkspaceError

__all__ = ["lock"]

_TAKEN = (errno.EAGAIN, errno.EACCES)


@contextlib.contextmanager
def lock(workspace: Path) -> Iterator[None]:
    """Hold the workspace. WorkspaceBusy if another run, in this process or any other, holds it, a folder that
    contains it, or one inside it; runs on siblings do not disturb each other.

    Locks (flock) the folders themselves: the workspace exclusively, and shared every folder above it that is this
    user's alone to write, so that a stranger's lock on a folder like /tmp stops nobody. Runs of different users on
    nested workspaces are therefore not kept apart. A process that is forked meanwhile, without a new program, keeps
    the lock until it ends.
    """
    root = real_workspace(workspace)
    with contextlib.ExitStack() as held:
        _take(held, root, fcntl.LOCK_EX, f"workspace {root} is in use by another run, or contains one that is")
        for above in root.parents:
            _take(
                held,
                above,
                fcntl.LOCK_SH,
                f"workspace {root} lies inside {above}, which is in use by another run",
            )
        yield


def _take(held: contextlib.ExitStack, path: Path, how: int, taken: str) -> None:
    required = how == fcntl.LOCK_EX
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        if required:
            raise WorkspaceError(f"{path} cannot be opened: {error.strerror}") from error
        return  # nobody who cannot read a folder runs on it
    held.callback(os.close, descriptor)
    if not required and not _own(os.fstat(descriptor)):
        return
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise WorkspaceBusy(taken, hint="wait until it has ended, or end it") from error
        if required:
            raise WorkspaceError(
                f"{path} cannot be locked: {error.strerror}", hint="move the workspace to a local file system"
            ) from error


def _own(info: os.stat_result) -> bool:
    return info.st_uid == os.geteuid() and not info.st_mode & stat.S_IWOTH
