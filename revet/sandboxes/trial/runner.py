"""One run of the trial's launcher, waited for without an event loop. Nothing of it is left when it returns."""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

from revet.errors import SandboxBroken
from revet.sandboxes.local.launch import tell
from revet.sandboxes.local.pipes import Passed, Sink, parse_status, receive_folder
from revet.sandboxes.local.seccomp import filter_program
from revet.sandboxes.local.trial_launch import COMMAND, serve

__all__ = ["Bounds", "Ended", "run"]

PATIENCE = 10.0
"""Seconds that a killed sandbox may take to vanish before its launcher is killed, too."""
BREAKING_OFF = 2.0
"""Seconds that it may take where somebody wants to be gone."""
STATUS_LIMIT = 1 << 16
MIB = 1 << 20


@dataclass(frozen=True)
class Bounds:
    """What a trial may use: `revet.sandboxes.Limits`, with defaults for a command that somebody waits for."""

    wall_seconds: float = 10.0
    cpu_seconds: int = 60
    memory: int = 2048 * MIB
    processes: int = 256
    file_size: int = 256 * MIB
    disk: int = 256 * MIB
    open_files: int = 512
    output: int = 1 * MIB


@dataclass(frozen=True)
class Ended:
    """How it ended. `cause` is why it was killed; `upper` is the open folder of what it wrote, the caller's to close.

    `exit_code` is None if it was killed by us, or never ran: then `trouble` has the launcher's words.
    """

    cause: str
    exit_code: int | None
    trouble: Mapping[str, str]
    stdout: bytes
    stderr: bytes
    seconds: float
    upper: int | None
    report: bytes = b""


class _Run:
    """The pipes of one run, and its launcher."""

    def __init__(self, bounds: Bounds, stack: ExitStack) -> None:
        self.bounds, self.stack = bounds, stack
        self.sinks: dict[str, Sink] = {}
        self.control = -1
        self.socket: socket.socket
        self.cause = ""
        self.over = False
        self.lock = Lock()

    def sink(self, name: str, limit: int) -> int:
        """A pipe that we read up to a limit; its writing end."""
        reader, writer = os.pipe()
        self.stack.callback(os.close, reader)
        os.set_blocking(reader, False)
        self.sinks[name] = Sink(reader, limit)
        return writer

    def start(self, plan: Mapping[str, Any], options: Sequence[str], argv: Sequence[str]) -> int:
        """Start the launcher; its process id."""
        with Passed() as passed:
            stdout = passed.keep(self.sink("stdout", self.bounds.output))
            stderr = passed.keep(self.sink("stderr", self.bounds.output))
            if plan["drop"] is not None:  # else /dev/stderr could not be opened
                for fd in (stdout, stderr):
                    os.fchown(fd, plan["drop"], plan["drop"])
            status = passed.give(self.sink("status", STATUS_LIMIT))
            control, self.control = os.pipe()
            self.stack.callback(os.close, self.control)
            self.socket, theirs = socket.socketpair()
            self.stack.callback(self.socket.close)
            words = [*options, "--seccomp", str(passed.content(filter_program())), "--json-status-fd", str(status)]
            words_fd = passed.content(b"".join(os.fsencode(word) + b"\0" for word in words))
            whole = {
                **plan,
                "status": status,
                "report": passed.give(self.sink("report", STATUS_LIMIT)),
                "limits": vars(self.bounds),
                "control": passed.give(control),
                "socket": passed.give(theirs.detach()),
                "argv": ["bwrap", "--args", str(words_fd), "--", *argv],
            }
            begin = forked if alone() else spawned
            return begin(whole, passed, stdout, stderr)

    def wait(self, process: int) -> None:
        """Until the launcher has ended, which is when nothing of the sandbox is left."""
        poll = select.poll()
        by_fd = {sink.fd: (name, sink) for name, sink in self.sinks.items()}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        deadline = time.monotonic() + self.bounds.wall_seconds
        while self.sinks["status"].open:
            left = deadline - time.monotonic()
            if left <= 0 and not self.cause:
                self.stop("timeout")
                deadline += PATIENCE
            elif left <= 0:
                kill(process)
                deadline += PATIENCE
            for fd, _ in poll.poll(max(0.0, left) * 1000):
                name, sink = by_fd[fd]
                sink.take()
                if sink.over and name in ("stdout", "stderr"):
                    self.stop("output_limit")
                if not sink.open:
                    poll.unregister(fd)
        for sink in self.sinks.values():  # what the dead left in the pipes
            while sink.open:
                try:
                    sink.take()
                except BlockingIOError:
                    break

    def stop(self, cause: str) -> None:
        """End it, from any thread. The first cause is told. Harmless when it has ended."""
        with self.lock:
            if not self.cause and not self.over:
                self.cause = cause
                os.write(self.control, b"k")

    def break_off(self, process: int) -> None:
        """End it now. The launcher sees to it that nothing is left, as long as it does not take too long."""
        self.stop("closed")
        deadline = time.monotonic() + BREAKING_OFF
        while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() > deadline:
                kill(process)
                return
            time.sleep(0.005)

    def end(self) -> None:
        with self.lock:
            self.over = True


