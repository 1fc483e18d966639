"""The launcher of a trial: as `launch`, and it lays out stand-ins for what is outside, and counts network attempts.

It runs as a process of its own (`COMMAND` starts one, with the plan's descriptor added), or as a forked child that
calls `serve`.
It gives the sandbox a network of its own with nothing but a loopback, stays in it to the end, and so can read what the
kernel counted there, which the program cannot forge. Names that are looked up are written down and answered with
"no such domain".
"""

# ruff: noqa: PTH118

from __future__ import annotations

import _socket
import fcntl
import marshal
import os
import sys

if __package__:
    from revet.sandboxes.local import launch
else:
    import launch  # type: ignore[import-not-found,no-redef]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["COMMAND", "LONG_AGO", "serve"]

# Last in the path, for modules here have names that the standard library has, too. Imported, it need not be compiled.
START = "import sys; sys.path.append(sys.argv[1]); import trial_launch; trial_launch.main(int(sys.argv[2]))"
COMMAND = (sys.executable, "-I", "-S", "-c", START, __file__.rpartition("/")[0])

LONG_AGO = 10**18
"""The times of a stand-in, in nanoseconds since 1970: a symlink that was followed has another time of access."""
CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
MOST_NAMES = 20
NO_SUCH_DOMAIN = 0x8183
"""The flags of an answer: a response, recursion desired and available, NXDOMAIN."""
COUNTERS = {
    "snmp": ("Ip:OutNoRoutes", "Tcp:ActiveOpens", "Tcp:PassiveOpens", "Tcp:AttemptFails", "Udp:NoPorts"),
    "snmp6": ("Ip6OutNoRoutes", "Udp6NoPorts"),
}


def serve(plan: dict[str, Any]) -> None:
    """Carry the plan out, to the end of everything, and say what was counted."""
    names: list[str] = []
    before: dict[str, int] = {}

    def prepare(plan: dict[str, Any]) -> dict[int, Callable[[], None]]:
        launch.prepare(plan)
        lay_out(plan["standins"], os.path.join(plan["mount"], "out"))
        server = own_network()
        before.update(counted())
        return {server.fileno(): lambda: answer(server, names)}

    launch.run(plan, prepare)
    after = counted()
    words = [f"{name}={after[name] - before.get(name, 0)}" for name in after]
    launch.tell(plan, "counted", " ".join([*words, *(f"name={name}" for name in names)]))


def lay_out(standins: list[tuple[str, str, str | bytes]], top: str) -> None:
    """Make folders ("d"), symlinks ("l", with the target) and files ("f", with the content), parents first."""
    times = (LONG_AGO, LONG_AGO)
    held = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    for path, kind, content in standins:
        if kind == "d":
            os.mkdir(path, 0o777 if path == "tmp" else 0o755, dir_fd=held)
        elif kind == "l":
            os.symlink(content, path, dir_fd=held)
            os.utime(path, ns=times, dir_fd=held, follow_symlinks=False)
        else:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=held)
            os.write(fd, content)  # type: ignore[arg-type]
            os.utime(fd, ns=times)
            os.close(fd)
    os.close(held)


def own_network() -> _socket.socket:
    """Leave the host's network for a new one with a loopback; a socket that gets the questions for names."""
    launch.check(launch.libc.unshare(CLONE_NEWNET), "a network of its own")
    server = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    request = b"lo".ljust(16, b"\0") + (0).to_bytes(24, sys.byteorder)
    flags = int.from_bytes(fcntl.ioctl(server, SIOCGIFFLAGS, request)[16:18], sys.byteorder)
    fcntl.ioctl(server, SIOCSIFFLAGS, request[:16] + (flags | IFF_UP).to_bytes(24, sys.byteorder))
    server.bind(("127.0.0.1", 53))
    server.setblocking(False)
    return server


def answer(server: _socket.socket, names: list[str]) -> None:
    """Read one question, write its name down ("?" if it has none), and say that there is no such name."""
    try:
        question, sender = server.recvfrom(4096)
    except OSError:  # nothing there any more
        return
    name, end = "", 12
    try:
        labels = []
        while question[end]:
            labels.append(question[end + 1 : end + 1 + question[end]])
            end += 1 + question[end]
        name = b".".join(labels).decode("ascii", "replace").lower()
        name = "".join(c if c.isalnum() or c in "-._" else "?" for c in name)
        counts = (1).to_bytes(2, "big") + bytes(6)
        server.sendto(question[:2] + NO_SUCH_DOMAIN.to_bytes(2, "big") + counts + question[12 : end + 5], sender)
    except (OSError, IndexError):  # no question, or nobody who listens
        name = name or "?"
    if (name or "?") not in names and len(names) < MOST_NAMES:
        names.append(name or "?")


def counted() -> dict[str, int]:
    """What the kernel counts in this network, as far as it tells that somebody was to be reached."""
    found: dict[str, int] = {}
    for file in COUNTERS:
        try:
            with open(f"/proc/self/net/{file}") as stream:  # noqa: PTH123
                lines = [line.split() for line in stream]
        except OSError:  # no IPv6
            continue
        if file == "snmp":
            for head, values in zip(lines[::2], lines[1::2], strict=False):
                found.update({head[0] + name: int(value) for name, value in zip(head[1:], values[1:], strict=False)})
        else:
            found.update({line[0]: int(line[1]) for line in lines})
    return {name: found[name] for names in COUNTERS.values() for name in names if name in found}


def main(plan: int) -> None:
    with os.fdopen(plan, "rb") as stream:
        found = marshal.loads(stream.read())
    serve(found)
