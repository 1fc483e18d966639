"""Copying, comparing and removing trees that a program may have made hostile: deep, unreadable, or full of
links.

No function recurses, follows a link, or opens anything but a regular file or a folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from revet.errors import SandboxBroken
from revet.sandboxes.view import HIDDEN, View, is_folder

__all__ = ["Marks", "build_tree", "changed_since", "link_tree", "marks", "merge_tree", "remove_tree", "states"]

Marks = dict[str, tuple[int, int, bool]]
"""Each path's inode, time of last change in nanoseconds (which a program cannot set), and whether it is a folder."""


MAX_PATH = 4095
"""The longest path, in bytes, that a system call takes."""


def states(view: View) -> dict[str, tuple[int, int, int, int]]:
    """What tells whether something was changed: each path's inode, mode, size and time of last change."""
    found = {}
    for path, _, info in view.walk():
        known = stat.S_ISDIR(info.st_mode)  # by its content, which is listed, too
        found[path] = (info.st_ino, info.st_mode, *((0, 0) if known else (info.st_size, info.st_mtime_ns)))
    return found


def build_tree(view: View, target: Path, owner: int | None) -> list[tuple[Path, int]]:
    """Copy what the view shows to `target`, with modes and times. Sockets, pipes and devices are left out.

    What this user cannot read is there, empty, and cannot be read in the copy either. Returns the folders that their
    owner cannot list, with the modes that they are to get: they are left open until the caller has walked the tree.
    """
    folders = [(view.workspace, target)]
    shut: list[tuple[Path, int]] = []
    for path, source, info in view.walk():
        place = target / path
        if not copy_entry(source, place, info):
            continue
        if stat.S_ISDIR(info.st_mode):
            folders.append((source, place))
        if owner is not None:
            os.chown(place, owner, owner, follow_symlinks=False)
            if stat.S_ISREG(info.st_mode) and readable(source):
                place.chmod(stat.S_IMODE(info.st_mode) & 0o777)
    for source, place in reversed(folders):
        info = source.lstat()
        if owner is not None:
            os.chown(place, owner, owner)
        mode = stat.S_IMODE(info.st_mode) & 0o777 if readable(source, os.R_OK | os.X_OK) else 0
        if mode & 0o500 != 0o500:
            shut.append((place, mode))
        else:
            place.chmod(mode)
        os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))
    return shut


def copy_entry(source: Path, place: Path, info: os.stat_result) -> bool:
    """Make `place` as `source` is, a folder without its content. False for what is left out."""
    if stat.S_ISDIR(info.st_mode):
        place.mkdir(0o700)
    elif stat.S_ISLNK(info.st_mode):
        place.symlink_to(source.readlink())
    elif not stat.S_ISREG(info.st_mode):
        return False
    elif readable(source):
        copy_file(source, place, info)
    else:
        place.touch(0)
    return True


def readable(place: Path, how: int = os.R_OK) -> bool:
    return os.access(place, how, effective_ids=True)


def copy_file(source: Path, place: Path, info: os.stat_result) -> None:
    with source.open("rb") as reader, place.open("xb") as writer:
        left = info.st_size
        try:
            while left > 0 and (sent := os.copy_file_range(reader.fileno(), writer.fileno(), left)):
                left -= sent
        except OSError:  # across some file systems; the plain way takes over where it stopped
            reader.seek(info.st_size - left)
            writer.seek(info.st_size - left)
            while chunk := reader.read(1 << 20):
                writer.write(chunk)
    place.chmod(stat.S_IMODE(info.st_mode) & 0o777)
    os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))


