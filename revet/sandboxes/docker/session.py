"""A workspace in the Docker sandbox: each program in a container of its own, what is kept on this host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import JsonValue

from revet.errors import SandboxBroken, WorkspaceChanged
from revet.sandboxes import packs
from revet.sandboxes.base import AsyncClosing, Entry, ExecResult, ExecVerdict, Layer, Limits, PythonResult, Refusal
from revet.sandboxes.docker.container import LINK, Container, Setup, Shape
from revet.sandboxes.docker.engine import explained, remove
from revet.sandboxes.docker.supply import Need, Supply
from revet.sandboxes.guests import Account, Cause, Corrupt, frames, judge, order
from revet.sandboxes.kept import Artefact, Kept
from revet.sandboxes.request import Request, checked
from revet.sandboxes.scratch import Scratch
from revet.sandboxes.snippets import make_order, run_cold
from revet.sandboxes.view import HIDDEN, View

__all__ = ["DockerSession"]

T = TypeVar("T")
MIB = 1024 * 1024
GRACE = 10.0
"""Seconds that a program's time may be over before its container is killed from outside."""
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")


class DockerSession(AsyncClosing):
    """See `revet.sandboxes.base.Session`.

    A path that is read-only belongs to another user inside; so do the folders above it, where everybody may write
    (mode 1777). Programs find the image's tools and Python, not this host's.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        scratch: Scratch,
        limits: Limits,
        python: Path,
        seccomp: bytes | None,
        owns_client: bool,
    ) -> None:
        self.workspace = setup.workspace
        self._limits, self._python, self._seccomp, self._memory_total = limits, python, seccomp, setup.memory
        self._scratch = scratch
        kept = scratch.path / "kept"
        kept.mkdir(0o700)
        self._kept = Kept(self.workspace, kept)
        self._supply = Supply(setup)
        self._running: dict[Container, Cause | None] = {}
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._client = setup.client
        self._abandon = weakref.finalize(self, abandon, setup.client, self._supply.names, owns_client)

    async def begin(self) -> Mapping[str, Any]:
        """Start the first container; what its supervisor says of it. HostError if it does not start."""
        view = View(self.workspace)
        manifest = await asyncio.to_thread(packs.scan, view)
        self._supply.prepare(Need(Shape.of(self._limits, manifest, None), manifest))
        return (await self._supply.ready()).account.ready or {}

    async def exec(
        self,
        argv: Sequence[str],
        *,
        layer: Layer | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cwd: str = ".",
        read_only: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        on_report: Callable[[bytes], None] | None = None,
        report: bool = False,
        keep: bool = False,
    ) -> ExecResult:
        self._check_open()
        if keep and layer is not None:
            await asyncio.to_thread(self._kept.replace, layer)
            layer = None
        with self._kept.pinned() as own:
            request = checked(
                self.workspace,
                own,
                argv=argv,
                layer=layer,
                limits=limits or self._limits,
                env=env,
                stdin=stdin,
                cwd=cwd,
                read_only=read_only,
                files=files,
                on_report=on_report,
                report=report,
                keep=keep,
            )
            self._active += 1
            self._idle.clear()
            try:
                return await self._run(request)
            finally:
                self._active -= 1
                if not self._active:
                    self._idle.set()

    async def run_python(
        self,
        code: str | bytes,
        data: JsonValue = None,
        *,
        returns: str = "result",
        layer: Layer | None = None,
        limits: Limits | None = None,
        stdin: bytes = b"",
    ) -> PythonResult:
        wanted = make_order(code, data, returns)
        self._check_open()
        return await run_cold(self, wanted, python=str(self._python), layer=layer, limits=limits, stdin=stdin)

    async def read(self, path: str, *, most: int = 64 * MIB) -> bytes:
        self._check_open()
        return await asyncio.to_thread(self._kept.read, path, most)

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        self._check_open()
        await asyncio.to_thread(self._kept.write, path, content, mode)

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        self._check_open()
        return await asyncio.to_thread(self._kept.list, path)

    async def changes(self) -> Layer:
        self._check_open()
        return self._kept.changes()

    async def discard(self) -> None:
        self._check_open()
        await asyncio.to_thread(self._kept.replace, None)

    async def close(self) -> None:
        """Kill what runs, and remove the containers. Closing twice is harmless."""
        self._closed = True
        for container in self._running:
            self._running[container] = "closed"
            container.stream.close()
        await self._idle.wait()
        try:
            if self._abandon.alive:
                await self._supply.close()
        finally:
            await asyncio.to_thread(self._abandon)
            self._scratch.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxBroken("the session is closed", hint="open another with the sandbox's open()")

    async def _run(self, request: Request) -> ExecResult:
        """Run the program in a container, or in another if the first ends (or hangs) before the program began."""
        result = await self._attempt(request) or await self._attempt(request)
        if result is None:
            raise SandboxBroken("the container ended, or hung, before the program began, and so did another")
        return result

    async def _attempt(self, request: Request) -> ExecResult | None:
        """Find a container that holds what is needed, run the program in it, and remove it. None: it never began."""
        container = await self._container(request)
        self._running[container] = None
        try:
            result = await self._converse(container, request)
        except BaseException:
            self._supply.discard(container)
            await asyncio.shield(self._supply.settle())
            raise
        finally:
            del self._running[container]
        self._supply.discard(container)
        return result

    async def _container(self, request: Request) -> Container:
        for last in (False, True):
            try:
                need = await asyncio.to_thread(needed, request)
                container = await self._supply.take(need)
            except WorkspaceChanged:
                if last:
                    raise
            else:
                if self._closed:
                    self._supply.discard(container)
                    raise SandboxBroken("the session was closed before the program ran")
                self._supply.prepare(need)
                return container
        raise AssertionError("two attempts end in a container or an error")

    async def _converse(self, container: Container, request: Request) -> ExecResult | None:
        """Give the order and hear the answer to its end. None if there is none, and the program never began."""
        account = container.account
        account.limits, account.on_report = request.limits, request.on_report
        started = time.monotonic()
        died = ExecVerdict.crash
        try:
            async with asyncio.timeout(request.limits.wall_seconds + GRACE):
                for part in (*frames(b"I", request.stdin), self._order(container, request)):
                    await container.stream.send(part)
                while not account.over and (data := await container.stream.receive()):
                    account.feed(data)
        except TimeoutError:
            if account.began:
                self._running[container] = self._running[container] or "timeout"
        except SandboxBroken:
            if account.began:
                raise
        except Corrupt:
            account.done = False
        cause = self._running[container]
        if not account.over and cause is None:
            died = await asyncio.to_thread(how_it_died, self._client, container.id)
            if not account.began and died is not ExecVerdict.oom:
                return None
        result = judge(account, request.argv, cause=cause, died=died, seconds=time.monotonic() - started)
        refused: tuple[Refusal, ...] = ()
        if request.keep and account.done:
            refused = await to_its_end(lambda: self._keep(account, request.limits))
        touched = tuple(filter(visible, result.touched))
        return result.model_copy(update={"touched": touched, "refused": refused})

    def _order(self, container: Container, request: Request) -> bytes:
        assert container.account.ready is not None, "a container that was started is ready"
        found = str(PurePosixPath(container.account.ready["python"]).parent)
        search = dict.fromkeys((str(self._python.parent), found, *SYSTEM_PATH, str(PurePosixPath(LINK).parent)))
        return order(
            request.argv,
            env={"PATH": ":".join(search), "HOME": "/tmp", "LANG": "C.UTF-8", "TMPDIR": "/tmp", **request.env},
            cwd=str(self.workspace / request.cwd),
            limits=request.limits,
            rlimits=resource_limits(request.limits, self._memory_total),
            python=str(self._python),
            report=request.report,
            keep=request.keep,
            seccomp=self._seccomp,
        )

    def _keep(self, account: Account, limits: Limits) -> tuple[Refusal, ...]:
        found = (
            Artefact(left.path, left.kind, left.mode, left.size, left.target, left.chunks, left.modified)
            for left in account.left
            if visible(left.path)
        )
        refused = self._kept.take(found, account.deleted, limits)
        if account.left_out:
            refused += (Refusal(path="*", reason=f"{account.left_out} more changes: they were not kept"),)
        return refused


async def to_its_end(work: Callable[[], T]) -> T:
    """What `work` gives, done in a thread. A cancellation takes effect when the thread has ended."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # what is told is the cancellation
        raise


