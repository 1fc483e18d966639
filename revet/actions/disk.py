"""The file system below the actions: observing a path, copying it, putting it in place, removing it.

Every path is relative to a root folder and is reached through descriptors of real folders, one component at a
time, so that a folder that is swapped for a symlink cannot lead out of the root. Everything that is put in
place has been written to the disk (fsync) before, and its folder after.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from revet.schema import FileState

__all__ = [
    "LARGE",
    "Odd",
    "Snapshot",
    "State",
    "beside",
    "copy",
    "folder",
    "give",
    "link",
    "observe",
    "place",
    "snapshot",
    "split",
    "sync_folder",
    "take",
]

LARGE = 16 * 1024 * 1024
"""Files over this many bytes are hashed but not held in memory: they can be replaced or deleted, not
edited.
"""

_CHUNK = 1024 * 1024
_UNSUPPORTED = (errno.ENOTSUP, errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENODATA)
_UNLINKABLE = (errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Odd(Enum):
    """What is at a path that is neither absent, nor a regular file, nor a symlink."""

    folder = "a folder"
    special = "neither a file nor a symlink"


State = FileState | Odd | None
"""What a path holds; None if nothing is there."""


@dataclass(frozen=True)
class Snapshot:
    """A path's state, and its bytes (a symlink's: the text of its target). `data` is None for a LARGE
    file.
    """

    state: State
    data: bytes | None = None

    @property
    def target(self) -> str | None:
        """Where a symlink points to, None for everything else."""
        linked = isinstance(self.state, FileState) and self.state.type == "symlink"
        return os.fsdecode(self.data) if linked and self.data is not None else None


def split(path: str) -> tuple[str, str]:
    """Folder and name of a relative POSIX path; the folder of a top-level name is the empty string."""
    parent, _, name = path.rpartition("/")
    return parent, name


@contextlib.contextmanager
def folder(root: Path, path: str) -> Iterator[int]:
    """A descriptor of the folder `path` below `root`. OSError if any component is missing or is a symlink."""
    held = os.open(root, _OPEN_FOLDER)
    try:
        for part in path.split("/") if path else ():
            inner = os.open(part, _OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=held)
            os.close(held)
            held = inner
        yield held
    finally:
        os.close(held)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    with folder(path, "") as held:
        os.fsync(held)


def observe(root: Path, path: str) -> State:
    """What is at `path` now. A path below something that is not a folder is absent. OSError if it cannot be
    read.
    """
    return snapshot(root, path, limit=0).state


def snapshot(root: Path, path: str, *, limit: int = LARGE) -> Snapshot:
    """The state of `path` and, up to `limit` bytes, its content, both from the same read."""
    parent, name = split(path)
    try:
        with folder(root, parent) as held:
            return _snapshot_at(held, name, limit)
    except (FileNotFoundError, NotADirectoryError):
        return Snapshot(None)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return Snapshot(None)
        raise


def _snapshot_at(held: int, name: str, limit: int) -> Snapshot:
    kind = os.stat(name, dir_fd=held, follow_symlinks=False).st_mode
    if stat.S_ISLNK(kind):
        text = os.fsencode(os.readlink(name, dir_fd=held))
        state = FileState(
            type="symlink", sha256=hashlib.sha256(text).hexdigest(), size=len(text), mode=stat.S_IRWXU | 0o77
        )
        return Snapshot(state, text)
    if stat.S_ISDIR(kind):
        return Snapshot(Odd.folder)
    if not stat.S_ISREG(kind):
        return Snapshot(Odd.special)
    with os.fdopen(os.open(name, _OPEN_FILE, dir_fd=held), "rb") as file:
        info = os.fstat(file.fileno())
        if info.st_size <= limit:
            data = file.read()
            sha256, size = hashlib.sha256(data).hexdigest(), len(data)
        else:
            data = None
            sha256, size = hashlib.file_digest(file, "sha256").hexdigest(), file.tell()
    return Snapshot(FileState(sha256=sha256, size=size, mode=stat.S_IMODE(info.st_mode)), data)


def give(held: int, uid: int, gid: int, mode: int) -> None:
    """Set the owner, as far as this process may, then the mode of an open file or folder.

    The set-user-id, set-group-id and sticky bits are set only on what has the right owner.
    """
    info = os.fstat(held)
    if (info.st_uid, info.st_gid) != (uid, gid):
        try:
            os.fchown(held, uid, gid)
        except PermissionError:
            mode &= 0o777
    os.fchmod(held, mode)


def copy(root: Path, path: str, to: Path, *, like: Path | None = None) -> State:
    """Copy the file or symlink at `path` to the new, durable `to`, with its owner and mode.

    Its time and extended attributes go along, ACLs included; with `like`, it is new content, and gets the extended
    attributes of the file that is at `path` below that folder. Returns what was copied, hashed from the bytes that
    were written. Copies nothing that is `Odd` or absent.
    """
    parent, name = split(path)
    with folder(root, parent) as held, folder(to.parent, "") as into:
        if like is None:
            return _copy_at(held, name, into, to.name)
        with _opened(like, path) as replaced:
            return _copy_at(held, name, into, to.name, new=True, replaced=replaced)


@contextlib.contextmanager
def _opened(root: Path, path: str) -> Iterator[int | None]:
    """A descriptor of the regular file at `path`; None if there is none."""
    if not isinstance(found := observe(root, path), FileState) or found.type != "file":
        yield None
        return
    parent, name = split(path)
    with folder(root, parent) as held:
        opened = os.open(name, _OPEN_FILE, dir_fd=held)
    try:
        yield opened
    finally:
        os.close(opened)


def _copy_at(held: int, name: str, into: int, to: str, *, new: bool = False, replaced: int | None = None) -> State:
    info = os.stat(name, dir_fd=held, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        os.symlink(os.readlink(name, dir_fd=held), to, dir_fd=into)
        with contextlib.suppress(PermissionError):
            os.chown(to, info.st_uid, info.st_gid, dir_fd=into, follow_symlinks=False)
        return _snapshot_at(into, to, 0).state
    if not stat.S_ISREG(info.st_mode):
        return Odd.folder if stat.S_ISDIR(info.st_mode) else Odd.special
    digest, size = hashlib.sha256(), 0
    create = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with (
        os.fdopen(os.open(name, _OPEN_FILE, dir_fd=held), "rb") as source,
        os.fdopen(os.open(to, create, 0o600, dir_fd=into), "wb") as target,
    ):
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            target.write(chunk)
        target.flush()
        attributed = replaced if new else source.fileno()
        if attributed is not None:
            _keep_attributes(attributed, target.fileno())
        # After the ACL, whose mask the group's bits are.
        bits = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
        give(target.fileno(), info.st_uid, info.st_gid, bits)
        if not new:
            os.utime(target.fileno(), ns=(info.st_atime_ns, info.st_mtime_ns))
        os.fsync(target.fileno())
    return FileState(sha256=digest.hexdigest(), size=size, mode=bits)


def _keep_attributes(source: int, target: int) -> None:
    """Copy the user's extended attributes and the ACL, as far as the file systems and our rights go.

    Others belong to the system; a capability above all must not pass to new content.
    """
    if sys.platform != "linux":
        return
    try:
        names = os.listxattr(source)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return
    for name in names:
        if name.startswith("user.") or name == "system.posix_acl_access":
            try:
                os.setxattr(target, name, os.getxattr(source, name))
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise


def link(root: Path, path: str, to: Path) -> bool:
    """Make `to` another name of the file or symlink at `path`, in place of what it named. False where the file
    systems or our rights do not allow that.
    """
    parent, name = split(path)
    with folder(root, parent) as held:
        to.unlink(missing_ok=True)
        try:
            os.link(name, to, src_dir_fd=held, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _UNLINKABLE:
                raise
            return False
    return True


def beside(mark: str) -> str:
    """The name of a temporary file beside its target, where the journal is on another file system."""
    return f".revet-{mark}"


def place(blob: Path, root: Path, path: str, *, mark: str) -> None:
    """Move `blob` to `path`, atomically replacing what is there, and make that durable."""
    parent, name = split(path)
    with folder(root, parent) as held:
        try:
            os.replace(blob, name, dst_dir_fd=held)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside(mark), dir_fd=held)
            with folder(blob.parent, "") as journal:
                _copy_at(journal, blob.name, held, beside(mark))
            os.replace(beside(mark), name, src_dir_fd=held, dst_dir_fd=held)
        os.fsync(held)


def take(root: Path, path: str, gone: Path) -> None:
    """Move what is at `path` to `gone`, and make that durable. On another file system it is unlinked
    instead.
    """
    parent, name = split(path)
    with folder(root, parent) as held:
        try:
            os.replace(name, gone, src_dir_fd=held)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            os.unlink(name, dir_fd=held)
        os.fsync(held)
