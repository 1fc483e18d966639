"""Staging: what a draft would change, as a layer beside the workspace. The workspace itself is never
touched.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, TypeVar

from revet.actions.diffs import Side, render
from revet.actions.disk import Odd, Snapshot, observe
from revet.actions.edits import apply_diff, apply_replacements
from revet.actions.layering import lay
from revet.actions.paths import Protection, real_workspace
from revet.actions.registry import Handler, Staging, Trial, handler_of, register
from revet.actions.tree import Staged, Tree
from revet.errors import DraftError, InputError
from revet.schema import (
    Action,
    CallPlan,
    Changes,
    CommandRun,
    DeleteFile,
    Draft,
    EditFile,
    FileChange,
    FileState,
    FolderChange,
    TableChange,
    WriteFile,
)

__all__ = ["Stage"]

P = TypeVar("P", TableChange, CallPlan, CommandRun, FolderChange)


class Stage:
    """The staging area of one run on one workspace.

    `folder` exists, lies outside the workspace, and belongs to this stage alone. The cost of staging depends
    on what the draft touches, not on the size of the workspace. Not for use from several threads at once.

    `layer` and `effects` are those of the draft that was staged last: its files, and its actions that also do something
    beyond the files. These do it in `commit`, which needs the draft for that.
    """

    def __init__(
        self,
        workspace: Path,
        folder: Path,
        protection: Protection,
        *,
        trial: Trial | None = None,
        database: str | None = None,
        functions: Any = None,
    ) -> None:
        self.trial, self.database, self.functions = trial, database, functions
        self.workspace = real_workspace(workspace)
        self.folder = Path(folder).resolve()
        self.protection = protection
        if self.folder == self.workspace or self.workspace in self.folder.parents:
            raise InputError(f"the staging folder {folder} lies inside the workspace", hint="give a folder elsewhere")
        if not self.folder.is_dir():
            raise InputError(f"the staging folder {folder} does not exist", hint="create it first")
        self._tree = Tree(self.workspace, protection)
        self.layer = lay(self._tree, self.folder)
        self.effects: tuple[Action, ...] = ()

    async def stage(self, draft: Draft) -> Changes:
        """Stage the draft's actions in order, on the workspace as it is now; what was staged before is
        dropped.

        Raises a DraftError with the index of the action (`action`) and its path (`path`); then nothing is
        staged.
        """
        self._drop()
        tree = Tree(self.workspace, self.protection)
        staging = Staging(tree, self.workspace, self.trial, self.database, self.functions)
        for staging.index, action in enumerate(draft.actions):
            try:
                await handler_of(action).stage(action, staging)
            except DraftError as error:
                error.action = staging.index if error.action is None else error.action
                error.path = getattr(action, "path", None) if error.path is None else error.path
                self.layer = lay(self._tree, self.folder)
                raise
        staged = tree.staged()
        self._tree, self.layer = tree, lay(tree, self.folder)
        self.effects = tuple(action for action in draft.actions if not handler_of(action).files_only)
        return _changes(staged, staging)

    def read(self, path: str) -> bytes:
        """The bytes of a file as staged, through symlinks. DraftError if there is none."""
        return self._tree.read(path)

    def drift(self, changes: Changes) -> list[str]:
        """The paths whose state on disk is no longer the one that the changes were based on, sorted."""
        moved = {file.path for file in changes.files if not self._unmoved(file, changes)}
        own = {file.path for file in changes.files}
        for each in changes.folders:
            is_there = observe(self.workspace, each.path) is Odd.folder
            if each.path not in own and is_there == each.made:
                moved.add(each.path)
        return sorted(moved)

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


def _changes(staged: list[Staged], staging: Staging) -> Changes:
    def added(kind: type[P]) -> tuple[P, ...]:
        return tuple(part for part in staging.parts if isinstance(part, kind))

    files = (FileChange(path=item.path, before=_state(item.before), after=_state(item.after)) for item in staged)
    return Changes(
        files=tuple(files),
        folders=(*staging.tree.folder_changes(), *added(FolderChange)),
        tables=added(TableChange),
        calls=added(CallPlan),
        commands=added(CommandRun),
        diff=render((item.path, _side(item.before), _side(item.after)) for item in staged),
    )


def _state(found: Snapshot) -> FileState | None:
    return found.state if isinstance(found.state, FileState) else None


def _side(found: Snapshot) -> Side:
    return Side(_state(found), found.data)


# --- the kinds of actions that only touch files, and the one that touches nothing --------------------------


class _Files:
    """There is nothing to commit or to undo beyond the files."""

    files_only = True

    def reversible(self, action: Any) -> bool:
        return True

    def _nothing(self, action: Any, changes: Changes, key: str, folder: Path) -> None:
        return

    prepare = commit = undo = settle = _nothing


class _Answer(_Files):
    async def stage(self, action: Any, staging: Staging) -> None:
        return


class _Write(_Files):
    async def stage(self, action: WriteFile, staging: Staging) -> None:
        staging.tree.write(action.path, action.to_bytes(), action.mode)


class _Edit(_Files):
    async def stage(self, action: EditFile, staging: Staging) -> None:
        tree = staging.tree
        tree.find(action.path)
        data = tree.read(action.path) if tree.exists(action.path) else None
        if action.diff is not None:
            tree.write(action.path, apply_diff(data, action.diff, action.path))
        elif data is None:
            raise DraftError(f"{action.path!r} does not exist; use write_file to create it", path=action.path)
        else:
            tree.write(action.path, apply_replacements(data, action.replacements))


class _Delete(_Files):
    async def stage(self, action: DeleteFile, staging: Staging) -> None:
        staging.tree.delete(action.path)


_KINDS: dict[str, Handler] = {
    "answer": _Answer(),
    "write_file": _Write(),
    "edit_file": _Edit(),
    "delete_file": _Delete(),
}
for _kind, _handler in _KINDS.items():
    register(_kind, _handler)
