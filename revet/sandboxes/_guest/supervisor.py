"""Runs one program in a container or a virtual machine, for a host outside it, and tells how it ended.

It speaks in frames (see `frames`). From the host, on standard input:

=== =====================================================================================================
H   JSON, first: key (hex), workspace, files (absolute paths), user (null, or the uid of programs), watch
    (end when standard input does), links (paths, and what they are to lead to; null: our own interpreter)
W F a part of a pack (see `staging`), for what lies below workspace, or below files
S   answered with S when all before it is done, and what is there has been looked at
I   a part of the program's standard input
G   JSON: the order (see `Run`), carried out at once; nothing follows
=== =====================================================================================================

To the host, on standard output:

=== =====================================================================================================
R   JSON: ready; the interpreter, and what can be measured here
S   see above
B   the program is being started
1 2 a part of the program's stdout, stderr
3   a part of its report
E   JSON: how the program ended; nothing of it is left
A   JSON: something that it created or changed (of an order with keep); if that says so, its content follows in D
T V JSON: some of the paths that it created or changed; that it deleted
Q   JSON: the end, all has been told; how many changes there were besides
X   JSON: what could not be done; nothing follows
=== =====================================================================================================

As process 1 of a container it takes in orphans and cannot be killed from inside; its memory and descriptors are out
of reach of a program of the same user (`PR_SET_DUMPABLE`). Only the standard library. Works in Python 3.8 and newer.
"""

# Paths are strings that may hold lone surrogates, below folders that are open: os, not pathlib.
# ruff: noqa: PTH103, PTH120, PTH123, PTH208, PTH211

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import struct
import sys
import time

from .frames import Gone, Host, Trouble
from .staging import Unpacker, look, tell_differences

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .staging import Mark

CHUNK = 1 << 16
TICK = 0.25
FIRST_MOVED = 10
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 22, 36, 38
SECCOMP_MODE_FILTER = 2
CPU_V1, CPU_V2 = "/sys/fs/cgroup/cpuacct/cpuacct.usage", "/sys/fs/cgroup/cpu.stat"
OOM_V1, OOM_V2 = "/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"

libc = ctypes.CDLL(None, use_errno=True)


class Run:
    """The program and its pipes. An order holds:

    argv, env, cwd (absolute), python (a path that stands for our own interpreter where it is not here, or null),
    wall (seconds), alone (what is counted here is the program's), cpu (seconds of all processes, or null; needs
    alone), output, report (bytes; null: no report channel),
    rlimits (names without RLIMIT_, and values), seccomp (BPF in base64, or null), keep, file_size and disk (bytes
    of one kept file, and of all).
    """

    def __init__(self, host: Host, order: dict[str, Any], stdin: bytes, head: dict[str, Any]) -> None:
        self.host, self.order, self.stdin, self.head = host, order, memoryview(stdin), head
        self.pid = -1
        self.status: int | None = None
        self.cause: str | None = None
        self.error: list[Any] | None = None
        self.sinks: dict[int, tuple[bytes, int]] = {}  # the frame's kind, and how much may still come
        self.stdin_fd = -1
        self.started = 0.0
        self.used, self.killed = cpu_seconds() or 0.0, out_of_memory() or 0
        self.own = 0.0  # the processor time of the program's process, and of those that it waited for

    def start(self) -> None:
        """Make the pipes and the process. `error` says why it could not become the program, if so."""
        order = self.order
        trouble, trouble_end = os.pipe()
        given = os.open(os.devnull, os.O_RDONLY)
        if self.stdin:
            os.close(given)
            given, self.stdin_fd = os.pipe()
            os.set_blocking(self.stdin_fd, False)
        ends = [given, self.sink(b"1", order["output"]), self.sink(b"2", order["output"])]
        if order["report"] is not None:
            ends.append(self.sink(b"3", order["report"]))
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            step = "setup"
            try:
                argv = become(order, self.head["user"], ends)
                step = "exec"
                os.execvpe(argv[0], argv, order["env"])
            except OSError as error:
                os.write(trouble_end, json.dumps([step, error.errno, error.strerror]).encode())
            finally:
                os._exit(127)
        for fd in (trouble_end, *ends):
            os.close(fd)
        with os.fdopen(trouble, "rb") as words:
            told = words.read()
        self.error = json.loads(told) if told else None

    def sink(self, kind: bytes, limit: int) -> int:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self.sinks[reader] = (kind, limit)
        return writer

    def watch(self, wakeup: int) -> None:
        """Until the program has ended, or must: its output goes to the host as it comes."""
        poll = select.poll()
        for fd in (*self.sinks, wakeup, *([self.host.source] if self.head["watch"] else ())):
            poll.register(fd, select.POLLIN)
        if self.stdin_fd >= 0:
            poll.register(self.stdin_fd, select.POLLOUT)
        most = self.order["cpu"]
        while not self.reap() and self.cause is None:
            left = self.started + self.order["wall"] - time.monotonic()
            if left <= 0:
                self.cause = "wall"
            elif most is not None and (cpu_seconds() or 0.0) - self.used > most:
                self.cause = "cpu"
            for fd, _ in poll.poll(max(0.0, min(left, TICK)) * 1000):
                if not self.attend(fd, wakeup):
                    poll.unregister(fd)

    def attend(self, fd: int, wakeup: int) -> bool:
        """Do what can be done with a descriptor that is ready. False when no more can be."""
        if fd in self.sinks:
            return self.forward(fd)
        if fd == self.stdin_fd:
            return self.feed()
        if not os.read(fd, CHUNK) and fd != wakeup:
            raise Gone
        return True

    def forward(self, fd: int) -> bool:
        """Pass on what has arrived, up to the limit. False at the end of the stream."""
        try:
            piece = os.read(fd, CHUNK)
        except BlockingIOError:
            return True
        kind, room = self.sinks[fd]
        if len(piece) > room:
            self.cause = self.cause or "output"
        if piece[:room]:
            self.host.send(kind, piece[:room])
        self.sinks[fd] = (kind, max(0, room - len(piece)))
        return bool(piece)

    def feed(self) -> bool:
        """Give the program more of its standard input. False when that is over."""
        try:
            self.stdin = self.stdin[os.write(self.stdin_fd, self.stdin[:CHUNK]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self.stdin = self.stdin[:0]
        if not self.stdin:
            os.close(self.stdin_fd)
        return bool(self.stdin)

    def reap(self) -> bool:
        """Take in the dead. Whether the program itself is among them."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    break
                self.take_in(pid, status, usage)
        return self.status is not None

    def take_in(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        """One that has died. It is remembered if it is the program itself."""
        if pid == self.pid:
            self.status, self.own = status, usage.ru_utime + usage.ru_stime

    def end(self) -> None:
        """Kill whatever is left, and take its last words."""
        with contextlib.suppress(ChildProcessError):
            while True:
                kill_rest()
                self.take_in(*os.wait4(-1, 0))
        seconds = time.monotonic() - self.started
        for fd in self.sinks:
            while select.select([fd], [], [], 0)[0] and self.forward(fd):
                pass
        ended = {"status": self.status, "cause": self.cause, "error": self.error, "seconds": seconds}
        self.host.tell(b"E", {**ended, **self.counted()})

    def counted(self) -> dict[str, Any]:
        """The processor time that it has used, and how often the kernel killed for its memory."""
        used = cpu_seconds() if self.order["alone"] else None
        killed = (out_of_memory() or 0) - self.killed if self.order["alone"] else 0
        return {"cpu": self.own if used is None else used - self.used, "oom": killed}


def become(order: dict[str, Any], user: int | None, descriptors: list[int]) -> list[str]:
    """In the new process: take on the program's limits and its place; what to execute."""
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the next file is root's
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:
        stream.write("1000")  # where memory runs out, this goes before the supervisor
    os.setsid()
    os.umask(0o022)
    answer_signals(signal.SIG_DFL)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_MOVED) for fd in descriptors]
    for target, fd in enumerate(moved):
        os.dup2(fd, target)
    for name, value in order["rlimits"].items():
        which = getattr(resource, f"RLIMIT_{name}")
        most = resource.getrlimit(which)[1]
        soft = value if most == resource.RLIM_INFINITY else min(value, most)
        # A second between the two lets the program end by SIGXCPU, which says why, and not by SIGKILL.
        hard = soft + 1 if name == "CPU" and most == resource.RLIM_INFINITY else soft
        resource.setrlimit(which, (soft, hard))
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    os.chdir(order["cwd"])
    if order["seccomp"] is not None:
        confine(base64.b64decode(order["seccomp"]))
    program, *words = order["argv"]
    return [sys.executable if program == order["python"] and not os.access(program, os.X_OK) else program, *words]