def walk(top: int) -> Iterator[tuple[str, os.stat_result, int]]:
    """Every path below the open folder, with its state and an open descriptor of the folder that holds it.

    Folders that their owner cannot list are made so: the trees walked here are ours. Paths that are too long for any
    system call are left out; the folder where they begin is not.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if len(path) > MAX_PATH // 4 and len(os.fsencode(path)) > MAX_PATH:
                        continue
                    info = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(info.st_mode):
                        pending.append(path)
                        if info.st_mode & 0o500 != 0o500:
                            os.chmod(entry.name, 0o700, dir_fd=fd)
                    yield path, info, fd
        finally:
            os.close(fd)


def marks(top: Path) -> Marks:
    """The marks of every path below `top`."""
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return {
            path: (info.st_ino, info.st_ctime_ns, stat.S_ISDIR(info.st_mode))
            for path, info, _ in walk(fd)
            if path.split("/", 1)[0] != HIDDEN
        }
    finally:
        os.close(fd)


def changed_since(before: Marks, top: Path) -> set[str]:
    """What was created, changed or deleted below `top`. A folder that only its content changed is not listed."""
    after = marks(top)
    changed = set(before.keys() ^ after.keys())
    for path in before.keys() & after.keys():
        (_, _, was_folder), (_, _, folder) = before[path], after[path]
        if (was_folder and folder) or before[path] == after[path]:
            continue
        changed.add(path)
    return changed


def link_tree(source: Path, target: Path) -> None:
    """Fill the empty folder `target` with what `source` holds: its folders again, everything else as hard links."""
    for folder, folders, files in os.walk(source):
        place = target / os.path.relpath(folder, source)
        for name in folders:
            if Path(folder, name).is_symlink():
                files.append(name)
            else:
                (place / name).mkdir(0o700)
                (place / name).chmod(stat.S_IMODE(Path(folder, name).stat().st_mode))
        for name in files:
            os.link(Path(folder, name), place / name, follow_symlinks=False)


def merge_tree(source: Path, target: Path, gone: Iterable[str], trash: Path) -> None:
    """Move `gone` out of `target` and then everything from `source` into it; what is replaced goes to `trash`.

    All on one file system, by renaming. Where an OSError stops it, what was done is undone. SandboxBroken where not all
    of it could be: what could not be put back is then still in `trash`.
    """
    undo: list[tuple[Path, Path]] = []
    modes: list[tuple[Path, int]] = []

    def move(old: Path, new: Path) -> None:
        old.rename(new)
        undo.append((new, old))

    def discard(place: Path) -> None:
        if os.path.lexists(place):
            move(place, trash / str(len(undo)))

    try:
        for path in gone:
            discard(target / path)
        pending = [""]
        while pending:
            folder = pending.pop()
            for place in list((source / folder).iterdir()):
                path = f"{folder}/{place.name}" if folder else place.name
                if is_folder(source / path) and is_folder(target / path):
                    modes.append((target / path, stat.S_IMODE((target / path).stat().st_mode)))
                    (target / path).chmod(stat.S_IMODE((source / path).stat().st_mode))
                    pending.append(path)
                else:
                    discard(target / path)
                    move(source / path, target / path)
    except OSError as error:
        undone = 0
        for new, old in reversed(undo):
            with suppress(OSError):
                new.rename(old)
                undone += 1
        for place, mode in modes:
            with suppress(OSError):
                place.chmod(mode)
        if undone < len(undo):
            damage = f"{target} is damaged: {error.strerror}; what could not be put back is in {trash}"
            raise SandboxBroken(damage, hint="save what you need from there, then close the session") from error
        raise


def remove_tree(top: Path, *, last: str = "") -> None:
    """Remove a folder whatever lies in it. Deep folders are first moved up, so that no path grows too long.

    `last` is a file directly in it that goes after all the rest: while anything is left, so is that.
    """
    if not is_folder(top):
        return
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchmod(fd, 0o700)
        serial, unlike = 0, os.urandom(8).hex()  # other than any name there, also of a removal that was cut short
        pending = empty_of_files(fd, last)
        while pending:
            name = pending.pop()
            os.chmod(name, 0o700, dir_fd=fd)
            child = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            try:
                for inner in empty_of_files(child):
                    serial += 1
                    moved = f"{unlike}-{serial}"
                    os.chmod(inner, 0o700, dir_fd=child)  # moving a folder needs the right to write its ".."
                    os.rename(inner, moved, src_dir_fd=child, dst_dir_fd=fd)
                    pending.append(moved)
            finally:
                os.close(child)
            os.rmdir(name, dir_fd=fd)
        empty_of_files(fd)
    finally:
        os.close(fd)
    top.rmdir()


def empty_of_files(fd: int, last: str = "") -> list[str]:
    """Unlink everything but folders, and but `last`, in the open folder; the folders' names."""
    folders = []
    with os.scandir(fd) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.name != last:
                os.unlink(entry.name, dir_fd=fd)
    return folders
