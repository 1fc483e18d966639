"""The folders that a session and its runs need on the host, with the owner and the modes that they must have."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from revet.errors import SandboxUnavailable, WorkspaceChanged, WorkspaceError
from revet.sandboxes.local.profile import FILES
from revet.sandboxes.scratch import Scratch, no_room
from revet.sandboxes.trees import Marks, build_tree, marks, remove_tree, states
from revet.sandboxes.view import HIDDEN, View, is_folder

__all__ = ["copied", "fits_in_memory", "give", "make_files", "make_folder", "make_home", "size_of", "temporary"]

INODE = 1024
"""About what an entry of a tmpfs takes beside its content."""
PAGE = 4096


def make_home(drop: int | None, workspace: Path | None) -> Scratch:
    """The session's folder, outside the workspace. A dropped uid must be able to pass all folders above it.

    DiskFull if there is no room for it, SandboxUnavailable if there is no place that can be written.
    """
    for base in dict.fromkeys((temporary(), "/tmp", "/var/tmp")):
        place = Path(os.path.realpath(base))
        if drop is not None and not all(passable(folder) for folder in (place, *place.parents)):
            continue
        if workspace is not None and place.is_relative_to(workspace):
            continue
        if os.access(place, os.W_OK):
            try:
                home = Scratch(place)
                if drop is not None:
                    home.path.chmod(0o711)
            except OSError as error:
                raise no_room(error, place) from None
            return home
    raise SandboxUnavailable(
        "no temporary folder that an unprivileged user can reach",
        hint="set TMPDIR to a folder with mode 1777",
    )


def temporary() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:
        raise SandboxUnavailable(str(error), hint="set TMPDIR to a folder that this user can write") from None


def passable(folder: Path) -> bool:
    try:
        return bool(folder.stat().st_mode & stat.S_IXOTH)
    except OSError:
        return False


def make_folder(place: Path, mode: int, owner: int | None = None) -> None:
    """A folder of that mode, whatever the umask is."""
    place.mkdir()
    place.chmod(mode)
    give(place, owner)


def give(place: Path, owner: int | None) -> None:
    if owner is not None:
        os.chown(place, owner, owner)


def make_files(target: Path, files: Mapping[str, bytes], owner: int | None) -> None:
    make_folder(target, 0o755)
    for path, content in files.items():
        place = target / Path(path).relative_to(FILES)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o444)
        give(place, owner)
        for folder in (place.parent, *place.parent.parents):
            if not folder.is_relative_to(target):
                break
            folder.chmod(0o755)


def size_of(view: View) -> int:
    """About how many bytes of memory a copy of the view takes."""
    total = 0
    for _, _, info in view.walk():
        total += INODE
        if stat.S_ISREG(info.st_mode):
            total += -(-info.st_size // PAGE) * PAGE
    return total


def fits_in_memory(size: int) -> bool:
    """Whether a copy of `size` bytes leaves most of the memory to others."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return size <= int(line.split()[1]) * 1024 // 4
    return False


def copied(view: View, tree: Path, owner: int | None) -> Marks:
    """A copy for one run, and its marks. WorkspaceError names what cannot be read.

    The copy is of one moment: if the workspace changes meanwhile, it is made again, and then given up
    (WorkspaceChanged).
    """
    for last in (False, True):
        try:
            return copy_once(view, tree, owner)
        except WorkspaceChanged:
            remove_tree(tree)
            if last:
                raise
    raise AssertionError("the last try returns or raises")


def copy_once(view: View, tree: Path, owner: int | None) -> Marks:
    try:
        before = states(view)
        make_folder(tree, 0o755)
        if is_folder(view.workspace / HIDDEN):
            make_folder(tree / HIDDEN, 0o755)  # an empty place to mount the empty one on
        shut = build_tree(view, tree, owner)
        after = states(view)
    except PermissionError as error:
        raise WorkspaceError(
            f"the workspace cannot be copied: {error.filename}: {error.strerror}",
            hint="give this user read permission, or a host with overlays, which need no copy",
        ) from None
    except (FileNotFoundError, NotADirectoryError) as error:
        raise changed(str(error.filename)) from None
    except OSError as error:
        raise no_room(error, tree.parent) from None
    for path in before.keys() | after.keys():
        if before.get(path) != after.get(path):
            raise changed(path)
    found = marks(tree)
    for place, mode in shut:
        place.chmod(mode)
    return found


def changed(path: str) -> WorkspaceChanged:
    return WorkspaceChanged(
        f"the workspace changed while it was copied: {path}", hint="run it again when nothing else writes there"
    )
