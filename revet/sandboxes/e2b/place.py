"""A machine with a workspace on it: what is staged there, and the orders that runs need besides."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from revet.errors import WorkspaceChanged
from revet.sandboxes import packs
from revet.sandboxes.base import Limits, Network
from revet.sandboxes.e2b.machine import Machine
from revet.sandboxes.guests import frames, head, order
from revet.sandboxes.local.seccomp import filter_program, supported
from revet.sandboxes.request import Request
from revet.sandboxes.view import View

__all__ = ["Place", "Setting"]

# What differs from the staged workspace is sent with every run, until it is more than this: then all is staged anew.
MOST_DIFFERENCE = 256 * 1024
MOST_PATHS = 200
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/revet/bin"


@dataclass(frozen=True)
class Setting:
    """What all runs of a session share. `alias` is another path of the workspace; `python` an interpreter out here."""

    workspace: Path
    alias: Path | None
    network: Network
    python: Path


@dataclass
class Place:
    """A machine, and what of the workspace is staged on it: the folder (None: nothing), and what that holds."""

    machine: Machine
    base: str | None = None
    manifest: packs.Manifest = field(default_factory=dict)
    _staging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def command(self, request: Request, setting: Setting, key: bytes) -> bytes:
        """All that a room needs to know for a run, with what differs from what is staged. WorkspaceChanged."""
        async with self._staging:
            try:
                difference, pack = await self._packed(request.view)
            except WorkspaceChanged:  # somebody saves a file: once more
                difference, pack = await self._packed(request.view)
            base = self.base
        machine, limits = self.machine, request.limits
        room = {
            "workspace": str(setting.workspace),
            "alias": None if setting.alias is None else str(setting.alias),
            "base": base,
            "user": machine.user,
            "network": setting.network is Network.full,
            "disk": limits.disk,
            "staged": packs.room(difference.made)[0],
            "mode": setting.workspace.stat().st_mode & 0o777,
            "read_only": request.read_only,
            "files": {path: base64.b64encode(content).decode() for path, content in request.files.items()},
            "pack": len(pack),
        }
        processor = str(machine.seen["machine"])
        supervisor = (
            head(setting.workspace, key, user=machine.user, watch=False),
            *frames(b"I", request.stdin),
            order(
                request.argv,
                env={"PATH": PATH, "HOME": "/tmp", "LANG": "C.UTF-8", "TMPDIR": "/tmp", **request.env},
                cwd=str(setting.workspace / request.cwd),
                limits=limits,
                rlimits=resource_limits(limits, machine.user),
                python=str(setting.python),
                report=request.report,
                keep=request.keep,
                seccomp=filter_program(processor) if supported(processor) else None,
                alone=False,  # the whole machine is counted, with runs at the same time
            ),
        )
        return b"".join((json.dumps(room).encode(), b"\n", pack, *supervisor))

    async def _packed(self, view: View) -> tuple[packs.Delta, bytes]:
        """What a run must be sent. If it is much, and not because of the layer, the workspace is staged first."""
        manifest = await asyncio.to_thread(packs.scan, view)
        difference = packs.delta(self.manifest, manifest)
        if much(difference):
            bare = manifest if view.layer is None else await asyncio.to_thread(packs.scan, replace(view, layer=None))
            if much(packs.delta(self.manifest, bare)):
                await self._stage(bare)
                difference = packs.delta(bare, manifest)
        return difference, await asyncio.to_thread(joined, difference)

    async def _stage(self, manifest: packs.Manifest) -> None:
        with TemporaryFile(prefix="revet-pack-") as spool:
            await asyncio.to_thread(spool_pack, manifest, spool)
            self.base = await self.machine.stage(spool)
        self.manifest = manifest


def much(difference: packs.Delta) -> bool:
    paths = len(difference.made) + len(difference.gone)
    return paths > MOST_PATHS or sum(stamp.size for stamp in difference.made.values()) > MOST_DIFFERENCE


def joined(difference: packs.Delta) -> bytes:
    return b"".join(packs.pack(difference))


def spool_pack(manifest: packs.Manifest, spool: IO[bytes]) -> None:
    """Write the pack of all that there is to a file, and rewind that."""
    for piece in packs.pack(packs.delta({}, manifest)):
        spool.write(piece)
    spool.seek(0)


def resource_limits(limits: Limits, user: int | None) -> dict[str, int]:
    """By their names without ``RLIMIT_``. Where programs share the supervisor's uid, it is counted with them."""
    return {
        "AS": limits.memory,
        "NPROC": limits.processes + (1 if user is None else 0),
        "FSIZE": limits.file_size,
        "NOFILE": limits.open_files,
        "CPU": limits.cpu_seconds,
        "CORE": 0,
    }
