"""One run of the launcher: its pipes, its limits on time and output, and its certain end.

Whatever happens (an exception, a cancellation, an expired limit), when `run` is left no process, descriptor
or callback of it is left.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import marshal
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from revet.errors import SandboxBroken
from revet.sandboxes.base import Limits

__all__ = ["Ended", "Running"]

CHUNK = 1 << 16
FIRST_PASSED = 10
STATUS_LIMIT = 1 << 16
PATIENCE = 10.0
"""Seconds that a killed sandbox may take to vanish (uninterruptible disk waits) before the launcher is killed too."""

Cause = Literal["timeout", "output", "closed", "callback"]


@dataclass
class Sink:
    """What is read from one pipe, cut at its limit."""

    fd: int
    limit: int
    data: bytearray = field(default_factory=bytearray)
    over: bool = False
    open: bool = True

    def take(self) -> bytes | None:
        """What has arrived and is kept; None at the end of the stream. BlockingIOError if nothing is there."""
        chunk = os.read(self.fd, CHUNK)
        if not chunk:
            self.open = False
            return None
        room = self.limit - len(self.data)
        self.over = self.over or len(chunk) > room
        kept = chunk[: max(0, room)]
        self.data += kept
        return kept


class Passed(ExitStack):
    """Descriptors for the launcher. Ours are closed at the end of the ``with``; it has its own by then."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def keep(self, fd: int) -> int:
        """Close `fd` at the end."""
        self.callback(os.close, fd)
        return fd

    def give(self, fd: int) -> int:
        """Pass `fd` under a number above those that the program gets."""
        high = self.keep(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_PASSED))
        os.close(fd)
        self.given.append(high)
        return high

    def content(self, data: bytes) -> int:
        """Pass a descriptor to read `data` from."""
        fd = self.give(os.memfd_create("revet"))
        with os.fdopen(os.dup(fd), "wb") as stream:
            stream.write(data)
        os.lseek(fd, 0, os.SEEK_SET)
        return fd


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
        self.launcher, self.limits, self.stdin, self.on_report = launcher, limits, stdin, on_report
        self.cause: Cause | None = None
        self.error: Exception | None = None
        self._sinks: dict[str, Sink] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._control = -1
        self._stdin_fd = -1
        self._deadline: asyncio.TimerHandle | None = None
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
    ) -> Ended:
        """Start `argv` inside with bwrap's `options` and wait for the end. The launcher needs `plan` besides."""
        loop = self._done.get_loop()
        with ExitStack() as stack:
            parent_socket = self._start(stack, plan, options, argv, seccomp, report)
            started = time.monotonic()
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
                if self._deadline is not None:
                    self._deadline.cancel()
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
    ) -> socket.socket:
        """Open the pipes and start the launcher. Our ends close with `stack`; the socket's is returned."""
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
            words += ["--seccomp", str(passed.content(seccomp)), "--json-status-fd", str(status)]
            words_fd = passed.content(b"".join(os.fsencode(word) + b"\0" for word in words))
            whole["argv"] = ["bwrap", "--args", str(words_fd), "--", *argv]
            plan_fd = passed.content(marshal.dumps(whole))
            stdin = subprocess.DEVNULL
            if self.stdin:
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
            sent = os.write(self._stdin_fd, self.stdin[:CHUNK])
            self.stdin = self.stdin[sent:]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.stdin = b""
        if not self.stdin:
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

    def _ended(self, seconds: float, ours: socket.socket) -> Ended:
        assert self._process is not None
        exit_code, trouble = parse_status(bytes(self._sinks["status"].data))
        if self._process.returncode < 0 and exit_code is None and self.cause is None:
            raise SandboxBroken(f"the sandbox's launcher was killed by signal {-self._process.returncode}")
        report = self._sinks.get("report")
        return Ended(
            cause=self.cause,
            exit_code=exit_code,
            trouble=trouble,
            stdout=bytes(self._sinks["stdout"].data),
            stderr=bytes(self._sinks["stderr"].data),
            report=b"" if report is None else bytes(report.data),
            truncated=any(sink.over for sink in self._sinks.values()),
            seconds=seconds,
            upper=receive_folder(ours),
        )


def parse_status(data: bytes) -> tuple[int | None, dict[str, str]]:
    """The program's exit code, if it started and ended, and the launcher's words."""
    exit_code: int | None = None
    trouble: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        if line.startswith("!"):
            kind, _, text = line[1:].partition(" ")
            trouble[kind] = text
        elif line.startswith("{"):
            exit_code = json.loads(line).get("exit-code", exit_code)
    return exit_code, trouble


def receive_folder(ours: socket.socket) -> int | None:
    """The descriptor that the launcher sent, if it came to that."""
    ours.setblocking(False)
    try:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    except BlockingIOError:
        return None
    return descriptors[0] if descriptors else None
