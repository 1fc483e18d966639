"""What is staged in a tree, written out as a layer that a sandbox can lay over the workspace."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from revet.actions.disk import folder, give
from revet.actions.tree import Staged, Tree
from revet.errors import HostError
from revet.sandboxes.base import Layer
from revet.schema import FileState

__all__ = ["lay"]


def lay(tree: Tree, place: Path) -> Layer:
    """Write what is staged to a fresh folder below `place`. HostError if there is no room for it."""
    root = Path(tempfile.mkdtemp(prefix="layer-", dir=place))
    staged, folders = tree.staged(), tree.folder_changes()
    try:
        _mirror(tree.root, "", root)
        for made in folders:
            if made.made:
                _parents(tree, root, made.path)
                (root / made.path).mkdir(exist_ok=True)
                _mirror(tree.root, made.path, root / made.path, made.mode)
        for item in staged:
            if isinstance(item.after.state, FileState):
                _write(tree, root, item)
    except OSError as error:
        shutil.rmtree(root, ignore_errors=True)
        raise HostError(
            f"the draft cannot be staged in {place}: {error.strerror}", hint="free some space there"
        ) from error
    deleted = [item.path for item in staged if item.after.state is None]
    deleted += [gone.path for gone in folders if not gone.made]
    return Layer(root=root, deleted=tuple(path for path in deleted if not _is_there(root / path)))


def _is_there(place: Path) -> bool:
    return os.path.lexists(place)


def _parents(tree: Tree, root: Path, path: str) -> None:
    for parent in tree.folders(path):
        if not (root / parent).is_dir():
            (root / parent).mkdir()
            _mirror(tree.root, parent, root / parent)


def _write(tree: Tree, root: Path, item: Staged) -> None:
    _parents(tree, root, item.path)
    assert item.after.data is not None and isinstance(item.after.state, FileState)
    target = root / item.path
    uid, gid = _owner(tree.root, item)
    if item.after.state.type == "symlink":
        target.symlink_to(os.fsdecode(item.after.data))
        if os.geteuid() == 0:
            os.chown(target, uid, gid, follow_symlinks=False)
        return
    target.write_bytes(item.after.data)
    held = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        give(held, uid, gid, item.after.state.mode)
    finally:
        os.close(held)


def _mirror(workspace: Path, path: str, to: Path, mode: int | None = None) -> None:
    """Give the layer's folder the owner and mode of the workspace's, or of the nearest parent that exists there; or
    `mode`.

    The owner keeps full access, so that the layer can be removed again.
    """
    info, found = _nearest(workspace, path)
    with folder(to, "") as held:
        give(held, info.st_uid, info.st_gid, (found if mode is None else mode) | 0o700)


def _nearest(workspace: Path, path: str) -> tuple[os.stat_result, int]:
    """Whose the folder `path` is, or would be if it were made, and its mode."""
    mode: int | None = None
    while True:
        try:
            with folder(workspace, path) as held:
                info = os.fstat(held)
                return info, info.st_mode & 0o7777 if mode is None else mode
        except (FileNotFoundError, NotADirectoryError):
            path, mode = path.rpartition("/")[0], 0o755


def _owner(workspace: Path, item: Staged) -> tuple[int, int]:
    """A replaced file keeps its owner; a new one belongs to the owner of the folder that it is made in."""
    parent, _, name = item.path.rpartition("/")
    if item.before.state is not None:
        with folder(workspace, parent) as held:
            info = os.stat(name, dir_fd=held, follow_symlinks=False)
            if not stat.S_ISDIR(info.st_mode):
                return info.st_uid, info.st_gid
    info, _ = _nearest(workspace, parent)
    return info.st_uid, info.st_gid
