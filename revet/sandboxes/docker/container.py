"""One container with a supervisor as its process 1, for one program. Use once; `remove` it whatever happened.

Nothing in it is root's or has a capability. The workspace and the extra files lie on tmpfs volumes with a size limit.
What programs may not change is put there by the engine (`lock`) and belongs to another user than theirs.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revet.errors import SandboxBroken
from revet.sandboxes import packs
from revet.sandboxes.base import Limits, Network
from revet.sandboxes.docker.engine import VOLUMES, explained
from revet.sandboxes.docker.stream import QUIET, Stream
from revet.sandboxes.guests import FILES, Account, Corrupt, frame, frames, head, new_key, program
from revet.sandboxes.owners import OWNER, SESSION, owner

__all__ = ["USER", "Container", "Setup", "Shape"]

MIB = 1024 * 1024
USER = 61234
"""Nobody's on the host, whose kernel counts some things for each uid."""
OWN_MEMORY = 24 * MIB
"""The supervisor's."""
FILES_SIZE = 64 * MIB
SHARED_MEMORY = 64 * MIB
LINK = "/run/bin/python"
INODE_BYTES = 2048
COMMAND = ["python3", "-I", "-S", "-X", "utf8", "-c"]


@dataclass(frozen=True)
class Setup:
    """What all containers of a session have in common."""

    client: Any
    image: str
    session: str
    workspace: Path
    alias: Path | None
    """Another path of the workspace: how the caller spelled it."""
    links: Mapping[str, str | None]
    """Paths that are to lead elsewhere inside; None: to the image's Python."""
    network: Network
    runtime: str | None
    cpus: float | None
    memory: bool
    swap: bool
    """Whether the engine can limit memory, and swap."""


@dataclass(frozen=True)
class Shape:
    """What a container is made for, and what cannot be changed later. `top`: whose the workspace's folder is."""

    memory: int
    processes: int
    disk: int
    staged: int
    inodes: int
    top: str

    @classmethod
    def of(cls, limits: Limits, manifest: packs.Manifest, locked: packs.Locks | None) -> Shape:
        """A shape that fits. Sizes are rounded up, so that a small change of the workspace needs no other one."""
        staged, inodes = packs.room(manifest)
        top = "own" if locked is None else "whole" if locked.whole else "sticky"
        return cls(limits.memory, limits.processes, limits.disk, rounded(staged, MIB), rounded(inodes, 1024), top)


def rounded(value: int, unit: int) -> int:
    """At least an eighth more, in whole units."""
    return (value + value // 8) // unit * unit + unit


@dataclass(eq=False)
class Container:
    """`account` holds what its supervisor told so far; `manifest`, `locks` and `files` what was put into it."""

    id: str
    setup: Setup
    shape: Shape
    stream: Stream
    account: Account
    manifest: packs.Manifest = field(default_factory=dict)
    locks: packs.Locks | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    async def start(cls, setup: Setup, shape: Shape, made: set[str]) -> Container:
        """A container whose supervisor is ready. Its id is in `made` from when it exists, also if this fails.

        SandboxUnavailable, SandboxBroken or DiskFull.
        """
        name, raw = await asyncio.to_thread(create, setup, shape, made)
        stream = await Stream.open(raw)
        container = cls(name, setup, shape, stream, Account(new_key(), Limits()))
        try:
            await asyncio.to_thread(begin, setup, name)
            await stream.send(head(setup.workspace, container.account.key, links=setup.links))
            await container.until(lambda account: account.ready is not None)
        except BaseException:
            container.close()
            raise
        return container

    async def until(self, enough: Any) -> None:
        """Read until the account satisfies `enough`, or is over. SandboxBroken if the container ends or hangs."""
        while not enough(self.account) and not self.account.over:
            try:
                async with asyncio.timeout(QUIET):
                    data = await self.stream.receive()
            except TimeoutError:
                raise SandboxBroken(f"the container's supervisor did not answer for {QUIET:.0f} s") from None
            if not data:
                raise SandboxBroken(f"the container ended before it could work{self.stream.words()}")
            try:
                self.account.feed(data)
            except Corrupt as error:
                raise SandboxBroken(f"the container did not answer as it should: {error}") from None

    async def stage(self, manifest: packs.Manifest) -> None:
        """Make the workspace as the manifest has it. WorkspaceChanged."""
        if self.shape.top == "whole":  # then it comes with the locks
            self.manifest = manifest
            return
        pieces = packs.pack(packs.delta(self.manifest, manifest))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            for part in frames(b"W", piece):
                await self.stream.send(part)
        self.manifest = manifest

    def fits(
        self, shape: Shape, locked: packs.Locks | None, files: Mapping[str, bytes], difference: packs.Delta
    ) -> bool:
        """Whether a run with these needs can use it, perhaps after `stage` and `lock`."""
        mine, wanted = self.shape, shape
        if (mine.memory, mine.processes, mine.disk, mine.top) != (
            wanted.memory,
            wanted.processes,
            wanted.disk,
            wanted.top,
        ):
            return False
        if mine.staged < wanted.staged or mine.inodes < wanted.inodes or (self.files and self.files != files):
            return False
        if self.locks is None:
            return True
        return locked is not None and locked.state == self.locks.state and not self.locks.hinder(difference)

    async def lock(self, locked: packs.Locks | None, files: Mapping[str, bytes]) -> None:
        """Put what programs may not change, unless it is there. WorkspaceChanged."""
        todo = []
        if locked is not None and self.locks is None:
            await self.sync()
            content = await asyncio.to_thread(packs.archive, locked)
            todo.append(asyncio.to_thread(put, self.setup, self.id, str(self.setup.workspace), content))
        if files != self.files:
            todo.append(asyncio.to_thread(put, self.setup, self.id, FILES, files_archive(files)))
        if todo:
            await asyncio.gather(*todo)
            await self.stream.send(frame(b"W"))  # what the supervisor has looked at is not what is there
        self.locks, self.files = locked, files

    def close(self) -> None:
        """End the conversation: the supervisor then ends itself, and all that it started."""
        self.stream.close()
        self.account.close()

    async def sync(self) -> None:
        """Wait until the supervisor has done what it was told, and is ready for the order."""
        wanted = self.account.synced + 1
        await self.stream.send(frame(b"S"))
        await self.until(lambda account: account.synced >= wanted)


def create(setup: Setup, shape: Shape, made: set[str]) -> tuple[str, Any]:
    """Create the container and attach to it; its id, and the SDK's socket."""
    api = setup.client.api
    with explained(f"make a container of {setup.image}", image=setup.image):
        name = api.create_container(
            setup.image,
            entrypoint=[*COMMAND, program()],
            command=[],
            user=f"{USER}:{USER}",
            stdin_open=True,
            working_dir="/",
            hostname="sandbox",
            environment={"LANG": "C.UTF-8"},
            labels={OWNER: owner(), SESSION: setup.session},
            host_config=host_config(setup, shape),
            use_config_proxy=False,  # it may hold a password
        )["Id"]
        made.add(name)
        return name, api.attach_socket(name, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})


