"""A workspace on a virtual machine of E2B's: each run in a room of its own there, what is kept on this host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from revet.errors import SandboxBroken
from revet.sandboxes.base import (
    AsyncClosing,
    Entry,
    ExecResult,
    ExecVerdict,
    Layer,
    Limits,
    Network,
    PythonResult,
    Refusal,
)
from revet.sandboxes.e2b.calls import MachineGone, OutOfTime
from revet.sandboxes.e2b.code import CodeResult, told
from revet.sandboxes.e2b.machine import Machine
from revet.sandboxes.e2b.place import Place, Setting
from revet.sandboxes.guests import Account, Cause, Corrupt, judge, new_key
from revet.sandboxes.kept import Artefact, Kept
from revet.sandboxes.request import Request, checked
from revet.sandboxes.scratch import Scratch
from revet.sandboxes.snippets import make_order, run_cold
from revet.sandboxes.view import HIDDEN

__all__ = ["E2BSession"]

T = TypeVar("T")
MIB = 1024 * 1024
# How much longer than the program the machine may take: to make the room, and to send what was left.
GRACE = 60.0


class Unheard(Exception):
    """The caller's own function raised `error` when it was told something."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def passed_on(hear: Callable[[bytes], None], data: bytes) -> None:
    """Tell the caller. Its errors are wrapped, so that they are not taken for ours."""
    try:
        hear(data)
    except Exception as error:
        raise Unheard(error) from error


