"""The workspace inside: made from the host's pack before a program runs, and looked at again after it.

A pack is a sequence of records (`RECORD`), each followed by a path and, for a file or a link, its content. It may be
cut anywhere. Records make a folder (d), a file (f) or a link (l), or delete what is there (x).
"""

# Paths are strings that may hold lone surrogates, below folders that are open: os, not pathlib.
# ruff: noqa: PTH101, PTH102, PTH108, PTH112, PTH114, PTH118, PTH211

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import time

from .frames import Host, Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Mark = tuple[int, int, bool]

# What it is, 1 if programs may not change it, mode, time of change in nanoseconds, bytes of path, of content.
RECORD = struct.Struct(">cBIqIQ")
CHUNK = 1 << 16
MAX_TOUCHED = 100_000
MAX_PATH_BYTES = 8 << 20
# Of a frame's paths: in JSON each byte can become six, and each path has its quotes.
PATH_BYTES_A_FRAME, PATHS_A_FRAME = 1 << 16, 1000
CLOCK_REALTIME_COARSE = 5  # Linux; Python has no name for it


class Unpacker:
    """Carries out the records of a pack below `top`. The host is trusted, and no program has run here yet.

    Where `user` is given (and this process is root's), what is made becomes that user's, or stays root's if it is
    locked.
    """

    def __init__(self, top: str, user: int | None) -> None:
        self.top, self.user = top, user
        self.buffer = bytearray()
        self.file = -1
        self.left = 0
        self.head: tuple[str, int, int, int] = ("", 0, 0, 0)
        self.folders: dict[str, int] = {}

    def feed(self, data: bytes) -> None:
        """More of the pack. Trouble if it cannot be carried out."""
        self.buffer += data
        try:
            while self._step():
                pass
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            words = f"{error.filename or self.head[0] or self.top}: {error.strerror}"
            raise Trouble("full" if full else "broken", words) from None

    def _step(self) -> bool:
        """Do what the buffer suffices for; False if more must arrive first."""
        if self.file >= 0:
            piece = bytes(self.buffer[: self.left])
            del self.buffer[: len(piece)]
            self._write(piece)
            return self.file < 0
        if len(self.buffer) < RECORD.size:
            return False
        kind, locked, mode, mtime, path_size, size = RECORD.unpack_from(self.buffer)
        start = RECORD.size + path_size
        end = start + (size if kind == b"l" else 0)
        if len(self.buffer) < end:
            return False
        place = os.path.join(self.top, os.fsdecode(bytes(self.buffer[RECORD.size : start])))
        target = bytes(self.buffer[start:end])
        del self.buffer[:end]
        if kind == b"d":
            self._folder(place, locked, mode)
            return True
        remove(place)
        if kind == b"f":
            self.file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            self.left, self.head = size, (place, locked, mode, mtime)
            if not size:
                self._write(b"")
        elif kind == b"l":
            os.symlink(target, os.fsencode(place))
            self._own(place, locked)
        return True

    def _folder(self, place: str, locked: int, mode: int) -> None:
        if not os.path.isdir(place) or os.path.islink(place):
            remove(place)
            os.mkdir(place, 0o700)
        if not ours(place):
            return
        os.chmod(place, mode | 0o700)
        self._own(place, locked)
        self.folders[place] = mode

    def _write(self, piece: bytes) -> None:
        left = memoryview(piece)
        while left:
            left = left[os.write(self.file, left) :]
        self.left -= len(piece)
        if self.left:
            return
        place, locked, mode, mtime = self.head
        self._own(place, locked)
        os.fchmod(self.file, mode)
        os.utime(self.file, ns=(mtime, mtime))
        os.close(self.file)
        self.file = -1

    def _own(self, place: str, locked: int) -> None:
        if self.user is not None:
            owner = 0 if locked else self.user
            os.chown(place, owner, owner, follow_symlinks=False)

    def finish(self) -> None:
        """Shut the folders that are to be shut."""
        if self.buffer or self.file >= 0:
            raise Trouble("broken", "a pack ends in the middle of a record")
        for place, mode in reversed(list(self.folders.items())):
            if mode & 0o700 != 0o700 and os.path.isdir(place) and not os.path.islink(place) and ours(place):
                os.chmod(place, mode)


def ours(place: str) -> bool:
    """Whether its mode is ours to set. If not, whoever owns it has locked it."""
    return os.geteuid() in (0, os.lstat(place).st_uid)


