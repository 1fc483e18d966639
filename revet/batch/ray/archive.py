"""A folder as one archive that is the same for the same content, and back again.

A tar without owners: sorted, modes and times (whole seconds) kept, links as links, empty folders too. So its digest
names the content, and what has travelled once need not travel again. Hard links become files of their own.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from revet.errors import HostError, WorkspaceChanged, WorkspaceError
from revet.sandboxes.view import HIDDEN

__all__ = ["MOST_BYTES", "Listing", "listing", "pack", "unpack"]

MOST_BYTES = 256 * 1024 * 1024
"""What the files of a workspace may take at most, unless told otherwise."""
CHUNK = 1 << 20
GIT = ".git"
LARGEST = 4
"""Folders that are named where it is too much."""

Stamp = tuple[int, int, int, int, int, str]
"""Mode, size, times of change in nanoseconds (by the user, by the system), inode, and where a link points to."""
Listing = dict[str, Stamp]
"""What lies below some roots, by path, sorted; the path begins with the root's name."""


def listing(roots: Mapping[str, Path], most_bytes: int = MOST_BYTES) -> Listing:
    """What there is below each root, which is a file or a folder; "" is the name of a root that stands by itself.

    Our own folder at the top of that one stays out. Raises `WorkspaceError` for what cannot travel: sockets, pipes and
    devices (those in ``.git`` stay out), what cannot be read, and more than `most_bytes`.
    """
    found: Listing = {}
    for name, root in sorted(roots.items()):
        try:
            _list(root, name, found)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise changed(error.filename or root) from None
        except OSError as error:
            hint = "give this user read permission"
            raise WorkspaceError(f"{error.filename or root} cannot be read: {error.strerror}", hint=hint) from None
    size = sum(stamp[1] for stamp in found.values() if stat.S_ISREG(stamp[0]))
    if size > most_bytes:
        raise WorkspaceError(
            f"{', '.join(map(str, roots.values()))} takes {_mib(size)}, and at most {_mib(most_bytes)} travel to a "
            f"worker; the most is in {_largest(found)}",
            hint="leave out what the task does not need (data, builds, environments), or run it with --engine local",
        )
    return dict(sorted(found.items()))


def _list(root: Path, name: str, found: Listing) -> None:
    pending = [(name, root)]
    while pending:
        path, place = pending.pop()
        info = place.lstat()
        target = ""
        if stat.S_ISDIR(info.st_mode):
            below = f"{path}/" if path else ""
            names = sorted(os.listdir(place))  # noqa: PTH208 - names that are no UTF-8 stay as they are
            pending += [(f"{below}{each}", place / each) for each in names if path or each != HIDDEN]
        elif stat.S_ISLNK(info.st_mode):
            target = str(place.readlink())
        elif not stat.S_ISREG(info.st_mode):
            if GIT in Path(path).parts:
                continue
            what = "a device" if stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode) else "a socket or pipe"
            raise WorkspaceError(f"{place} is {what}, which cannot travel to a worker", hint="take it away first")
        elif not os.access(place, os.R_OK, effective_ids=True):
            raise WorkspaceError(f"{place} cannot be read", hint="give this user read permission")
        size = info.st_size if stat.S_ISREG(info.st_mode) else 0
        found[path] = (info.st_mode, size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, target)


def pack(roots: Mapping[str, Path], listed: Listing, to: IO[bytes]) -> str:
    """Write the archive of what was `listed` below the roots; its digest. `WorkspaceChanged` if it is not as listed."""
    writer: Any = _Digesting(to)
    with tarfile.open(fileobj=writer, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for path, (mode, size, modified, *_, target) in listed.items():
            member = tarfile.TarInfo(f"x/{path}" if path else "x")
            member.mode, member.mtime = stat.S_IMODE(mode), modified // 10**9
            if stat.S_ISDIR(mode):
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif stat.S_ISLNK(mode):
                member.type, member.linkname = tarfile.SYMTYPE, target
                tar.addfile(member)
            else:
                member.size = size
                _add(tar, member, _place(roots, path), size)
    again = listing(roots, max(MOST_BYTES, 2 * sum(stamp[1] for stamp in listed.values())))
    different = next((path for path in {**listed, **again} if listed.get(path) != again.get(path)), None)
    if different is not None:
        raise changed(_place(roots, different))
    return str(writer.digest.hexdigest())


def _add(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path, size: int) -> None:
    try:
        opened = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise changed(place) from None
    with os.fdopen(opened, "rb") as file:
        if os.fstat(file.fileno()).st_size != size:
            raise changed(place)
        try:
            tar.addfile(member, file)
        except OSError as error:
            if error.errno is not None:
                raise
            raise changed(place) from None  # it ended before its size


def _place(roots: Mapping[str, Path], path: str) -> Path:
    if "" in roots:
        return roots[""] / path
    name, _, inside = path.partition("/")
    return roots[name] / inside


def unpack(source: IO[bytes], target: Path) -> None:
    """Make `target`, which is not there, as the archive says. Nothing is written through a link, or outside of it.

    HostError for an archive that no `pack` wrote.
    """
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    made: set[str] = set()
    with tarfile.open(fileobj=source, mode="r|", errors="surrogateescape") as tar:
        for member in tar:
            top, _, path = member.name.partition("/")
            parent = path.rpartition("/")[0] if path else None
            parts = path.split("/") if path else []
            if top != "x" or {"", ".", ".."} & set(parts) or (parts and made and parent not in made):
                raise HostError(f"the archive holds {member.name!r}, which no workspace has")
            if path and not made:
                target.mkdir(0o700)  # the roots have names of their own
                made.add("")
            place = target / path
            if member.isdir():
                place.mkdir(0o700)
                made.add(path)
                folders.append((place, member))
            elif member.issym():
                place.symlink_to(member.linkname)
                os.utime(place, (member.mtime, member.mtime), follow_symlinks=False)
            elif member.isreg():
                _write(tar, member, place)
            else:
                raise HostError(f"the archive holds {member.name!r}, which is neither a file, a folder nor a link")
    for place, member in reversed(folders):
        place.chmod(member.mode)
        os.utime(place, (member.mtime, member.mtime))


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    with place.open("xb") as file:
        while piece := content.read(CHUNK):
            file.write(piece)
        os.fchmod(file.fileno(), member.mode)
    os.utime(place, (member.mtime, member.mtime))


class _Digesting:
    """Writes to `to`, and knows the digest of what was written."""

    def __init__(self, to: IO[bytes]) -> None:
        self._to, self.digest = to, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._to.write(data)


def changed(place: Path | str) -> WorkspaceChanged:
    return WorkspaceChanged(
        f"{place} was changed while the workspace was archived for a worker",
        hint="let nothing else write there meanwhile (an editor, a build, another run)",
    )


def _largest(listed: Listing) -> str:
    """The folders at the top, or one below, that hold the most, with what they hold."""
    sizes: Counter[str] = Counter()
    for path, stamp in listed.items():
        if stat.S_ISREG(stamp[0]):
            sizes["/".join(path.split("/")[:-1][:2]) or "."] += stamp[1]
    return ", ".join(f"{folder} ({_mib(size)})" for folder, size in sizes.most_common(LARGEST))


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"
