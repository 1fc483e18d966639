"""The warm interpreter: a fork of it runs each piece of code, in namespaces of its own.

Run by ``start.py`` inside the sandbox, with a message socket to the host as descriptor 3. It holds
CAP_SYS_ADMIN and CAP_SYS_CHROOT, in its own user namespace only, to make the namespaces; a fork gives them up.

The system-call filter is the one of any program, but lets the calls that make namespaces and mounts through if they
carry a key in an unused register. So a fork, which overwrites its copy of the key, needs no filter of its own, which
would cost as much as the fork.

A few forks are kept ready. Each waits on a socket of its own for an order, which the host writes there; the host also
has the reading ends of its output, and a handle to kill its namespace. The server only waits for ends and tells them.

In its namespace a fork is process 2. Process 1 is made to share the server's memory, which costs next to nothing, and
sleeps for ever; to the fork it is out of reach, as nothing of the server may be read or traced (it is not dumpable).

Only the standard library, and little of it. Works in Python 3.8 and newer.
"""

from __future__ import annotations

import ctypes
import gc
import json
import mmap
import os
import resource
import struct
import sys
from _signal import (  # type: ignore[import-not-found]
    NSIG,
    SIG_DFL,
    SIG_IGN,
    SIGCHLD,
    SIGINT,
    SIGKILL,
    default_int_handler,
    getsignal,
    signal,
)
from _socket import AF_UNIX, CMSG_SPACE, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket, socketpair

import snippet  # type: ignore[import-not-found]
from ground import MS_NOEXEC, NEWNS, NEWPID, SAFE, Ground, Rights, libc, syscall  # type: ignore[import-not-found]
from orders import (  # type: ignore[import-not-found]
    DESCRIPTORS,
    END,
    ENDED,
    FORKS,
    KEY_BYTES,
    ORDER,
    READY,
    START,
    TROUBLE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Call = tuple[Any, ...]

CONTROL = 3
CLOSE_RANGE, PIDFD_OPEN = 436, 434
CLONE_VM, CLONE_FILES = 0x100, 0x400
ROOM = CMSG_SPACE(DESCRIPTORS.size)
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15
CAPABILITY_VERSION_3 = 0x20080522
MADV_WIPEONFORK = 18
RESERVED_SIGNALS = (32, 33)  # libc's
WARM_RUNS = 20
STACK = 64 * 1024
# What the kernel counts and the code has not started: this server and the process above it, bwrap's process 1, the
# namespaces' first processes and the other forks.
OWN_PROCESSES = 2 + FORKS + FORKS

capset = libc.capset  # looked up now: a fork would do it each time
libc.clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
PAUSE = ctypes.cast(libc.pause, ctypes.c_void_p)
NO_RIGHTS = (
    ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0)),
    ctypes.create_string_buffer(24),
)


