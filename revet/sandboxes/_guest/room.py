"""Makes a room in a virtual machine for one run, as the machine's root, and starts the supervisor in it.

A room is a set of namespaces: its own processes (all of which end with it), mounts, IPC, host name and, unless the
session has a network, network. Everything of the machine is read-only there, but for a /tmp, a /dev/shm and a scratch
over the workspace, each of limited size, which are gone with it. The workspace itself was staged once (`stage`) and is
seen through an overlay, or copied where the kernel has none.

Started as a part of the package ``revet_guest``, by `main`, with the words

probe
    Says as JSON what can be had here.
stage PACK BASE USER
    Unpacks the file PACK as the folder BASE, for that uid ("": its own), and removes PACK.
run ORDER
    Makes the room that the file ORDER asks for and removes ORDER. The supervisor's answer goes to standard output in
    lines of base64: what carries it is only good for text.

An order is a line of JSON (see `Room`), a pack (the difference to what was staged) and the supervisor's frames.
Only the standard library. Works in Python 3.8 and newer, on Linux 5.12 and newer.
"""

# Start-up time is part of every run, and paths may hold lone surrogates: os, not pathlib.
# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH104, PTH108, PTH110, PTH112, PTH114, PTH115, PTH118
# ruff: noqa: PTH120, PTH123, PTH211

from __future__ import annotations

import base64
import errno
import json
import os
import platform
import shutil
import sys

from .frames import Trouble
from .staging import Unpacker
from .walls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    ORDINARY,
    die_with_parent,
    enter_users,
    freeze,
    give_up_rights,
    mount,
    mount_tmpfs,
    raise_loopback,
    separate,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TOP, TOOLS = "/revet", "/opt/revet/bin"
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm")
HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRATCH = HOME + "/scratch"
START = f"import sys; sys.path.insert(0, {HOME!r}); from revet_guest.supervisor import main; main()"
FAILED = 70
CHUNK = 3 << 14  # a multiple of three: no padding inside a line of base64


class Room:
    """What an order asks for:

    workspace (absolute), alias (another path of it, or null), base (the staged folder, or null for an empty
    workspace), user (the uid of programs, or null: the supervisor and they share one, without capabilities), network
    (true: the machine's), disk (bytes that can be
    written to the workspace, and to /tmp, each), staged (bytes that the pack takes there besides), mode (of the
    workspace's folder), read_only (paths in the workspace), files (absolute paths and
    contents in base64, all below /revet), pack (bytes of the difference).
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.workspace: str = order["workspace"]
        self.user = order["user"]

    def build(self, difference: bytes) -> None:
        """In the room's own namespaces, as its process 1."""
        order = self.order
        os.umask(0o022)
        mount("none", "/", "", MS_REC | MS_PRIVATE)
        temporary = [place for place in TEMPORARY if os.path.isdir(place)]
        inside = any(self.workspace.startswith(place + "/") for place in temporary)
        for place in (SCRATCH, TOP, *([] if inside else [self.workspace])):
            os.makedirs(place, exist_ok=True)
        if not os.path.lexists(TOOLS + "/python"):  # not every machine has one of that name
            os.makedirs(TOOLS, exist_ok=True)
            os.symlink(sys.executable, TOOLS + "/python")
        alias = order["alias"]
        if alias is not None and not os.path.lexists(alias) and not inside:
            os.makedirs(os.path.dirname(alias), exist_ok=True)
            os.symlink(self.workspace, alias)
        freeze("/")
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        for place in temporary:
            mount_tmpfs(place, order["disk"], "1777")
        os.makedirs(self.workspace, exist_ok=True)
        self.lay_workspace()
        unpacker = Unpacker(self.workspace, self.user)
        unpacker.feed(difference)
        unpacker.finish()
        self.lock(order["read_only"])
        self.show_files()
        if not order["network"]:
            raise_loopback()

    def lay_workspace(self) -> None:
        disk, base = self.order["disk"] + self.order["staged"], self.order["base"]
        if base is None:
            mount_tmpfs(self.workspace, disk, "755")
            self.give(self.workspace)
        elif not self.overlay(base, disk):
            mount_tmpfs(self.workspace, disk + size_of(base), "755")
            copy_tree(base, self.workspace)
        os.chmod(self.workspace, self.order["mode"])

    def overlay(self, base: str, disk: int) -> bool:
        """Lay an empty scratch over what was staged. False if this kernel cannot."""
        mount_tmpfs(SCRATCH, disk, "700")
        upper, work = SCRATCH + "/up", SCRATCH + "/work"
        for place in (upper, work):
            os.mkdir(place)
        info = os.lstat(base)
        os.chown(upper, info.st_uid, info.st_gid)
        os.chmod(upper, info.st_mode & 0o777)
        for more in ("", ",userxattr"):  # the latter is what a user namespace needs
            try:
                options = f"lowerdir={base},upperdir={upper},workdir={work}{more}"
                mount("overlay", self.workspace, "overlay", MS_NOSUID | MS_NODEV, options)
            except OSError:
                continue
            return True
        return False

    def lock(self, paths: list[str]) -> None:
        """Make what is there, links followed inside the workspace, impossible to write, rename or remove.

        What holds it is mounted on itself: else it could be renamed, and something else be put in its place.
        """
        top = os.path.realpath(self.workspace)
        found = {os.path.realpath(os.path.join(top, path)) for path in paths}
        locked = {place for place in found if os.path.exists(place) and (place + "/").startswith(top + "/")}
        above = {parent for place in locked for parent in parents(place) if parent.startswith(top + "/")}
        for place in sorted(above | locked):
            mount(place, place, "", MS_BIND | MS_REC)
        for place in locked:
            freeze(place)

    def show_files(self) -> None:
        files: dict[str, str] = self.order["files"]
        mount_tmpfs(TOP, sum(map(len, files.values())) + (1 << 20), "755")
        for path, content in files.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as target:
                target.write(base64.b64decode(content))
            os.chmod(path, 0o444)
        freeze(TOP)

    def give(self, place: str) -> None:
        if self.user is not None:
            os.chown(place, self.user, self.user)


def parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def size_of(top: str) -> int:
    """The bytes that a copy needs on a tmpfs: whole pages, and one for each entry."""
    total = 0
    for folder, folders, files in os.walk(top):
        total += 4096 * (len(folders) + len(files))
        for name in files:
            total += os.lstat(os.path.join(folder, name)).st_size + 4095
    return total


def copy_tree(source: str, target: str) -> None:
    """Copy what a folder holds, owners and times included."""
    for folder, folders, files in os.walk(source):
        there = os.path.join(target, os.path.relpath(folder, source))
        for name in (*folders, *files):
            place, copy = os.path.join(folder, name), os.path.join(there, name)
            info = os.lstat(place)
            if os.path.islink(place):
                os.symlink(os.readlink(place), copy)
            elif name in folders:
                os.mkdir(copy)
            else:
                shutil.copyfile(place, copy)
            os.chown(copy, info.st_uid, info.st_gid, follow_symlinks=False)
            if not os.path.islink(copy):
                os.chmod(copy, info.st_mode & 0o777)
                os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns))
    info = os.lstat(source)
    os.chown(target, info.st_uid, info.st_gid)
    os.chmod(target, info.st_mode & 0o777)


def run(path: str) -> int:
    """Make the room, start the supervisor in it, pass on its answer; its exit status."""
    source = os.open(path, os.O_RDONLY)
    os.unlink(path)
    order = json.loads(read_line(source))
    difference = read_exactly(source, order["pack"])
    separate(order["network"])
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            die_with_parent()
            Room(order).build(difference)
            enter_users(order["user"])
            give_up_rights(order["user"])
            os.dup2(source, 0)
            os.dup2(writer, 1)
            os.closerange(3, 256)
            os.chdir("/")
            os.execv(sys.executable, [sys.executable, "-I", "-S", "-X", "utf8", "-c", START])
        except Trouble as trouble:
            complain(trouble.kind, str(trouble))
        except OSError as error:
            complain_of(error)
        finally:
            os._exit(FAILED)
    os.close(writer)
    os.close(source)
    pass_on(reader)
    _, ended = os.waitpid(pid, 0)
    return os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else 128 + os.WTERMSIG(ended)


def complain_of(error: OSError) -> None:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    complain("full" if full else "broken", f"{error.filename or 'the room'}: {error.strerror}")


def complain(kind: str, words: str) -> None:
    os.write(2, (json.dumps({"kind": kind, "words": words}) + "\n").encode())


def pass_on(reader: int) -> None:
    """Everything that arrives, as lines of base64, at once."""
    while piece := os.read(reader, CHUNK):
        line = memoryview(base64.b64encode(piece) + b"\n")
        while line:
            line = line[os.write(1, line) :]


def read_line(source: int) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):
        line += read_exactly(source, 1)
    return bytes(line)


def read_exactly(source: int, size: int) -> bytes:
    parts = []
    while size:
        part = os.read(source, min(size, 1 << 20))
        if not part:
            raise Trouble("broken", "an order ends too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def stage(path: str, base: str, user: int | None) -> None:
    """Unpack what is staged once. The folder appears whole or not at all."""
    new = base + ".new"
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o755)
    unpacker = Unpacker(new, user)
    with open(path, "rb") as source:
        os.unlink(path)
        while piece := source.read(1 << 20):
            unpacker.feed(piece)
    unpacker.finish()
    if user is not None:
        os.chown(new, user, user)
    os.rename(new, base)


def probe() -> dict[str, Any]:
    """What can be had: tried in a child, in namespaces of its own."""
    with open("/proc/self/uid_map") as stream:
        ranges = [[int(word) for word in line.split()] for line in stream]
    many = any(first <= ORDINARY < first + count for first, _, count in ranges)
    found: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine(), "users": many}
    found["executable"] = sys.executable
    reader, writer = os.pipe()
    separate(network=False)
    pid = os.fork()
    if pid == 0:
        words: dict[str, Any] = {"error": None}
        try:
            order = {"workspace": HOME + "/probe", "base": None, "user": None, "network": False, "disk": 1 << 20}
            room = Room({**order, "alias": None, "staged": 0, "mode": 0o755, "read_only": [], "files": {}})
            room.build(b"")
            mount_tmpfs("/tmp", 1 << 20, "700")
            os.mkdir("/tmp/base")
            words["overlay"] = room.overlay("/tmp/base", 1 << 20)
            words["own_users"] = enter_users(ORDINARY if many else None)
        except OSError as error:
            words["error"] = f"{error.filename}: {error.strerror}"
        os.write(writer, json.dumps(words).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream_of_words:
        found.update(json.loads(stream_of_words.read()))
    os.waitpid(pid, 0)
    return found


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the exit status."""
    try:
        if arguments[0] == "probe":
            os.chmod(HOME, 0o700)
            sys.stdout.write(json.dumps(probe()))
        elif arguments[0] == "stage":
            stage(arguments[1], arguments[2], int(arguments[3]) if arguments[3] else None)
        else:
            return run(arguments[1])
    except Trouble as trouble:
        complain(trouble.kind, str(trouble))
        return FAILED
    except OSError as error:
        complain_of(error)
        return FAILED
    return 0
