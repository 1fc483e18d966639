"""What must hold before a transaction touches anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from revet.actions.disk import copy
from revet.actions.journal import Folder, Phase, Plan
from revet.actions.registry import handler_of
from revet.actions.transaction import foreign
from revet.errors import CommitError, InputError, JournalCorrupt, UnsupportedAction, WorldMoved
from revet.protected import is_always_protected
from revet.sandboxes.base import Layer
from revet.schema import FileChange, FolderChange, Receipt

__all__ = [
    "check_actions",
    "check_journalled",
    "check_paths",
    "check_undoable",
    "check_world",
    "check_writable",
    "foreign_journal",
    "take_from_layer",
]


def check_journalled(root: Path, phase: Phase) -> None:
    """Refuse a journal that cannot be carried out as it stands: JournalCorrupt, or CommitError without a
    handler. What another workspace has finished is nothing to carry out.
    """
    done = phase.receipt() is not None
    for plan in (phase.plan(), phase.aborted()):
        if plan is None:
            continue
        if not plan.workspace.is_at(root):
            if done:
                continue
            raise foreign_journal(phase, plan)
        try:
            check_paths(plan.files)
            check_paths((*plan.make, *plan.remove, *plan.folders))
        except InputError as error:
            raise JournalCorrupt(f"{phase.path}: {error}", hint="remove the folder if it is not yours") from error
        if not done:
            check_actions(phase, plan, "finished")


def check_actions(phase: Phase, plan: Plan, what: str) -> None:
    """CommitError if an action of the plan cannot be carried out here, for its handler or its function is missing."""
    try:
        for action in plan.actions:
            handler_of(action).reversible(action)
    except UnsupportedAction as error:
        raise CommitError(
            f"{phase.path} cannot be {what}: {error}", hint="register its handler or function first"
        ) from error


def foreign_journal(phase: Phase, plan: Plan) -> JournalCorrupt:
    return JournalCorrupt(
        f"{phase.path} is the journal of another workspace, {plan.workspace.path}; nothing was touched",
        hint="if this is a copy of that one, remove the folder; if it came with files of someone else, distrust them",
    )


def check_undoable(receipt: Receipt, *, partial: bool) -> None:
    """CommitError, before anything is done, if nothing of the commit can be taken back, or not all and that was
    not asked for.
    """
    stays = ", ".join(each.what for each in receipt.irreversible)
    if stays and not receipt.undoable:
        raise CommitError(f"nothing of {receipt.id} can be taken back: {stays}")
    if stays and not partial:
        files = [file.path for file in receipt.files]
        rest = ", ".join([*files, *(e.what for e in receipt.effects if e.done and e not in receipt.irreversible)])
        raise CommitError(
            f"not all of {receipt.id} can be taken back: {stays}; nothing was undone",
            hint=f"a partial undo takes back the rest: {rest}",
        )


def check_paths(files: Sequence[FileChange | Folder | FolderChange]) -> None:
    """Refuse what staging would never have produced: a journal or changes from elsewhere are not to be
    trusted.
    """
    for file in files:
        parts = file.path.split("/")
        if "\0" in file.path or any(part in ("", ".", "..") for part in parts) or is_always_protected(file.path):
            raise InputError(f"{file.path!r} is no path that can be committed", hint="stage the draft again")


def check_world(root: Path, plan: Plan) -> None:
    try:
        moved = foreign(root, plan, started=False)
    except OSError as error:
        raise CommitError(f"{error.filename} cannot be read: {error.strerror}; nothing was changed") from error
    if moved:
        raise WorldMoved(
            f"changed since they were examined: {', '.join(moved)}; nothing was committed",
            paths=moved,
            hint="stage and examine the draft again",
        )


def check_writable(root: Path, plan: Plan) -> None:
    """Find out before anything is done that the workspace, or a folder in which a file changes, is
    read-only.
    """
    made = {item.path for item in plan.make}
    changed = {file.path for file in plan.files} | {item.path for item in plan.remove} | made
    parents = {path.rpartition("/")[0] for path in changed}
    for parent in sorted({"", *parents} - made):
        path = root / parent
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            raise CommitError(f"{path} cannot be written; nothing was changed", hint="check its permissions")


def take_from_layer(root: Path, layer: Layer, file: FileChange, to: Path) -> None:
    """Copy a staged file into the journal, with the extended attributes of the file that it replaces."""
    try:
        copied = copy(layer.root, file.path, to, like=root)
    except (FileNotFoundError, NotADirectoryError):
        copied = None
    if copied != file.after:
        raise WorldMoved(
            f"the staged {file.path} is not what was examined; nothing was committed",
            paths=[file.path],
            hint="stage and examine the draft again",
        )
