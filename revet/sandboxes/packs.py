"""A workspace on its way to a sandbox with a file system of its own: what there is, what differs, and the records.

A `Manifest` says what a view shows. `pack` gives the records (see ``_guest/staging.py``) that turn one manifest into
another. Only what changed since a machine was last told is read and sent.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from revet.errors import WorkspaceChanged, WorkspaceError
from revet.sandboxes._guest.staging import RECORD
from revet.sandboxes.view import HIDDEN, View, parents

__all__ = ["Delta", "Locks", "Manifest", "Stamp", "archive", "delta", "locks", "pack", "room", "scan"]

PIECE = 1 << 18
PAGE = 4096
STICKY = 0o1777
# What a path that was listed gives when something else, or nothing, has come to lie there.
REPLACED = (errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.ELOOP, errno.ESTALE)


class Stamp(NamedTuple):
    """The state of one path. `kind` is that of a record: ``d``, ``f``, ``l``."""

    kind: bytes
    mode: int
    size: int = 0
    modified: int = 0
    inode: int = 0
    ctime: int = 0
    target: bytes = b""
    source: str = ""
    """Where it really lies; a path may come to lie elsewhere and be the same."""

    @property
    def state(self) -> tuple[object, ...]:
        return tuple(self)[:-1]


Manifest = dict[str, Stamp]
"""What there is by its path, folders before what they hold."""


def scan(view: View) -> Manifest:
    """What the view shows, without sockets, pipes, devices, and Revet's own folder.

    A file that this user cannot read is empty and cannot be read inside, and a folder that cannot be listed is empty.
    """
    try:
        found = dict(stamps(str(view.workspace), view.deleted))
        if view.layer is not None:
            for path, stamp in stamps(str(view.layer.root), frozenset()):
                before = found.get(path)
                if before is not None and (before.kind, stamp.kind) != (b"d", b"d"):
                    del found[path]
                    if before.kind == b"d":
                        for below in [other for other in found if other.startswith(f"{path}/")]:
                            del found[below]
                found[path] = stamp
    except OSError as error:
        if error.errno in REPLACED:
            raise changed(error.filename or str(view.workspace)) from None
        raise WorkspaceError(f"the workspace cannot be read: {error}", hint="give this user read permission") from None
    return found


def stamps(top: str, without: frozenset[str]) -> Iterator[tuple[str, Stamp]]:
    root = os.geteuid() == 0
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(f"{top}/{folder}") as entries:
                found = list(entries)
        except PermissionError:
            if not folder:
                hint = "give this user read permission"
                raise WorkspaceError(f"the workspace cannot be read: {top}", hint=hint) from None
            continue
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if path in without or path == HIDDEN:
                continue
            info = entry.stat(follow_symlinks=False)
            mode = stat.S_IMODE(info.st_mode) & 0o777
            if stat.S_ISDIR(info.st_mode):
                pending.append(path)
                yield path, Stamp(b"d", mode if root or os.access(entry.path, os.R_OK | os.X_OK) else 0)
            elif stat.S_ISLNK(info.st_mode):
                yield path, Stamp(b"l", 0o777, target=os.fsencode(os.readlink(entry.path)))  # noqa: PTH115
            elif stat.S_ISREG(info.st_mode):
                times = info.st_mtime_ns, info.st_ino, info.st_ctime_ns
                if root or os.access(entry.path, os.R_OK):
                    yield path, Stamp(b"f", mode, info.st_size, *times, source=entry.path)
                else:
                    yield path, Stamp(b"f", 0, 0, *times)


def room(manifest: Manifest) -> tuple[int, int]:
    """What it takes on a tmpfs: bytes, and inodes."""
    pages = sum((stamp.size + len(stamp.target) + PAGE - 1) // PAGE for stamp in manifest.values())
    return (pages + 1) * PAGE, len(manifest) + 1


class Delta(NamedTuple):
    """What to delete, and what to make: in this order, it turns one manifest into another."""

    gone: list[str]
    made: Manifest

    def __bool__(self) -> bool:
        return bool(self.gone or self.made)


def delta(old: Manifest, new: Manifest) -> Delta:
    """How `new` differs from `old`."""
    lost = {path for path in old if path not in new}
    gone = [path for path in old if path in lost and path.rpartition("/")[0] not in lost]
    made = {
        path: stamp for path, stamp in new.items() if (before := old.get(path)) is None or before.state != stamp.state
    }
    return Delta(gone, made)


def pack(difference: Delta) -> Iterator[bytes]:
    """The records, in pieces. WorkspaceChanged if a file is not as the manifest says, then or at the end."""
    buffer = bytearray()
    for path in difference.gone:
        buffer += record(b"x", path, Stamp(b"x", 0))
    for path, stamp in difference.made.items():
        buffer += record(stamp.kind, path, stamp)
        buffer += stamp.target
        for piece in content(stamp) if stamp.size else ():
            buffer += piece
            if len(buffer) >= PIECE:
                yield bytes(buffer)
                buffer.clear()
    for stamp in difference.made.values():
        if stamp.source:
            check(stamp, look(stamp.source))
    if buffer:
        yield bytes(buffer)


def record(kind: bytes, path: str, stamp: Stamp) -> bytes:
    name = os.fsencode(path)
    return RECORD.pack(kind, 0, stamp.mode, stamp.modified, len(name), stamp.size or len(stamp.target)) + name


def content(stamp: Stamp) -> Iterator[bytes]:
    try:
        fd = os.open(stamp.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise changed(stamp.source) from None
    with os.fdopen(fd, "rb", buffering=0) as stream:
        check(stamp, os.fstat(fd))
        left = stamp.size
        while left:
            piece = stream.read(min(left, PIECE))
            if not piece:
                raise changed(stamp.source)
            left -= len(piece)
            yield piece
        check(stamp, os.fstat(fd))


def check(stamp: Stamp, info: os.stat_result) -> None:
    """WorkspaceChanged unless the file is as it was when it was looked at."""
    now = info.st_size, info.st_mtime_ns, info.st_ino, info.st_ctime_ns
    if now != (stamp.size, stamp.modified, stamp.inode, stamp.ctime):
        raise changed(stamp.source)


def look(source: str) -> os.stat_result:
    try:
        return os.lstat(source)
    except OSError:
        raise changed(source) from None


def changed(path: str) -> WorkspaceChanged:
    return WorkspaceChanged(
        f"{path} was changed while the workspace was copied to the sandbox",
        hint="let nothing else write to the workspace meanwhile (an editor, a build, another run)",
    )


class Locks(NamedTuple):
    """What programs may not change: `held` belongs to another user, and so do the folders `above` it.

    Anybody may write in those folders, but what is another's cannot be renamed or removed there (the sticky bit).
    The workspace's own folder must be such a one, too; with `whole`, nobody may write there.
    """

    above: frozenset[str]
    held: Manifest
    whole: bool

    @property
    def state(self) -> tuple[object, ...]:
        return self.whole, self.above, tuple((path, stamp.state) for path, stamp in self.held.items())

    def hinder(self, difference: Delta) -> bool:
        """Whether carrying out `difference` would change what is locked."""
        paths = {*difference.gone, *difference.made}
        return self.whole or any(
            path in self.above or not self.held.keys().isdisjoint([path, *parents(path)]) for path in paths
        )


def locks(view: View, manifest: Manifest, read_only: Iterable[str]) -> Locks | None:
    """What the `read_only` paths come to, links followed; None if none of them exists."""
    tops = {path for path in map(view.resolve, read_only) if path is not None}
    if "." in tops:
        return Locks(frozenset(), manifest, whole=True)
    held = {path: stamp for path, stamp in manifest.items() if not tops.isdisjoint([path, *parents(path)])}
    above = {parent for path in held.keys() & tops for parent in parents(path)}
    return Locks(frozenset(above - held.keys()), held, whole=False) if held else None


def archive(locked: Locks, owner: int = 0) -> bytes:
    """A tar for the workspace's folder, with what is locked, given to `owner`; others may read what they could."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(locked.above):
            add_folder(tar, path, STICKY, owner)
        for path, stamp in locked.held.items():
            mode = (stamp.mode >> 6 & 0o5) * 0o111
            if stamp.kind == b"d":
                add_folder(tar, path, mode, owner)
                continue
            info = tarfile.TarInfo(path)
            info.uid = info.gid = owner
            info.mode, info.mtime = mode, stamp.modified / 1e9
            if stamp.kind == b"l":
                info.type, info.linkname = tarfile.SYMTYPE, os.fsdecode(stamp.target)
                tar.addfile(info)
            else:
                info.size = stamp.size
                tar.addfile(info, io.BytesIO(b"".join(content(stamp)) if stamp.size else b""))
    return stream.getvalue()


def add_folder(tar: tarfile.TarFile, path: str, mode: int, owner: int) -> None:
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, mode, owner, owner
    tar.addfile(info)
