"""The Docker sandbox: each program in a container of its own, without network, capabilities or a writable system."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from revet.errors import HostError, InputError, SandboxUnavailable
from revet.sandboxes.base import Feature, Limits, Network, Support, demand
from revet.sandboxes.docker.container import LINK, Setup
from revet.sandboxes.docker.engine import connect, explained, leftovers, sweep
from revet.sandboxes.docker.image import ELSEWHERE, MOVED, build, default_tag
from revet.sandboxes.docker.session import DockerSession, real_and_alias
from revet.sandboxes.local import check_workspace
from revet.sandboxes.local.seccomp import filter_program, supported
from revet.sandboxes.scratch import Scratch

__all__ = ["Docker", "DockerSession", "build", "connect", "default_tag", "leftovers", "sweep"]

GVISOR = "runsc"
OWN_KERNELS = ("runsc", "kata", "kata-runtime", "io.containerd.kata.v2", "io.containerd.runsc.v1")
SECONDS = 20.0
_swept: set[str] = set()


class Docker:
    """Runs programs in containers of the engine that DOCKER_HOST names, else of this machine's.

    `image` must have Python 3.8 or newer as ``python3``; default: the one that ``revet sandbox image`` makes.
    `runtime` is one that the engine knows; default: gVisor's ``runsc`` where there is one, else the engine's own.
    `cpus`: how many processors a program may use at a time. `client`: a `docker.DockerClient` to use; it stays the
    caller's to close.
    """

    name = "docker"

    def __init__(
        self,
        image: str | None = None,
        *,
        runtime: str | None = None,
        cpus: float | None = None,
        client: Any = None,
    ) -> None:
        if cpus is not None and not cpus > 0:
            raise InputError(f"cpus must be more than 0, not {cpus}", hint="leave it out to use all")
        self._image, self._runtime, self._cpus, self._client = image, runtime, cpus, client
        self._support: Support | None = None

    async def support(self) -> Support:
        """See `revet.sandboxes.base.Sandbox`. It runs a container, once."""
        if self._support is None:
            try:
                session, info = await self._open(None, Limits(), Network.none, Path(sys.executable))
                async with session:
                    ready = await session.begin()
                self._support = self._describe(info, ready)
            except HostError as error:
                reason = str(error.args[0]).partition("\n")[0]
                return Support(available=False, reason=reason, hint=error.hint or "")
        return self._support

    async def open(
        self,
        workspace: Path | None = None,
        *,
        limits: Limits | None = None,
        network: Network = Network.none,
        python: Path | None = None,
        require: Iterable[Feature | str] = (),
    ) -> DockerSession:
        """See `revet.sandboxes.base.Sandbox`. What dead processes left on the engine is removed first."""
        wanted = tuple(require)
        if workspace is not None:
            check_workspace(workspace)
        if python is not None and not python.is_file():
            raise InputError(f"no such interpreter: {python}", hint="give the path of a Python executable")
        if wanted:
            demand(self.name, await self.support(), wanted)
        session, _ = await self._open(workspace, limits or Limits(), network, python or Path(sys.executable))
        try:
            await session.begin()
        except BaseException:
            await session.close()
            raise
        return session

    async def _open(
        self, workspace: Path | None, limits: Limits, network: Network, python: Path
    ) -> tuple[DockerSession, dict[str, Any]]:
        client = self._client or await asyncio.to_thread(connect)
        scratch = Scratch()
        try:
            image = self._image or default_tag()
            info, moved = await asyncio.to_thread(examine, client, image)
            if workspace is None:
                workspace = scratch.path / "workspace"
                workspace.mkdir(0o755)
            real, alias = real_and_alias(workspace)
            setup = Setup(
                client=client,
                image=image,
                session=secrets.token_hex(8),
                workspace=real,
                alias=alias,
                links={LINK: None, **{path: f"{ELSEWHERE}{path}" for path in moved if not within(path, real)}},
                network=network,
                runtime=self._choose(info),
                cpus=self._cpus,
                memory=bool(info.get("MemoryLimit")),
                swap=bool(info.get("SwapLimit")),
            )
            machine = str(info.get("Architecture"))
            session = DockerSession(
                setup,
                scratch=scratch,
                limits=limits,
                python=python,
                seccomp=filter_program(machine) if supported(machine) else None,
                owns_client=self._client is None,
            )
        except BaseException:
            scratch.close()
            if self._client is None:
                client.close()
            raise
        return session, info

    def _choose(self, info: dict[str, Any]) -> str | None:
        known = info.get("Runtimes") or {}
        if self._runtime is None:
            return GVISOR if GVISOR in known else None
        if self._runtime not in known:
            raise SandboxUnavailable(
                f"the Docker engine has no runtime {self._runtime!r}", hint=f"known: {', '.join(sorted(known))}"
            )
        return self._runtime

    def _describe(self, info: dict[str, Any], ready: Any) -> Support:
        """What was found, as features."""
        runtime = self._choose(info) or str(info.get("DefaultRuntime"))
        machine = str(info.get("Architecture"))
        found = {
            Feature.syscall_filter: supported(machine) or f"there is no filter for {machine}; Docker's own is there",
            Feature.memory_total: bool(info.get("MemoryLimit")) or "the engine cannot limit memory here (no cgroup)",
            Feature.cpu_total: ready["counts_cpu"] or "the processor time of a container cannot be read inside it",
            Feature.process_count: bool(info.get("PidsLimit")) or "the engine cannot limit processes here (no cgroup)",
            Feature.no_copy: "the workspace is sent to a container; a changed one costs what was changed",
            Feature.warm_python: "each piece of Python starts an interpreter in a container of its own",
            Feature.own_kernel: runtime in OWN_KERNELS or f"the runtime is {runtime}; gVisor (runsc) would have one",
        }
        always = {Feature.private_network, Feature.private_processes, Feature.capped_disk, Feature.sealed_result}
        return Support(
            available=True,
            about=f"Docker {info.get('ServerVersion')}, {self._image or default_tag()}, {runtime}",
            features=frozenset(always | {feature for feature, there in found.items() if there is True}),
            missing={feature: there for feature, there in found.items() if isinstance(there, str)},
        )


def examine(client: Any, image: str) -> tuple[dict[str, Any], list[str]]:
    """What the engine says of itself, and what lies elsewhere in the image. Raises if the engine has not the image.

    Sweeps the engine at the first time.
    """
    with explained("be asked", image=image):
        info: dict[str, Any] = client.info()
        labels = client.api.inspect_image(image)["Config"].get("Labels") or {}
    if client.api.base_url not in _swept:
        _swept.add(client.api.base_url)
        sweep(client)
    return info, [path for path in labels.get(MOVED, "").split(":") if path]


def within(path: str, workspace: Path) -> bool:
    """Whether the workspace has, or lies in, what would be there."""
    return Path(path).is_relative_to(workspace) or workspace.is_relative_to(path)