class E2BSession(AsyncClosing):
    """See `revet.sandboxes.base.Session`.

    The machine holds nothing that is not here, too: when it dies, the next run gets another. Programs find the
    machine's own Python and tools, not this host's.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Machine]],
        workspace: Path | None,
        *,
        limits: Limits,
        network: Network,
        python: Path,
    ) -> None:
        self._start = start
        self._limits = limits
        self._scratch = Scratch()
        if workspace is None:
            workspace = self._scratch.path / "workspace"
            workspace.mkdir(0o755)
        self.workspace = Path(os.path.realpath(workspace))
        spelled = Path(os.path.abspath(workspace))  # noqa: PTH100 - links in it are what is looked for
        alias = None if spelled == self.workspace else spelled
        self._setting = Setting(self.workspace, alias, network, python)
        kept = self._scratch.path / "kept"
        kept.mkdir(0o700)
        self._kept = Kept(self.workspace, kept)
        self._place: Place | None = None
        self._placing = asyncio.Lock()
        self._machines: set[Machine] = set()
        self._closed = False
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def begin(self) -> Machine:
        """Start the machine, unless one runs."""
        return (await self._placed()).machine

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
            for last in (False, True):
                try:
                    return await self._attempt(request)
                except MachineGone:  # before the program began: on a new one, then
                    if last or self._closed:
                        raise
        raise AssertionError("two attempts end in a result or an error")

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
        place = await self._placed()
        python = str(place.machine.seen["executable"])
        return await run_cold(self, wanted, python=python, layer=layer, limits=limits, stdin=stdin)

    async def run_code(self, code: str, *, language: str | None = None, seconds: float = 60.0) -> CodeResult:
        """Run code in the machine's own code interpreter, as E2B has it, and say what it showed.

        Unlike `run_python` it is like a notebook: variables live on from one call to the next, there are other
        languages, and rich results; it has no limits but `seconds`, does not see the workspace, and what it changes
        on the machine stays there (for a `snapshot`). TimeoutError when the time is up.
        """
        self._check_open()
        return told(await self._ask(lambda machine: machine.run_code(code, language, seconds)))

    async def snapshot(self) -> str:
        """Keep the machine as it is, with what `run_code` made of it, as a template: ``E2B(template=ID)``.

        It lasts until it is deleted (``e2b template delete``). A copy of the workspace is part of it if anything ran.
        """
        self._check_open()
        return str(await self._ask(lambda machine: machine.snapshot()))

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
        """Kill the machine, and with it what runs there. Closing twice is harmless."""
        self._closed = True
        async with self._placing:  # a machine that is just being made is waited for
            machines, self._machines = self._machines, set()
        try:
            await asyncio.gather(*(machine.kill() for machine in machines))
        finally:
            await self._idle.wait()
            self._scratch.close()

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxBroken("the session is closed", hint="open another with the sandbox's open()")

    async def _attempt(self, request: Request) -> ExecResult:
        """One run. MachineGone if its machine was gone, or of no use, before the program began."""
        self._running += 1
        self._idle.clear()
        try:
            return await self._run(request, await self._placed())
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def _run(self, request: Request, place: Place) -> ExecResult:
        cause: Cause | None = None
        started = time.monotonic()
        hear = None if request.on_report is None else partial(passed_on, request.on_report)
        with Account(new_key(), request.limits, hear) as account:
            try:
                command = await place.command(request, self._setting, account.key)
                trouble = await place.machine.run(command, request.limits.wall_seconds + GRACE, account.feed)
                if account.ready is None:
                    raise SandboxBroken(f"E2B: the program could not be started: {trouble or 'nobody said why'}")
            except OutOfTime:
                cause = "timeout"
            except MachineGone:
                self._forget(place)
                if not account.began and not self._closed:
                    raise
            except Corrupt as error:
                await self._discard(place)
                if not account.began and not self._closed:
                    raise MachineGone(f"E2B: the virtual machine's answer cannot be read: {error}") from None
            except Unheard as unheard:
                raise unheard.error from None
            cause = "closed" if self._closed else cause
            if not account.began and account.trouble is None and cause != "closed":
                raise SandboxBroken("E2B: the virtual machine did not come to start the program")
            seconds = time.monotonic() - started
            result = judge(account, request.argv, cause=cause, died=ExecVerdict.crash, seconds=seconds)
            refused = await self._refused(account, request.limits) if request.keep else ()
        touched = tuple(filter(visible, result.touched))
        return result.model_copy(update={"touched": touched, "refused": refused})

    async def _placed(self) -> Place:
        """Where to run: the machine of before, or a new one."""
        async with self._placing:
            self._check_open()
            if self._place is None:
                machine = await self._start()
                self._machines.add(machine)
                self._place = Place(machine)
            return self._place

    async def _ask(self, question: Callable[[Machine], Awaitable[Any]]) -> Any:
        """What the machine answers. If it turns out to be gone, the next call gets another."""
        place = await self._placed()
        try:
            return await question(place.machine)
        except MachineGone:
            self._forget(place)
            raise

    def _forget(self, place: Place) -> None:
        """The next run gets another machine."""
        self._machines.discard(place.machine)
        if self._place is place:
            self._place = None

    async def _discard(self, place: Place) -> None:
        self._forget(place)
        await asyncio.shield(place.machine.kill())

    async def _refused(self, account: Account, limits: Limits) -> tuple[Refusal, ...]:
        """Keep what was left; what could not be kept."""
        if not account.done:  # what did arrive may be half of it
            return (Refusal(path="*", reason="the run did not come to its end: nothing of it was kept"),)
        refused = await whole(asyncio.to_thread(self._keep, account, limits))
        if account.left_out:
            refused += (Refusal(path="*", reason=f"{account.left_out} more changes: they were not kept"),)
        return refused

    def _keep(self, account: Account, limits: Limits) -> tuple[Refusal, ...]:
        found = (
            Artefact(
                path=left.path,
                kind=left.kind,
                mode=left.mode,
                # What was too large to be sent is too large to be kept.
                size=left.size if left.sent or left.kind != "file" else max(left.size, limits.file_size + 1),
                target=left.target,
                chunks=left.chunks,
            )
            for left in account.left
            if visible(left.path)
        )
        return self._kept.take(found, account.deleted, limits)


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. It is never left half done: a cancellation waits for its end."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    finally:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        task.exception()  # nobody else asks for it after a cancellation


def visible(path: str) -> bool:
    return path.split("/", 1)[0] != HIDDEN
