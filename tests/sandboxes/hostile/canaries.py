"""What a hostile program would harm, read or reach on the host, and whether it has."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Canaries", "canaries"]

WATCHED = ("/etc/passwd", "/etc/shadow", "/etc/hosts", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern")
CLOCK_TOLERANCE = 30.0


@dataclass
class Canaries:
    """Canaries in `folder`, a folder of the host's. `secret` must appear in nothing that a program gives back."""

    folder: Path
    secret: str
    process: subprocess.Popen[bytes]
    doors: dict[str, socket.socket]
    before: dict[str, str]
    clocks: float = field(default_factory=lambda: time.time() - time.monotonic())

    @property
    def secret_file(self) -> Path:
        return self.folder / "secret"

    @property
    def empty(self) -> Path:
        """A folder of the host's that is to stay empty."""
        return self.folder / "empty"

    @property
    def flag(self) -> Path:
        """A file that comes into being only if something of a program's runs on the host."""
        return self.folder / "flag"

    def told(self) -> dict[str, Any]:
        """What the programs are told of it: where to aim. Not the secret."""
        return {
            "secret_file": str(self.secret_file),
            "flag": str(self.flag),
            "home": str(Path("~").expanduser()),
            "tcp": self.doors["tcp"].getsockname()[1],
            "udp": self.doors["udp"].getsockname()[1],
            "abstract": self.doors["abstract socket"].getsockname()[1:].decode(),
            "unix": self.doors["unix socket"].getsockname(),
        }

    def harmed(self) -> Iterator[str]:
        """What has happened to the host, in words."""
        if self.process.poll() is not None:
            yield f"a process of the host was killed ({self.process.returncode})"
        elif state(self.process.pid) not in "SRD":
            yield f"a process of the host was stopped ({state(self.process.pid)})"
        for path, digest in self.before.items():
            if fingerprint(path) != digest:
                yield f"{path} of the host has changed"
        if self.flag.exists():
            yield "something of the program's ran on the host"
        extra = {place.name for place in self.folder.iterdir()} - {"secret", "socket", "empty"}
        extra |= {place.name for place in self.empty.iterdir()}
        if extra:
            yield f"made on the host: {sorted(extra)}"
        for name, door in self.doors.items():
            if knocked(door):
                yield f"the host's {name} was reached"
        drift = abs(time.time() - time.monotonic() - self.clocks)
        if drift > CLOCK_TOLERANCE:
            yield f"the host's clock was set ({drift:.0f} s)"


@contextlib.contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """Set them out in `folder` (new, empty), and take them in again."""
    secret = f"hush-{secrets.token_hex(12)}"
    with contextlib.ExitStack() as stack:
        (folder / "empty").mkdir()
        (folder / "secret").write_text(secret)
        (folder / "secret").chmod(0o644)
        inherited = os.open(folder / "secret", os.O_RDONLY)
        stack.callback(os.close, inherited)
        os.set_inheritable(inherited, True)
        os.environ["REVET_TEST_CANARY"] = secret
        stack.callback(os.environ.pop, "REVET_TEST_CANARY")
        idle = [sys.executable, "-I", "-S", "-c", "import sys; sys.stdin.read()"]  # ends with us, however we end
        process = stack.enter_context(subprocess.Popen(idle, stdin=subprocess.PIPE))
        stack.callback(process.kill)
        while not Path(f"/proc/{process.pid}/cmdline").read_bytes():  # empty at first, and so it would seem another one
            time.sleep(0.001)
        doors = {name: stack.enter_context(door) for name, door in open_doors(folder)}
        before = {path: fingerprint(path) for path in (*WATCHED, str(folder / "secret"))}
        yield Canaries(folder, secret, process, doors, before)


def open_doors(folder: Path) -> Iterator[tuple[str, socket.socket]]:
    """Servers that nobody may reach."""
    tcp = socket.create_server(("127.0.0.1", 0))
    yield "tcp", tcp
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    yield "udp", udp
    for name, address in (
        ("abstract socket", f"\0revet-{secrets.token_hex(8)}"),
        ("unix socket", str(folder / "socket")),
    ):
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen()
        yield name, server
    (folder / "socket").chmod(0o777)


def knocked(door: socket.socket) -> bool:
    """Whether somebody connected, or sent something."""
    door.setblocking(False)
    try:
        if door.type == socket.SOCK_DGRAM:
            door.recv(100)
        else:
            door.accept()[0].close()
    except BlockingIOError:
        return False
    return True


def fingerprint(path: str) -> str:
    """Content, mode and owner; "" for what is not there or may not be read."""
    try:
        info = os.stat(path)  # noqa: PTH116
        return f"{info.st_mode:o} {info.st_uid} {hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
    except OSError:
        return ""


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