def run(
    plan: Mapping[str, Any],
    options: Sequence[str],
    argv: Sequence[str],
    bounds: Bounds,
    begun: Callable[[Callable[[str], None]], None] = lambda stop: None,
) -> Ended:
    """Run `argv` inside, with bwrap's `options`; the launcher needs `plan` besides. `begun` gets what can stop it."""
    with ExitStack() as stack:
        now = _Run(bounds, stack)
        started = time.monotonic()
        process = now.start(plan, options, argv)
        begun(now.stop)
        try:
            now.wait(process)
        except BaseException:
            now.break_off(process)
            raise
        finally:
            now.end()
            _, status = os.waitpid(process, 0)
        seconds = time.monotonic() - started
        exit_code, trouble = parse_status(bytes(now.sinks["status"].data))
        if os.WIFSIGNALED(status) and exit_code is None and not now.cause:
            raise SandboxBroken(f"the sandbox's launcher was killed by signal {os.WTERMSIG(status)}")
        return Ended(
            cause=now.cause,
            exit_code=exit_code,
            trouble=trouble,
            stdout=bytes(now.sinks["stdout"].data),
            stderr=bytes(now.sinks["stderr"].data),
            seconds=seconds,
            upper=receive_folder(now.socket),
            report=bytes(now.sinks["report"].data),
        )


def kill(process: int) -> None:
    """End the launcher, and its group if it leads one yet. It was not waited for, so the number is still its own."""
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.kill(process, signal.SIGKILL)


def alone() -> bool:
    """Whether this process has one thread only, so that it can fork and go on."""
    return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208


def forked(plan: dict[str, Any], passed: Passed, stdout: int, stderr: int) -> int:
    """A launcher that starts at once, for Python has started already."""
    process = os.fork()
    if process:
        return process
    try:
        os.setsid()
        os.chdir("/")
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, fd in enumerate((nothing, stdout, stderr)):
            os.dup2(fd, number)
        for fd in passed.given:
            os.set_inheritable(fd, True)
        for fd in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
            if fd > 2 and fd not in passed.given:
                with suppress(OSError):  # the one of the listing itself
                    os.close(fd)
        os.environ.clear()
        serve(plan)
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told, and the child goes no further
        tell(plan, "error", f"the launcher: {error}")
    finally:
        os._exit(1)


def spawned(plan: dict[str, Any], passed: Passed, stdout: int, stderr: int) -> int:
    """A launcher in a new process: other threads may hold locks that a forked child could wait for."""
    import subprocess  # a process that can fork needs none of it

    plan_fd = passed.content(marshal.dumps(plan))
    started = subprocess.Popen(
        [*COMMAND, str(plan_fd)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env={},
        cwd="/",
        close_fds=True,
        pass_fds=passed.given,
        start_new_session=True,
    )
    started.returncode = 0  # it is waited for by its number
    return started.pid
