"""What a room's walls are made of: namespaces, mounts, users and rights, by the kernel's own calls.

Only the standard library. Works in Python 3.8 and newer, on Linux 5.12 and newer.
"""

# Paths may hold lone surrogates: os, not pathlib.
# ruff: noqa: PTH123

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct

libc = ctypes.CDLL(None, use_errno=True)

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (1 << bit for bit in (17, 26, 27, 28, 29, 30))
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 12, 1 << 14, 1 << 18
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, CLEAR_ALL = 1, 24, 38, 47, 4
CAPABILITY_VERSION, LAST_CAPABILITY = 0x20080522, 63
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
ORDINARY = 1000


def separate(network: bool) -> None:
    """Leave the machine's mounts, IPC, names and, unless `network`, network; processes started from now on, its own."""
    kinds = NEWNS | NEWPID | NEWIPC | NEWUTS | (0 if network else NEWNET)
    check(libc.unshare(kinds), "make namespaces")


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    check(libc.mount(*words, ctypes.c_ulong(flags), os.fsencode(options) if options else None), f"mount on {target}")


def mount_tmpfs(target: str, size: int, mode: str) -> None:
    options = f"mode={mode},size={size},nr_inodes={max(4096, size // 2048)}"
    mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options)


class Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("namespace", ctypes.c_uint64),
    )


def freeze(target: str) -> None:
    """Make everything mounted at and below `target` read-only, for this namespace."""
    wanted = Attributes(MOUNT_ATTR_RDONLY, 0, 0, 0)
    arguments = (AT_FDCWD, os.fsencode(target), AT_RECURSIVE, ctypes.byref(wanted), ctypes.sizeof(wanted))
    call = [ctypes.c_long(a) if isinstance(a, int) else a for a in (SYS_MOUNT_SETATTR, *arguments)]
    check(libc.syscall(*call), f"make {target} read-only")


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        answer = fcntl.ioctl(handle, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def enter_users(user: int | None) -> bool:
    """Go to a namespace of users that knows root and `user` (None: the ordinary one alone, which is us), and no more.

    So the limit on processes counts this room alone, and root's rights end at the room's walls. False if this kernel
    makes none.
    """
    table = f"{ORDINARY} 0 1\n" if user is None else f"0 0 1\n{user} {user} 1\n"
    told, tell = os.pipe()
    helper = os.fork()
    if helper == 0:  # it stays behind, where it has the right to write the tables
        done = 1
        try:
            if os.read(told, 1):
                for name in ("uid_map", "gid_map"):
                    with open(f"/proc/{os.getppid()}/{name}", "w") as stream:
                        stream.write(table)
                done = 0
        finally:
            os._exit(done)
    made = bool(libc.unshare(NEWUSER) == 0)
    if made:
        os.write(tell, b"!")
    os.close(tell)
    os.close(told)
    _, status = os.waitpid(helper, 0)
    if made and status != 0:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), "the table of users")
    return made


def give_up_rights(user: int | None) -> None:
    """No process of the room gains rights. Where programs are of the supervisor's own user, it has none either."""
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "forbid new privileges")
    if user is not None:
        return
    libc.prctl(PR_CAP_AMBIENT, CLEAR_ALL, 0, 0, 0)
    for number in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    check(libc.capset(header, none), "drop capabilities")
