"""Descriptors between this process and a launcher: what is read from it, and what is passed to it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field

__all__ = ["CHUNK", "Passed", "Sink", "parse_status", "receive_folder"]

CHUNK = 1 << 16
FIRST_PASSED = 10


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
    except (BlockingIOError, ConnectionResetError):
        return None
    return descriptors[0] if descriptors else None