def begin(setup: Setup, name: str) -> None:
    with explained(f"start a container of {setup.image}", image=setup.image):
        setup.client.api.start(name)


def host_config(setup: Setup, shape: Shape) -> Any:
    """What the engine is told about the container: everything is taken away that a program does not need."""
    from docker.types import LogConfig, Ulimit

    tmp = f"rw,exec,nosuid,nodev,mode=1777,size={shape.disk},nr_inodes={max(4096, shape.disk // INODE_BYTES)}"
    memory = shape.memory + shape.staged + OWN_MEMORY
    options: dict[str, Any] = {"mem_limit": memory} if setup.memory else {}
    if setup.swap:
        options["memswap_limit"] = memory
    if setup.cpus is not None:
        options["nano_cpus"] = int(setup.cpus * 1e9)
    if setup.runtime is not None:
        options["runtime"] = setup.runtime
    return setup.client.api.create_host_config(
        network_mode="none" if setup.network is Network.none else "bridge",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=True,
        tmpfs={"/tmp": tmp, "/run": f"rw,exec,nosuid,nodev,mode=755,size=1m,uid={USER},gid={USER}"},
        mounts=list(mounts(setup, shape)),
        shm_size=min(shape.disk, SHARED_MEMORY),
        pids_limit=shape.processes + 1,  # the supervisor
        ulimits=[Ulimit(name="core", soft=0, hard=0)],
        log_config=LogConfig(type="none"),  # else the engine would write all that passes by to its disk
        **options,
    )


def mounts(setup: Setup, shape: Shape) -> Iterator[Any]:
    """Volumes on tmpfs, which go with the container. Unlike its plain tmpfs mounts, the engine can write to them."""
    inodes = shape.inodes + max(4096, shape.disk // INODE_BYTES)
    top = {"own": (USER, "755"), "sticky": (0, "1777"), "whole": (0, "755")}[shape.top]
    # Only what has a name can be mounted twice.
    name = None if setup.alias is None else f"{VOLUMES}{secrets.token_hex(16)}"
    for target in (setup.workspace, setup.alias):
        if target is not None:
            yield volume(str(target), name, shape.staged + shape.disk, inodes, *top)
    yield volume(FILES, None, FILES_SIZE, 4096, 0, "755")


def volume(target: str, name: str | None, size: int, inodes: int, user: int, mode: str) -> Any:
    from docker.types import DriverConfig, Mount

    options = f"size={size},nr_inodes={inodes},uid={user},gid={user},mode={mode},nosuid,nodev"
    driver = DriverConfig("local", {"type": "tmpfs", "device": "tmpfs", "o": options})
    return Mount(target, name, type="volume", no_copy=True, driver_config=driver, labels={OWNER: owner()})


def put(setup: Setup, name: str, place: str, content: bytes) -> None:
    with explained("copy files into a container"):
        setup.client.api.put_archive(name, place, content)


def files_archive(files: Mapping[str, bytes]) -> bytes:
    """A tar of the extra files, for the folder that holds them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({os.path.relpath(above, FILES) for path in files for above in Path(path).parents}):
            if not folder.startswith("."):
                packs.add_folder(tar, folder, 0o755, 0)
        for path, content in files.items():
            info = tarfile.TarInfo(os.path.relpath(path, FILES))
            info.size, info.mode, info.mtime = len(content), 0o444, int(time.time())
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()
