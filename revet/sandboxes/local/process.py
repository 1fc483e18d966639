"""One run of the launcher: its pipes, its limits on time and output, and its certain end.

Whatever happens (an exception, a cancellation, an expired limit), when `run` is left no process, descriptor
or callback of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import marshal
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from revet.errors import SandboxBroken
from revet.sandboxes.base import Limits
from revet.sandboxes.local.pipes import CHUNK, Passed, Sink, parse_status, receive_folder

__all__ = ["Ended", "Running", "in_thread"]

T = TypeVar("T")

STATUS_LIMIT = 1 << 16
SOONEST = 0.05
"""Seconds between two looks at the CPU time."""
PATIENCE = 10.0
"""Seconds that a killed sandbox may take to vanish (uninterruptible disk waits) before the launcher is killed too."""

Cause = Literal["timeout", "output", "closed", "callback"]


@dataclass(frozen=True)
class Ended:
    """How a run ended. `exit_code` is the program's, None if it never started or was killed by us.

    `trouble` holds the launcher's words, by kind. `upper` is the open scratch folder, the caller's to close.
    """

    cause: Cause | None
    exit_code: int | None
    trouble: Mapping[str, str]
    stdout: bytes
    stderr: bytes
    report: bytes
    truncated: bool
    seconds: float
    upper: int | None


class Running:
    """A launcher and everything below it. Use once: ``Ended = await Running(...).run()``."""

    def __init__(self, launcher: Path, limits: Limits, stdin: bytes, on_report: Callable[[bytes], None] | None) -> None:
        self.launcher, self.limits, self.on_report = launcher, limits, on_report
        self._unsent = memoryview(stdin)
        self.cause: Cause | None = None
        self.error: Exception | None = None
        self._sinks: dict[str, Sink] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._control = -1
        self._stdin_fd = -1
        self._deadline: asyncio.TimerHandle | None = None
        self._meter: asyncio.TimerHandle | None = None
        self._upper: int | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def stop(self, cause: Cause) -> None:
        """Kill everything inside. The first cause is the one that is told. Harmless when it has ended."""
        if self.cause is None:
            self.cause = cause
        if self._control >= 0 and self._deadline is None:
            self._tell_launcher()
            self._deadline = self._done.get_loop().call_later(PATIENCE, self._give_up)

    async def run(
        self,
        plan: Mapping[str, Any],
        options: Sequence[str],
        argv: Sequence[str],
        seccomp: bytes,
        report: bool,
        fill: Callable[[int], None] | None = None,
        join: Callable[[int], None] | None = None,
        cpu_seconds: Callable[[], float] | None = None,
    ) -> Ended:
        """Start `argv` inside with bwrap's `options` and wait for the end. The launcher needs `plan` besides.

        The launcher waits for `fill`, which gets the open scratch folder, and for `join`, which gets its process id:
        both run in threads, while it prepares. `cpu_seconds` tells what all processes have used.
        """
        loop = self._done.get_loop()
        with ExitStack() as stack:
            waits = sum(part is not None for part in (fill, join))
            parent_socket = self._start(stack, {**plan, "waits": waits}, options, argv, seccomp, report)
            stack.callback(self._close_upper)
            await self._help(loop, parent_socket, fill, join)
            started = time.monotonic()
            if cpu_seconds is not None:
                self._measure(loop, cpu_seconds)
            if self.cause is not None:  # stopped before there was anything to kill
                self._tell_launcher()
            timer = loop.call_later(self.limits.wall_seconds, self.stop, "timeout")
            stack.callback(timer.cancel)
            try:
                for name, sink in self._sinks.items():
                    loop.add_reader(sink.fd, self._readable, loop, name, sink)
                if self._stdin_fd >= 0:
                    loop.add_writer(self._stdin_fd, self._writable, loop)
                await self._done
            finally:
                for sink in self._sinks.values():
                    loop.remove_reader(sink.fd)
                if self._stdin_fd >= 0:
                    loop.remove_writer(self._stdin_fd)
                for other in (self._deadline, self._meter):
                    if other is not None:
                        other.cancel()
                self._finish()
            seconds = time.monotonic() - started
            for name, sink in self._sinks.items():
                self._drain(name, sink)
            if self.error is not None:
                raise self.error
            return self._ended(seconds, parent_socket)

    def _start(
        self,
        stack: ExitStack,
        plan: Mapping[str, Any],
        options: Sequence[str],
        argv: Sequence[str],
        seccomp: bytes,
        report: bool,
        channel: int | None = None,
    ) -> socket.socket:
        """Open the pipes and start the launcher. Our ends close with `stack`; the socket's is returned.

        `channel` is closed, and open in the program where a report would be.
        """
        with Passed() as passed:
            stdout = passed.keep(self._sink(stack, "stdout", self.limits.output))
            stderr = passed.keep(self._sink(stack, "stderr", self.limits.output))
            status = passed.give(self._sink(stack, "status", STATUS_LIMIT))
            control, self._control = os.pipe()
            stack.callback(self._close_control)
            os.set_blocking(self._control, False)
            ours, theirs = socket.socketpair()
            stack.callback(ours.close)
            whole = {**plan, "status": status, "report": -1, "limits": self.limits.model_dump()}
            whole |= {"control": passed.give(control), "socket": passed.give(theirs.detach())}
            words = list(options)
            if report:
                whole["report"] = passed.give(self._sink(stack, "report", self.limits.report))
                words += ["--setenv", "REVET_REPORT", "3"]
            elif channel is not None:
                whole["report"] = passed.give(channel)
            words += ["--seccomp", str(passed.content(seccomp)), "--json-status-fd", str(status)]
            words_fd = passed.content(b"".join(os.fsencode(word) + b"\0" for word in words))
            whole["argv"] = ["bwrap", "--args", str(words_fd), "--", *argv]
            plan_fd = passed.content(marshal.dumps(whole))
            stdin = subprocess.DEVNULL
            if self._unsent:
                reader, self._stdin_fd = os.pipe()
                stack.callback(self._close_stdin)
                os.set_blocking(self._stdin_fd, False)
                stdin = passed.keep(reader)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(self.launcher), str(plan_fd)],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={},
                cwd="/",
                close_fds=True,
                pass_fds=passed.given,
                start_new_session=True,
            )
            return ours

    def _sink(self, stack: ExitStack, name: str, limit: int) -> int:
        """A pipe that we read up to a limit; its writing end."""
        reader, writer = os.pipe()
        stack.callback(os.close, reader)
        os.set_blocking(reader, False)
        self._sinks[name] = Sink(reader, limit)
        return writer

    async def _help(
        self,
        loop: asyncio.AbstractEventLoop,
        ours: socket.socket,
        fill: Callable[[int], None] | None,
        join: Callable[[int], None] | None,
    ) -> None:
        """Do the parent's part before the program starts. If the launcher is in trouble, its own words say why."""
        assert self._process is not None
        pid = self._process.pid
        try:
            joining = None if join is None else loop.run_in_executor(None, join, pid)
            try:
                if fill is not None:
                    await self._receive(loop, ours)
                    if (upper := self._upper) is not None:
                        await in_thread(lambda: fill(upper))
            finally:
                if joining is not None:
                    await unbroken(joining)
            with contextlib.suppress(BrokenPipeError):
                ours.send(b"+" * sum(part is not None for part in (fill, join)))
        except BaseException as error:
            ours.close()
            self._finish()
            if isinstance(error, OSError):
                raise SandboxBroken(f"the run could not be put into its control group: {error}") from error
            raise

    async def _receive(self, loop: asyncio.AbstractEventLoop, ours: socket.socket) -> None:
        """Wait for the scratch folder, or for the launcher's end."""
        arrived = loop.create_future()
        ours.setblocking(False)
        loop.add_reader(ours, arrived.set_result, None)
        try:
            await arrived
        finally:
            loop.remove_reader(ours)
        self._upper = receive_folder(ours)

    def _measure(self, loop: asyncio.AbstractEventLoop, cpu_seconds: Callable[[], float]) -> None:
        """Stop at the limit on the CPU time of all. It cannot be reached earlier than on all processors at once."""
        left = self.limits.cpu_seconds - cpu_seconds()
        if left <= 0:
            self.stop("timeout")
        else:
            delay = max(SOONEST, left / len(os.sched_getaffinity(0)))
            self._meter = loop.call_later(delay, self._measure, loop, cpu_seconds)

    def _readable(self, loop: asyncio.AbstractEventLoop, name: str, sink: Sink) -> None:
        try:
            kept = sink.take()
        except BlockingIOError:
            return
        self._keep(name, sink, kept)
        if not sink.open:
            loop.remove_reader(sink.fd)
            if name == "status":
                self._give_up()

    def _keep(self, name: str, sink: Sink, kept: bytes | None) -> None:
        if sink.over:
            self.stop("output")
        if kept and name == "report" and self.on_report is not None and self.error is None:
            try:
                self.on_report(kept)
            except Exception as error:  # noqa: BLE001 - raised again by `run`, once everything is dead
                self.error = error
                self.stop("callback")

    def _drain(self, name: str, sink: Sink) -> None:
        """Read what dead writers left in the pipe."""
        while sink.open:
            try:
                kept = sink.take()
            except BlockingIOError:
                return
            self._keep(name, sink, kept)

    def _writable(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            sent = os.write(self._stdin_fd, self._unsent[:CHUNK])
            self._unsent = self._unsent[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = memoryview(b"")
        if not self._unsent:
            loop.remove_writer(self._stdin_fd)
            self._close_stdin()

    def _finish(self) -> None:
        """Make sure that the launcher has ended, and all below it with it. Blocks for as long as dying takes."""
        assert self._process is not None
        if not self._done.done() or self._done.cancelled():
            self._tell_launcher()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _tell_launcher(self) -> None:
        try:
            os.write(self._control, b"k")
        except (BrokenPipeError, BlockingIOError):  # it has ended, or was told already
            return

    def _give_up(self) -> None:
        """Wait no longer: the launcher has ended, or does not heed."""
        if not self._done.done():
            self._done.set_result(None)

    def _close_stdin(self) -> None:
        if self._stdin_fd >= 0:
            os.close(self._stdin_fd)
            self._stdin_fd = -1

    def _close_control(self) -> None:
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def _close_upper(self) -> None:
        if self._upper is not None:
            os.close(self._upper)
            self._upper = None

    def _ended(self, seconds: float, ours: socket.socket) -> Ended:
        assert self._process is not None
        exit_code, trouble = parse_status(bytes(self._sinks["status"].data))
        if self._process.returncode < 0 and exit_code is None and self.cause is None:
            raise SandboxBroken(f"the sandbox's launcher was killed by signal {-self._process.returncode}")
        report = self._sinks.get("report")
        upper, self._upper = self._upper, None
        return Ended(
            cause=self.cause,
            exit_code=exit_code,
            trouble=trouble,
            stdout=bytes(self._sinks["stdout"].data),
            stderr=bytes(self._sinks["stderr"].data),
            report=b"" if report is None else bytes(report.data),
            truncated=any(sink.over for sink in self._sinks.values()),
            seconds=seconds,
            upper=receive_folder(ours) if upper is None else upper,
        )


async def in_thread(work: Callable[[], T]) -> T:
    """`work` in a thread. A cancellation waits for it: it uses folders that are removed next."""
    loop = asyncio.get_running_loop()
    # A future, not a task: the end of the event loop cancels every task.
    return await unbroken(loop.run_in_executor(None, contextvars.copy_context().run, work))


async def unbroken(task: asyncio.Future[T]) -> T:
    """Its result. A cancellation, and any after it, is put off until it is done."""
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled():
        task.exception()  # looked at, so that nobody warns of it
    raise cancelled
