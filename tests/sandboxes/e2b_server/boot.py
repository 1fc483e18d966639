"""Started by root: shows ordinary users what a machine is made of, where root alone could reach it, and becomes them.

``boot.py UID SOURCE=PLACE… -- COMMAND…``: each source is bound to its place in a mount namespace of its own. The
command runs as root of a user namespace, whose root is UID outside, and whose user 1000 is UID - 1.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

NEWNS, NEWUSER, BIND, REC, PRIVATE = 0x20000, 0x10000000, 0x1000, 0x4000, 0x40000


def check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(libc: ctypes.CDLL, table: str) -> None:
    """Become root of a new user namespace. The table is written by a helper that stays outside."""
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.read(reader, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{os.getppid()}/{name}", "w") as stream:  # noqa: PTH123
                stream.write(table)
        os._exit(0)
    check(libc.unshare(NEWUSER))
    os.write(writer, b"!")
    os.waitpid(helper, 0)
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def main() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    uid, *words = sys.argv[1:]
    at = words.index("--")
    check(libc.unshare(NEWNS))
    check(libc.mount(b"none", b"/", None, ctypes.c_ulong(REC | PRIVATE), None))
    for pair in words[:at]:
        source, _, target = pair.partition("=")
        check(libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(BIND), None))
    enter(libc, f"0 {uid} 1\n1000 {int(uid) - 1} 1\n")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.execv(words[at + 1], words[at + 1 :])


if __name__ == "__main__":
    main()