def remove(place: str) -> None:
    """Remove whatever is there, if anything is."""
    try:
        os.unlink(place)
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(place)


def walk(top: int) -> Iterator[tuple[str, os.stat_result, int]]:
    """Every path below the open folder, with its state and an open descriptor of the folder that holds it.

    No link is followed. Folders that their owner cannot list are made so.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.EACCES):
                raise
            continue  # too deep for any path, or locked and shut; the folder itself was listed
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(path)
                        if info.st_mode & 0o500 != 0o500 and os.geteuid() in (0, info.st_uid):
                            os.chmod(entry.name, 0o700, dir_fd=fd)
                    yield path, info, fd
        finally:
            os.close(fd)


def mark(info: os.stat_result) -> Mark:
    """The inode, the time of last change (which a program cannot set), and whether it is a folder."""
    return info.st_ino, info.st_ctime_ns, stat.S_ISDIR(info.st_mode)


def differs(before: Mark, after: Mark) -> bool:
    """Whether it was changed. A folder that only its content changed was not."""
    return not (before[2] and after[2]) and before != after


def let_clock_tick() -> None:
    """Return when a change would get another time: they have the resolution of the kernel's tick."""
    start = time.clock_gettime(CLOCK_REALTIME_COARSE)
    while time.clock_gettime(CLOCK_REALTIME_COARSE) == start:
        time.sleep(0.0005)


def look(top: int) -> dict[str, Mark]:
    """What is there. Whatever is changed after this has another mark."""
    found = {path: mark(info) for path, info, _ in walk(top)}
    let_clock_tick()
    return found


def tell_differences(host: Host, top: int, before: dict[str, Mark], order: dict[str, Any]) -> None:
    """What the program created, changed or deleted. Everything of it is dead: nothing changes meanwhile."""
    touched: list[str] = []
    deleted: list[str] = []
    room, left_out, size = order["disk"], 0, 0
    for path, info, folder in walk(top):
        old = before.pop(path, None)
        if old is not None and not differs(old, mark(info)):
            continue
        size += len(os.fsencode(path))
        if len(touched) == MAX_TOUCHED or size > MAX_PATH_BYTES:
            left_out += 1
            continue
        touched.append(path)
        if order["keep"]:
            room -= tell_artefact(host, path, info, folder, order["file_size"], room)
    size = 0
    for path in before:
        size += len(os.fsencode(path))
        if len(deleted) == MAX_TOUCHED or size > MAX_PATH_BYTES:
            left_out += 1
        else:
            deleted.append(path)
    for kind, paths in ((b"T", touched), (b"V", deleted)):
        for part in parts(paths):
            host.tell(kind, part)
    host.tell(b"Q", {"left_out": left_out})


def parts(paths: list[str]) -> Iterator[list[str]]:
    """The paths in lists that fit into a frame."""
    part: list[str] = []
    size = 0
    for path in paths:
        size += len(os.fsencode(path))
        if part and (size > PATH_BYTES_A_FRAME or len(part) == PATHS_A_FRAME):
            yield part
            part, size = [], len(os.fsencode(path))
        part.append(path)
    if part:
        yield part


def tell_artefact(host: Host, path: str, info: os.stat_result, folder: int, most: int, room: int) -> int:
    """Send what lies there, a file with its content unless that is too large; how many bytes were sent."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    kind, name = kinds.get(stat.S_IFMT(info.st_mode), "other"), path.rpartition("/")[2]
    size = info.st_size if kind == "file" else 0
    head = {"path": path, "kind": kind, "mode": stat.S_IMODE(info.st_mode), "size": size, "sent": False}
    head.update(modified=info.st_mtime_ns, target=None)
    if kind == "link":
        head["target"] = os.readlink(name, dir_fd=folder)
    if kind != "file" or size > min(most, room):
        host.tell(b"A", head)
        return 0
    if info.st_mode & 0o400 == 0 and info.st_uid == os.geteuid():
        os.chmod(name, 0o600, dir_fd=folder)
    with open(name, "rb", opener=lambda at, flags: os.open(at, flags | os.O_NOFOLLOW, dir_fd=folder)) as stream:
        host.tell(b"A", {**head, "sent": True})
        left = size
        while left:
            piece = stream.read(min(left, CHUNK))
            if not piece:
                raise Trouble("broken", f"{path!r} became shorter while it was read")
            host.send(b"D", piece)
            left -= len(piece)
    return size
