"""One piece of code in a warm interpreter: its fork, what comes out of it, and how it ended."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, Literal

from revet.errors import SandboxBroken
from revet.sandboxes._guest.orders import ORDER
from revet.sandboxes.base import ExecVerdict, Limits
from revet.sandboxes.snippets import FAILED, Order

__all__ = ["Fields", "Fork", "Visit"]

CHUNK = 1 << 16
INLINE = 1 << 16
"""A socket's buffer holds at least so much; what is larger goes by way of memory that both see."""
SOONEST = 0.05
"""Seconds between two looks at the CPU time."""
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Fields = dict[str, Any]
"""Those of an `ExecResult`."""
Cause = Literal["timeout", "closed", "cancelled", "output"]


class Fork:
    """A fork that waits for an order. The descriptors are ours: its socket, its output, its errors, its namespace."""

    __slots__ = ("errors", "handle", "number", "open", "output", "socket")

    def __init__(self, number: int, fds: tuple[int, ...]) -> None:
        self.number, self.open = number, True
        order, self.output, self.errors, self.handle = fds
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=order)

    def kill(self) -> None:
        """Kill the namespace's first process, and with it all others."""
        if not self.open:
            return
        try:
            signal.pidfd_send_signal(self.handle, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Look at it no more. Closing twice is harmless."""
        if not self.open:
            return
        self.open = False
        self.socket.close()
        for fd in (self.output, self.errors, self.handle):
            os.close(fd)


class Visit:
    """An order and the fork that carries it out.

    It is over for the caller when the record is complete: then everything in the namespace is killed. Without a
    record it is over when the server says that the whole namespace is dead, and how the process ended.
    """

    __slots__ = (
        "cause", "cpu_base", "cpu_seconds", "done", "errors", "fork", "limits", "oomed", "order", "output", "over",
        "report", "started",
    )  # fmt: skip

    def __init__(self, fork: Fork, order: Order, limits: Limits, done: asyncio.Future[Fields]) -> None:
        self.fork, self.order, self.limits, self.done = fork, order, limits, done
        self.report, self.output, self.errors = b"", b"", b""
        self.over = False
        self.cause: Cause | None = None
        self.oomed: Callable[[], bool] = never
        self.cpu_seconds: Callable[[], float] | None = None
        self.cpu_base = 0.0
        self.started = time.monotonic()

    def send(self, stdin: bytes) -> None:
        """Give the order to the fork. OSError if that is dead."""
        order, limits = self.order, self.limits
        name = order.returns.encode()
        text = order.code + order.data + name
        large = len(text) > INLINE
        head = ORDER.pack(
            len(order.code), len(order.data), len(name), large, bool(stdin),
            capped(limits.memory), capped(limits.cpu_seconds), capped(limits.processes), capped(limits.file_size),
            capped(limits.open_files),
        )  # fmt: skip
        if not large and not stdin:
            self.fork.socket.send(head + text + order.secret)
            return
        fds = [shared(content) for content, wanted in ((text, large), (stdin, bool(stdin))) if wanted]
        try:
            socket.send_fds(self.fork.socket, [head, b"" if large else text, order.secret], fds)
        finally:
            for fd in fds:
                os.close(fd)

    def stop(self, cause: Cause) -> None:
        """Kill everything in the namespace. The first cause is the one that is told."""
        if self.cause is None:
            self.cause = cause
        self.fork.kill()

    def read_report(self) -> bool:
        """Take what has arrived of the record. Whether it is complete."""
        self.report = self._take(self.fork.socket.fileno(), self.report, self.limits.report)
        if self.over:
            self.flooded()
            return False
        return self.report.endswith((self.order.secret, FAILED))

    def drain(self) -> None:
        """Take what has been written. The code is killed if it was too much, and no more is taken then."""
        self.output = self._take(self.fork.output, self.output, self.limits.output)
        self.errors = self._take(self.fork.errors, self.errors, self.limits.output)
        if self.over:
            self.flooded()

    def flooded(self) -> None:
        self.stop("output")
        self.fork.close()

    def meter(self, cpu_seconds: Callable[[], float]) -> None:
        """Count the CPU time of all processes, as `cpu_seconds` tells it, from now on."""
        self.cpu_seconds, self.cpu_base = cpu_seconds, cpu_seconds()

    def left(self) -> float:
        """Seconds until a clock may have run out. All CPU time can be used on all processors at once."""
        left = self.limits.wall_seconds - (time.monotonic() - self.started)
        if self.cpu_seconds is not None:
            unused = self.limits.cpu_seconds - (self.cpu_seconds() - self.cpu_base)
            left = min(left, max(SOONEST, unused / PROCESSORS)) if unused > 0 else 0.0
        return left

    def complete(self) -> None:
        """The record is there: the code has come to an end, and all that it has started comes to one now."""
        self.fork.kill()
        self.drain()
        self.fork.close()
        self._tell(ExecVerdict.ok, 0 if self.report.endswith(self.order.secret) else 1)

    def ended(self, status: int, cpu_seconds: float) -> None:
        """The namespace is dead."""
        self._last_look()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            self._tell(self._of_signal(number, cpu_seconds), None, number)
        else:
            self._tell(ExecVerdict.exception, os.WEXITSTATUS(status))

    def crashed(self) -> None:
        """The server is dead, and all forks with it."""
        self._last_look()
        self._tell(ExecVerdict.crash, None)

    def _last_look(self) -> None:
        if self.fork.open:
            self.read_report()
            self.drain()
            self.fork.close()

    def _of_signal(self, number: int, cpu_seconds: float) -> ExecVerdict:
        if number == signal.SIGXCPU or (number == signal.SIGKILL and cpu_seconds >= self.limits.cpu_seconds):
            return ExecVerdict.timeout
        if number == signal.SIGKILL and self.oomed():
            return ExecVerdict.oom
        return ExecVerdict.denied if number == signal.SIGSYS else ExecVerdict.signal

    def _tell(self, verdict: ExecVerdict, code: int | None, number: int | None = None) -> None:
        if self.done.done():
            return
        if self.cause == "closed":
            self.done.set_exception(SandboxBroken("the session was closed while the code ran"))
            return
        if self.cause == "timeout":
            verdict, code, number = ExecVerdict.timeout, None, None
        elif self.over:
            verdict, code, number = ExecVerdict.output_limit, None, None
        self.done.set_result(
            {
                "verdict": verdict,
                "exit_code": code,
                "signal": number,
                "stdout": self.output,
                "stderr": self.errors,
                "report": self.report,
                "truncated": self.over,
                "seconds": time.monotonic() - self.started,
                "touched": (),
                "refused": (),
            }
        )

    def _take(self, fd: int, found: bytes, limit: int) -> bytes:
        """What is there now, after what was found before, cut at the limit."""
        parts, size = [found], len(found)
        while True:
            try:
                part = os.read(fd, CHUNK)
            except (BlockingIOError, ConnectionResetError):
                break
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > limit:
                self.over = True
                break
        if len(parts) == 1:
            return found
        return b"".join(parts)[:limit]


def never() -> bool:
    return False


def capped(value: int) -> int:
    """The wire has 64 bits for a limit, the kernel 63."""
    return min(value, (1 << 63) - 1)


def shared(content: bytes) -> int:
    """A descriptor to read the content from, which cannot be changed through it."""
    fd = os.memfd_create("revet", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    with os.fdopen(os.dup(fd), "wb") as stream:
        stream.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd
