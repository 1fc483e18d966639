"""What must hold before a transaction touches anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from revet.actions.disk import copy
from revet.actions.journal import Folder, Phase, Plan
from revet.actions.paths import Protection
from revet.actions.registry import handler_of
from revet.actions.transaction import where
from revet.errors import CommitError, InputError, JournalCorrupt, UnsupportedAction, WorldMoved
from revet.sandboxes.base import Layer
from revet.schema import FileChange

__all__ = ["check_journalled", "check_paths", "check_world", "check_writable", "take_from_layer"]


def check_journalled(phase: Phase) -> None:
    """Refuse a journal that cannot be carried out as it stands: JournalCorrupt, or CommitError without a
    handler.
    """
    phase.receipt()
    for plan in (phase.plan(), phase.aborted()):
        if plan is None:
            continue
        try:
            check_paths(plan.files)
            check_paths((*plan.make, *plan.remove))
        except InputError as error:
            raise JournalCorrupt(f"{phase.path}: {error}", hint="remove the folder if it is not yours") from error
        try:
            for action in plan.actions:
                handler_of(action)
        except UnsupportedAction as error:
            raise CommitError(f"{phase.path} cannot be finished: {error}", hint="register its handler first") from error


def check_paths(files: Sequence[FileChange | Folder]) -> None:
    """Refuse what staging would never have produced: a journal or changes from elsewhere are not to be
    trusted.
    """
    always = Protection(edit=["*"])
    for file in files:
        parts = file.path.split("/")
        if "\0" in file.path or any(part in ("", ".", "..") for part in parts) or not always.allows(file.path):
            raise InputError(f"{file.path!r} is no path that can be committed", hint="stage the draft again")


def check_world(root: Path, plan: Plan) -> None:
    try:
        moved = [file.path for file in plan.files if where(root, plan, file) != "before"]
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
    parents = {file.path.rpartition("/")[0] for file in plan.files} | {path.rpartition("/")[0] for path in made}
    for parent in sorted({"", *parents} - made):
        path = root / parent
        if path.is_dir() and not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
            raise CommitError(f"{path} cannot be written; nothing was changed", hint="check its permissions")


def take_from_layer(layer: Layer, file: FileChange, to: Path) -> None:
    try:
        copied = copy(layer.root, file.path, to)
    except (FileNotFoundError, NotADirectoryError):
        copied = None
    if copied != file.after:
        raise WorldMoved(
            f"the staged {file.path} is not what was examined; nothing was committed",
            paths=[file.path],
            hint="stage and examine the draft again",
        )
