"""What a fork of the warm interpreter sees, and the right to make it: mounts and namespaces.

Only the standard library, and little of it. Works in Python 3.8 and newer.
"""

from __future__ import annotations

import ctypes
import os

from orders import KEY_BYTES, SYSTEM_CALLS  # type: ignore[import-not-found]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from typing import Any

    Call = tuple[Any, ...]

GETPID = {"x86_64": 39, "aarch64": 172}[os.uname().machine]
NEWNS, NEWPID = 0x20000, 0x20000000
MS_RDONLY, MS_NOEXEC, MS_BIND, MS_REC = 1, 8, 4096, 16384
SAFE = 2 | 4  # MS_NOSUID, MS_NODEV
EMPTY = "size=4096,mode=555"
NO_KEY = bytes(KEY_BYTES)

libc = ctypes.CDLL(None, use_errno=True)
syscall = libc.syscall  # looked up now: a fork would do it each time


class Rights:
    """The system calls that no code may make. No Python object but the page ever holds the key.

    `mount` and the others make a call ready, as arguments for `do`: what touches less memory costs a fork less.
    """

    def __init__(self, page: mmap.mmap) -> None:
        self._page = page
        self._key = ctypes.c_uint64.from_buffer(page)
        self._numbers = [ctypes.c_long(number) for number in SYSTEM_CALLS[os.uname().machine]]
        self._harmless = (ctypes.c_long(GETPID), b"", b"", b"", ctypes.c_ulong(0), b"", self._key)

    def mount(self, source: str, target: str, kind: str, flags: int, options: str = "") -> Call:
        words = [os.fsencode(word) for word in (source, target, kind)]
        return (self._numbers[0], *words, ctypes.c_ulong(flags), options.encode(), self._key)

    def unshare(self, flags: int) -> Call:
        return self._numbers[1], ctypes.c_ulong(flags), None, None, None, None, self._key

    def enter(self, fd: int, kind: int) -> Call:
        return self._numbers[2], ctypes.c_long(fd), ctypes.c_ulong(kind), None, None, None, self._key

    def do(self, *calls: Call) -> None:
        for call in calls:
            if syscall(*call) < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), f"system call {call[0].value} {call[1:3]}")

    def forget(self) -> None:
        """Give them up, for good: overwrite the key, and what the last call left of it."""
        self._page[:KEY_BYTES] = NO_KEY
        syscall(*self._harmless)
        syscall(*self._harmless)