def answer_signals(how: signal.Handlers) -> None:
    """Answer every signal that can be answered in this way."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, SIGSTOP
            signal.signal(number, how)


def confine(program: bytes) -> None:
    """Refuse system calls by a BPF filter, for good."""
    code = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    for option, value, data in ((PR_SET_NO_NEW_PRIVS, 1, None), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole)):
        if libc.prctl(option, ctypes.c_ulong(value), data, ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
            raise OSError(ctypes.get_errno(), "the system-call filter was refused")


def kill_rest() -> None:
    """Kill all that this process may kill, as the first of a container, or all that it has started."""
    for pid in [-1] if os.getpid() == 1 else children():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def children() -> list[int]:
    """The processes whose parent this is: also those whose own parent has died."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stream:
                # The name, in brackets, may hold anything.
                if int(stream.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
    return found


def measure(place: str, word: bytes | None = None) -> int | None:
    """The number in a file, or the one that follows `word`. None where there is none."""
    try:
        with open(place, "rb") as stream:
            words = stream.read().split()
        return int(words[words.index(word) + 1 if word is not None else 0])
    except (OSError, ValueError, IndexError):
        return None


def cpu_seconds() -> float | None:
    """The processor time that all processes of the container have used; None where nobody counts it."""
    nanoseconds = measure(CPU_V1)
    if nanoseconds is not None:
        return nanoseconds / 1e9
    microseconds = measure(CPU_V2, b"usage_usec")
    return None if microseconds is None else microseconds / 1e6


def out_of_memory() -> int | None:
    """How often the kernel killed a process of the container for its memory; None where nobody counts it."""
    killed = measure(OOM_V1, b"oom_kill")
    return measure(OOM_V2, b"oom_kill") if killed is None else killed


def serve(host: Host, wakeup: int) -> None:
    """Do what the host asks, to the end."""
    kind, payload = host.receive()
    if kind != b"H":
        raise Trouble("broken", "the first frame is not the head")
    head = json.loads(payload)
    host.key = bytes.fromhex(head["key"])
    for path, target in head["links"].items():
        with contextlib.suppress(PermissionError):  # in a folder that is not ours, there can be none
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(target or sys.executable, path)
    packs = {kind: Unpacker(head[name], head["user"]) for kind, name in ((b"W", "workspace"), (b"F", "files"))}
    found = {"python": sys.executable, "version": list(sys.version_info[:3])}
    host.tell(b"R", {**found, "counts_cpu": cpu_seconds() is not None, "counts_oom": out_of_memory() is not None})
    top = os.open(head["workspace"], os.O_RDONLY | os.O_DIRECTORY)
    before: dict[str, Mark] | None = None
    stdin = bytearray()
    while True:
        kind, payload = host.receive()
        if kind in packs:
            packs[kind].feed(payload)
            before = None
        elif kind == b"S":
            before = look(top) if before is None else before
            host.send(b"S")
        elif kind == b"I":
            stdin += payload
        elif kind == b"G":
            break
        else:
            raise Trouble("broken", f"an unknown frame: {kind!r}")
    order = json.loads(payload)
    before = look(top) if before is None else before
    for pack in packs.values():
        pack.finish()
    run = Run(host, order, bytes(stdin), head)
    try:
        host.send(b"B")
        run.start()
        run.watch(wakeup)
    finally:
        run.end()
    tell_differences(host, top, before, order)


def main() -> None:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the list's own descriptor has gone
            os.set_inheritable(int(name), False)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.umask(0)
    wakeup, wakeup_end = os.pipe()
    for fd in (wakeup, wakeup_end):
        os.set_blocking(fd, False)
    answer_signals(signal.SIG_IGN)  # a program of the same user may send any
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    host = Host(0, 1)
    with contextlib.suppress(Gone):
        try:
            serve(host, wakeup)
        except Trouble as trouble:
            host.tell(b"X", {"kind": trouble.kind, "words": str(trouble)})
        except OSError as error:
            host.tell(b"X", {"kind": "broken", "words": str(error)})