def unshared(size: int) -> mmap.mmap:
    """Memory that forks get empty."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    check(libc.madvise(ctypes.c_void_p(address(memory)), size, MADV_WIPEONFORK), "memory that forks get empty")
    return memory


def address(memory: mmap.mmap) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


class Server:
    """Keeps forks ready, and tells the host of each that ended, when all of its namespace is dead."""

    def __init__(self, control: socket, rights: Rights, ground: Ground) -> None:
        self.control, self.rights, self.ground = control, rights, ground
        own = [(os.open(f"/proc/self/ns/{name}", os.O_RDONLY), kind) for name, kind in NAMESPACES]
        self.back = [rights.enter(fd, kind) for fd, kind in own]
        self.apart = rights.unshare(NEWPID | NEWNS)
        self.stacks = [unshared(STACK) for _ in range(FORKS)]
        self.firsts = [(PAUSE, address(stack) + STACK, CLONE_VM | CLONE_FILES | SIGCHLD, None) for stack in self.stacks]
        self.forks: dict[int, tuple[int, int, Call]] = {}
        self.made = 0

    def serve(self) -> NoReturn:
        wait, kill, forks, firsts, send = os.wait4, os.kill, self.forks, self.firsts, self.control.send
        while True:
            while firsts:
                self.make()
            pid, status, usage = wait(-1, 0)
            if pid in forks:
                number, first, call = forks.pop(pid)
                kill(first, SIGKILL)
                wait(first, 0)
                firsts.append(call)
                send(END.pack(ENDED, number, status, usage.ru_utime + usage.ru_stime))

    def make(self) -> None:
        """Make the namespaces and a fork in them; come back from them; hand the host what it needs."""
        call, self.made = self.firsts.pop(), self.made + 1
        ours, theirs = socketpair()
        ours.setblocking(False)
        output, to_output = os.pipe()
        errors, to_errors = os.pipe()
        os.set_blocking(output, False)
        os.set_blocking(errors, False)
        self.rights.do(self.apart)
        first = check(libc.clone(*call), "clone")
        self.ground.show()
        pid = os.fork()
        if pid == 0:
            self.rights.do(self.ground.processes)
            self.rights.forget()
            become(self.control, theirs.fileno(), to_output, to_errors)
        self.rights.do(*self.back)
        self.forks[pid] = self.made, first, call
        handle = check(syscall(PIDFD_OPEN, first, 0), "pidfd_open")
        rights = DESCRIPTORS.pack(ours.fileno(), output, errors, handle)
        self.control.sendmsg([START.pack(READY, self.made)], [(SOL_SOCKET, SCM_RIGHTS, rights)])
        ours.close()
        theirs.close()
        for fd in (output, errors, handle, to_output, to_errors):
            os.close(fd)


NAMESPACES = (("pid", NEWPID), ("mnt", NEWNS))
PROCESSORS = os.sched_getaffinity(0)
HARD = {which: resource.getrlimit(which)[1] for which in range(16)}


def limit(which: int, value: int, spare: int = 0) -> None:
    """Set a limit of this process. `spare` lies between the soft and the hard one, where there is room."""
    most = HARD[which]
    soft = value if most == resource.RLIM_INFINITY else min(value, most)
    hard = soft + spare if most == resource.RLIM_INFINITY else min(soft + spare, most)
    resource.setrlimit(which, (soft, hard))


def become(order: socket, channel: int, output: int, errors: int) -> NoReturn:
    """In a fork: give up all rights, wait for the order, run it, end. `order` is for descriptor `CONTROL`."""
    os.setpgid(0, 0)  # else `kill(0, …)` would reach the server
    os.dup2(channel, CONTROL, False)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if syscall(CLOSE_RANGE, CONTROL + 1, -1, 0) < 0:
        os.closerange(CONTROL + 1, min(HARD[resource.RLIMIT_NOFILE], 1 << 16))
    check(capset(*NO_RIGHTS), "capset")
    signal(SIGINT, default_int_handler)
    if "numpy.random" in sys.modules:  # `random` sees to this itself
        sys.modules["numpy.random"].seed()
    head, passed, _, _ = order.recvmsg(ORDER.size, ROOM)
    if len(head) != ORDER.size:  # the host is gone
        os._exit(1)
    fds = list(struct.unpack(f"={len(passed[0][2]) // 4}i", passed[0][2])) if passed else []
    code_size, data_size, name_size, by_descriptor, stdin, memory, cpu, processes, file_size, files = ORDER.unpack(head)
    text = read_exactly(fds[0] if by_descriptor else CONTROL, code_size + data_size + name_size)
    if stdin:
        os.dup2(fds[-1], 0)
    for fd in fds:
        os.close(fd)
    data = text[code_size : code_size + data_size]
    values = None if data == b"null" else json.loads(data)
    if len(PROCESSORS) > 1:
        os.sched_setaffinity(0, PROCESSORS)
    limit(resource.RLIMIT_CPU, cpu, 1)
    limit(resource.RLIMIT_NPROC, processes + OWN_PROCESSES)
    limit(resource.RLIMIT_FSIZE, file_size)
    limit(resource.RLIMIT_NOFILE, files)
    limit(resource.RLIMIT_AS, memory)
    name = text[code_size + data_size :].decode()
    os._exit(snippet.run(text[:code_size], values, name, CONTROL, secret))


def secret() -> bytes:
    return read_exactly(CONTROL, snippet.SECRET_BYTES)


def read_exactly(fd: int, size: int) -> bytes:
    found = os.read(fd, size)
    if len(found) == size:
        return found
    parts = [found]
    size -= len(found)
    while size:
        parts.append(os.read(fd, size))
        size -= len(parts[-1])
        if not parts[-1]:
            os._exit(1)
    return b"".join(parts)


class Preload(Exception):
    """A module cannot be imported."""


def preload(names: list[str]) -> None:
    """Import the modules, and undo what would make forks differ from a fresh interpreter."""
    for name in names:
        try:
            __import__(name)
        except BaseException as error:  # noqa: BLE001 - told to the host
            raise Preload(f"{name}: {type(error).__name__}: {error}") from None
    sys.argv = [snippet.FILE]
    sys.path.insert(0, "")
    for number in range(1, NSIG):
        # A handler would run in the process that shares this memory, too; Python's own are put back in the fork.
        if number not in RESERVED_SIGNALS and getsignal(number) not in (SIG_DFL, SIG_IGN):
            signal(number, SIG_DFL)


def warm_up() -> None:
    """Run code here: what is made or learnt for the first time, no fork has to make or learn."""
    main = sys.modules["__main__"]
    host, theirs = socketpair()
    for _ in range(WARM_RUNS):
        snippet.run(b"print(end='')", None, "result", theirs.fileno(), lambda: bytes(snippet.SECRET_BYTES))
    sys.modules["__main__"] = main
    host.close()
    theirs.close()


def main() -> None:
    os.environ.pop("LD_BIND_NOW", None)  # it was for this start alone
    control = socket(AF_UNIX, SOCK_SEQPACKET, 0, CONTROL)
    plan = json.loads(control.recv(1 << 16))
    page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    control.recv_into(page, KEY_BYTES)
    check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable")
    check(libc.prctl(PR_SET_NAME, b"revet-warm", 0, 0, 0), "name")
    rights = Rights(page)
    try:
        # Only a process namespace that this user namespace owns can be entered again.
        rights.do(rights.unshare(NEWPID))
        child = os.fork()
        if child:
            control.close()
            os.waitpid(child, 0)
            os._exit(1)
        rights.do(rights.unshare(NEWNS), rights.mount("proc", "/proc", "proc", SAFE | MS_NOEXEC))
        ground = Ground(rights, plan)
        preload(plan["preload"])
        warm_up()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        gc.collect()
        libc.malloc_trim(0)
        gc.freeze()
        # What a fork copies is then in the cache where it is copied, and no other processor has to be told.
        os.sched_setaffinity(0, {sorted(PROCESSORS)[plan["turn"] % len(PROCESSORS)]})
        Server(control, rights, ground).serve()
    except BaseException as error:  # noqa: BLE001 - told to the host, whatever it is
        kind = "preload" if isinstance(error, Preload) else type(error).__name__
        control.send(TROUBLE + f"{kind}:{error}".encode("utf-8", "backslashreplace")[:4000])
        os._exit(1)