class Ground:
    """What a fork finds in its file system: made ready once in the server, and shown to each.

    `plan`: "workspace" (where the code starts), "overlay" (whether a scratch is laid over what is there; else it is
    an empty folder), "hidden" (a folder in it that is covered), "store" (an empty folder for this class alone),
    "disk" and "shm" (bytes).
    """

    def __init__(self, rights: Rights, plan: dict[str, Any]) -> None:
        self.rights, self.store, self.top = rights, plan["store"], plan["workspace"]
        disk, shared = capped(plan["disk"]), capped(plan["shm"])
        self.own = f"mode=755,{disk}"
        self.hidden = os.path.join(self.top, plan["hidden"])  # noqa: PTH118
        rights.do(rights.mount("tmpfs", self.store, "tmpfs", SAFE, "mode=755"))
        self.steps: list[tuple[Callable[..., Any], Call]] = [
            (rights.do, (rights.mount("tmpfs", "/tmp", "tmpfs", SAFE, f"mode=1777,{disk}"),)),
            (rights.do, (rights.mount("tmpfs", "/dev/shm", "tmpfs", SAFE, f"mode=1777,{shared}"),)),
        ]
        for number, (kind, path, target) in enumerate((*covered("/tmp"), *covered("/dev/shm"))):
            if kind == "link":
                self.steps += [(make_place, (path, "")), (os.symlink, (target, path))]
            elif path != self.top:
                self.steps += [(make_place, (path, target)), (rights.do, (self._kept(path, str(number), path),))]
        if self.top.startswith(("/tmp/", "/dev/shm/")):
            self.steps.append((make_place, (self.top, "d")))
        if plan["overlay"]:
            self._lay()
        else:
            self.steps.append((rights.do, (rights.mount("tmpfs", self.top, "tmpfs", SAFE, self.own),)))
        if os.listdir(self.store):  # noqa: PTH208
            # Covered: to unmount it would take as long as all else together.
            self.steps.append((rights.do, (rights.mount("tmpfs", self.store, "tmpfs", SAFE | MS_RDONLY, EMPTY),)))
        self.steps.append((os.chdir, (self.top,)))
        # For the fork: a new /proc shows the processes of who mounts it.
        self.processes = rights.mount("proc", "/proc", "proc", SAFE | MS_NOEXEC)

    def show(self) -> None:
        """Change the mount namespace that the server is in to what a fork is to see."""
        for act, arguments in self.steps:
            act(*arguments)

    def _lay(self) -> None:
        """The workspace, writable; what is written to it is in memory, and goes with the namespace."""
        scratch, lower = f"{self.store}/scratch", f"{self.store}/lower"
        os.mkdir(scratch)  # noqa: PTH102
        self._kept(self.top, "lower", self.top)
        mode = os.stat(self.top).st_mode & 0o777 | 0o700  # noqa: PTH116
        layers = f"lowerdir={lower},upperdir={scratch}/up,workdir={scratch}/work,userxattr"
        self.steps += [
            (self.rights.do, (self.rights.mount("tmpfs", scratch, "tmpfs", SAFE, self.own),)),
            (os.mkdir, (f"{scratch}/up",)),
            (os.chmod, (f"{scratch}/up", mode)),
            (os.mkdir, (f"{scratch}/work",)),
            (self.rights.do, (self.rights.mount("overlay", self.top, "overlay", SAFE, layers),)),
            (self._hide, ()),
        ]

    def _hide(self) -> None:
        if os.path.isdir(self.hidden):  # noqa: PTH112
            self.rights.do(self.rights.mount("tmpfs", self.hidden, "tmpfs", SAFE | MS_RDONLY, EMPTY))

    def _kept(self, path: str, name: str, target: str) -> Call:
        """Keep what is mounted at `path` in the store; the call that shows it at `target`."""
        store = f"{self.store}/{name}"
        make_place(store, "d" if os.path.isdir(path) else "f")  # noqa: PTH112
        self.rights.do(self.rights.mount(path, store, "", MS_BIND | MS_REC))
        return self.rights.mount(store, target, "", MS_BIND | MS_REC)


def capped(size: int) -> str:
    return f"size={size},nr_inodes={max(4096, size // 2048)}"


def make_place(path: str, kind: str) -> None:
    """An empty folder ("d") or file ("f") to mount something on, or only the folders above it ("")."""
    os.makedirs(path if kind == "d" else os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    if kind == "f":
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def covered(top: str) -> list[tuple[str, str, str]]:
    """What the sandbox has below a folder that forks get empty: ("mount", path, "d" or "f") or ("link", path, to)."""
    found: list[tuple[str, str, str]] = []
    with open("/proc/self/mountinfo", "rb") as stream:  # noqa: PTH123
        points = [line.split()[4].decode("unicode_escape").encode("latin-1") for line in stream]
    mounts = {os.fsdecode(point) for point in points if point.startswith(os.fsencode(top) + b"/")}
    for folder, names, files in os.walk(top):
        for name in [*names, *files]:
            path = f"{folder}/{name}"
            if os.path.islink(path):  # noqa: PTH114
                found.append(("link", path, os.readlink(path)))  # noqa: PTH115
            elif path in mounts:
                found.append(("mount", path, "d" if name in names else "f"))
        names[:] = [name for name in names if f"{folder}/{name}" not in mounts]
    return found
