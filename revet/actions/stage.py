"""Staging: what a draft would change, as a layer beside the workspace. The workspace itself is never
touched.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from revet.actions.diffs import Side, render
from revet.actions.disk import Odd, Snapshot, folder, give, observe
from revet.actions.edits import apply_diff, apply_replacements
from revet.actions.paths import Protection, real_workspace
from revet.actions.registry import Handler, handler_of, register
from revet.actions.tree import Staged, Tree
from revet.errors import DraftError, HostError, InputError
from revet.sandboxes.base import Layer
from revet.schema import Action, Changes, DeleteFile, Draft, EditFile, FileChange, FileState, WriteFile

__all__ = ["Stage"]


class Stage:
    """The staging area of one run on one workspace.

    `folder` exists, lies outside the workspace, and belongs to this stage alone. The cost of staging depends
    on what the draft touches, not on the size of the workspace. Not for use from several threads at once.

    `layer` and `effects` are those of the draft that was staged last: its files, and its actions that also do something
    beyond the files. These do it in `commit`, which needs the draft for that.
    """

    def __init__(self, workspace: Path, folder: Path, protection: Protection) -> None:
        self.workspace = real_workspace(workspace)
        self.folder = Path(folder).resolve()
        self.protection = protection
        if self.folder == self.workspace or self.workspace in self.folder.parents:
            raise InputError(f"the staging folder {folder} lies inside the workspace", hint="give a folder elsewhere")
        if not self.folder.is_dir():
            raise InputError(f"the staging folder {folder} does not exist", hint="create it first")
        self._tree = Tree(self.workspace, protection)
        self.layer = self._lay([])
        self.effects: tuple[Action, ...] = ()

    def stage(self, draft: Draft) -> Changes:
        """Stage the draft's actions in order, on the workspace as it is now; what was staged before is
        dropped.

        Raises a DraftError with the index of the action (`action`) and its path (`path`); then nothing is
        staged.
        """
        self._drop()
        tree = Tree(self.workspace, self.protection)
        for index, action in enumerate(draft.actions):
            try:
                handler_of(action).stage(action, tree)
            except DraftError as error:
                error.action = index if error.action is None else error.action
                error.path = getattr(action, "path", None) if error.path is None else error.path
                self.layer = self._lay([])
                raise
        staged = tree.staged()
        self._tree, self.layer = tree, self._lay(staged)
        self.effects = tuple(action for action in draft.actions if not handler_of(action).files_only)
        files = tuple(
            FileChange(path=item.path, before=_state(item.before), after=_state(item.after)) for item in staged
        )
        return Changes(files=files, diff=render((item.path, _side(item.before), _side(item.after)) for item in staged))

    def read(self, path: str) -> bytes:
        """The bytes of a file as staged, through symlinks. DraftError if there is none."""
        return self._tree.read(path)

    def drift(self, changes: Changes) -> list[str]:
        """The paths whose state on disk is no longer the one that the changes were based on, sorted."""
        return sorted(file.path for file in changes.files if not self._unmoved(file, changes))

    def _unmoved(self, file: FileChange, changes: Changes) -> bool:
        try:
            state = observe(self.workspace, file.path)
        except OSError:
            return False  # it could be read when it was staged
        if state is Odd.folder and file.before is None:
            # A folder that makes way, as its files go.
            return any(other.path.startswith(file.path + "/") and other.after is None for other in changes.files)
        return state == file.before

    def _drop(self) -> None:
        shutil.rmtree(self.layer.root, ignore_errors=True)
        self._tree = Tree(self.workspace, self.protection)
        self.effects = ()

    def _lay(self, staged: list[Staged]) -> Layer:
        """Write the staged files to a fresh layer."""
        root = Path(tempfile.mkdtemp(prefix="layer-", dir=self.folder))
        try:
            _mirror(self.workspace, "", root)
            for item in staged:
                if isinstance(item.after.state, FileState):
                    self._write(root, item)
        except OSError as error:
            shutil.rmtree(root, ignore_errors=True)
            raise HostError(
                f"the draft cannot be staged in {self.folder}: {error.strerror}", hint="free some space there"
            ) from error
        deleted = (item.path for item in staged if item.after.state is None)
        return Layer(root=root, deleted=tuple(path for path in deleted if not (root / path).is_dir()))

    def _write(self, root: Path, item: Staged) -> None:
        for parent in self._tree.folders(item.path):
            if not (root / parent).is_dir():
                (root / parent).mkdir()
                _mirror(self.workspace, parent, root / parent)
        assert item.after.data is not None and isinstance(item.after.state, FileState)
        target = root / item.path
        target.write_bytes(item.after.data)
        uid, gid = _owner(self.workspace, item)
        held = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        try:
            give(held, uid, gid, item.after.state.mode)
        finally:
            os.close(held)


def _mirror(workspace: Path, path: str, to: Path) -> None:
    """Give the layer's folder the owner and mode of the workspace's, or of the nearest parent that exists
    there.

    The owner keeps full access, so that the layer can be removed again.
    """
    info, mode = _nearest(workspace, path)
    with folder(to, "") as held:
        give(held, info.st_uid, info.st_gid, mode | 0o700)


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
            return info.st_uid, info.st_gid
    info, _ = _nearest(workspace, parent)
    return info.st_uid, info.st_gid


def _state(found: Snapshot) -> FileState | None:
    return found.state if isinstance(found.state, FileState) else None


def _side(found: Snapshot) -> Side:
    return Side(_state(found), found.data)


# --- the kinds of actions that only touch files, and the one that touches nothing --------------------------


class _Files(ABC):
    """Stages one kind of action. There is nothing to commit or to undo beyond the files."""

    files_only = True

    @abstractmethod
    def stage(self, action: Any, tree: Tree) -> None: ...

    def commit(self, action: Any, key: str) -> None:
        return

    def undo(self, action: Any, key: str) -> None:
        return


class _Answer(_Files):
    def stage(self, action: Any, tree: Tree) -> None:
        return


class _Write(_Files):
    def stage(self, action: WriteFile, tree: Tree) -> None:
        tree.write(action.path, action.to_bytes(), action.mode)


class _Edit(_Files):
    def stage(self, action: EditFile, tree: Tree) -> None:
        tree.find(action.path)
        data = tree.read(action.path) if tree.exists(action.path) else None
        if action.diff is not None:
            tree.write(action.path, apply_diff(data, action.diff, action.path))
        elif data is None:
            raise DraftError(f"{action.path!r} does not exist; use write_file to create it", path=action.path)
        else:
            tree.write(action.path, apply_replacements(data, action.replacements))


class _Delete(_Files):
    def stage(self, action: DeleteFile, tree: Tree) -> None:
        tree.delete(action.path)


_KINDS: dict[str, Handler] = {
    "answer": _Answer(),
    "write_file": _Write(),
    "edit_file": _Edit(),
    "delete_file": _Delete(),
}
for _kind, _handler in _KINDS.items():
    register(_kind, _handler)