def needed(request: Request) -> Need:
    """What the run's container must be and hold. WorkspaceChanged."""
    manifest = packs.scan(request.view)
    locked = packs.locks(request.view, manifest, request.read_only)
    return Need(Shape.of(request.limits, manifest, locked), manifest, locked, request.files)


def visible(path: str) -> bool:
    return path.split("/", 1)[0] != HIDDEN


def resource_limits(limits: Limits, memory_total: bool) -> dict[str, int]:
    """What the kernel is told of each process. Memory and processes are the container's to count, if it can."""
    each = {} if memory_total else {"AS": limits.memory}
    return each | {
        "CPU": limits.cpu_seconds,
        "FSIZE": limits.file_size,
        "NOFILE": limits.open_files,
        "CORE": 0,
        "MEMLOCK": 1 << 20,
        "MSGQUEUE": 0,
    }


def how_it_died(client: Any, name: str) -> ExecVerdict:
    """The verdict for a container that ended without a word. SandboxBroken if the engine does not answer."""
    with explained("say how a container ended"):
        state = client.api.inspect_container(name)["State"]
    return ExecVerdict.oom if state.get("OOMKilled") else ExecVerdict.crash


def abandon(client: Any, names: set[str], owns_client: bool) -> None:
    """Remove what is left, when the session is collected or Python ends; and let go of the engine."""
    for name in list(names):
        with contextlib.suppress(SandboxBroken):  # the next session sweeps
            remove(client, name)
    if owns_client:
        client.close()


def real_and_alias(workspace: Path) -> tuple[Path, Path | None]:
    """The workspace's real path, and how the caller spelled it if that is another."""
    real = Path(os.path.realpath(workspace))
    spelled = Path(os.path.abspath(workspace))  # noqa: PTH100 - links in it are what is looked for
    return real, None if spelled == real else spelled
