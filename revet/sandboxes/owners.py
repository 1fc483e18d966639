"""Whose a container or a virtual machine is: a label that names this process, and whether such a process is gone."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

__all__ = ["OWNER", "SESSION", "is_gone", "owner"]

OWNER, SESSION = "revet.owner", "revet.session"
"""The names of the labels."""


@cache
def _machine() -> str:
    """This machine since its start, and the process numbers that are seen here."""
    boot = namespace = ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:  # not Linux
        pass
    return f"{socket.gethostname()}/{boot}/{namespace}"


def started(pid: int) -> str | None:
    """When the process started, in the kernel's count; "" where that is not known, None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] == b"Z" else fields[19].decode()
    except OSError:  # not Linux; or it is another user's, and /proc shows none of those (hidepid)
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        return ""
    return ""


def owner() -> str:
    """This process, as a label. Valid in children that were forked, as their own."""
    return f"{os.getpid()}/{started(os.getpid()) or ''}/{_machine()}"


def is_gone(label: str) -> bool:
    """Whether the process that the label names has ended. False where that cannot be known (another machine's)."""
    pid, start, machine = (*label.split("/", 2), "", "")[:3]
    if machine != _machine() or not pid.isdigit():
        return False
    now = started(int(pid))
    return now is None or bool(now and start and now != start)
