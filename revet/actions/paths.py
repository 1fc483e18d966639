"""Workspace paths: where a draft's path really leads, and whether a draft may change what is there."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from revet.actions.disk import Odd, Snapshot, snapshot
from revet.errors import DraftError, InputError, PathEscapes, WorkspaceError
from revet.protected import is_always_protected, is_test_or_build, named
from revet.schema import FileState

__all__ = ["Protection", "real_workspace", "resolve", "walk"]

_LINKS = 40  # as many as Linux follows before it reports a loop


class Protection:
    """What a draft may change, by gitignore-style patterns.

    With an empty `edit`, everything; otherwise only what `edit` matches. Tests and build files only where `edit`
    names that very file, without a wildcard. `protect`, in any case of the letters, wins over `edit`, and what
    `revet.protected.ALWAYS` lists is never allowed.
    """

    def __init__(self, edit: Sequence[str] = (), protect: Sequence[str] = ()) -> None:
        self.edit, self.protect = tuple(edit), tuple(protect)
        self._edit = _spec(self.edit, "edit") if self.edit else None
        self._protect = _spec(self.protect, "protect")
        # On a file system that ignores case, `Secret.TXT` is `secret.txt`.
        self._protect_folded = _spec([pattern.casefold() for pattern in self.protect], "protect")

    def allows(self, path: str) -> bool:
        """True if a draft may change `path` (relative to the workspace, POSIX, normalised)."""
        if is_always_protected(path):
            return False
        if self._protect.match_file(path) or self._protect_folded.match_file(path.casefold()):
            return False
        if self._edit is not None and not self._edit.match_file(path):
            return False
        return not is_test_or_build(path) or named(path, self.edit)

    def __repr__(self) -> str:
        return f"Protection(edit={list(self.edit)}, protect={list(self.protect)})"


def _spec(patterns: Sequence[str], field: str) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise InputError(
            f"{field}: not a gitignore-style pattern: {error}",
            hint="write a path, a name, or a pattern like src/*.py",
        ) from error


def real_workspace(workspace: Path) -> Path:
    """The workspace's absolute path without symlinks. WorkspaceError unless it is a folder that can be
    read.
    """
    try:
        real = Path(workspace).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WorkspaceError(
            f"workspace {workspace} does not exist", hint="give the path of an existing folder"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkspaceError(f"workspace {workspace} cannot be reached: {error}") from error
    if not real.is_dir():
        raise WorkspaceError(f"workspace {workspace} is not a folder", hint="give the folder that contains it")
    if not os.access(real, os.R_OK | os.X_OK):
        raise WorkspaceError(f"workspace {workspace} cannot be read", hint="check its permissions")
    return real


def resolve(workspace: Path, path: str) -> str:
    """The place that `path` names: relative, POSIX, normalised, with symlinked parent folders resolved.

    A symlink in the last place is not followed. PathEscapes if the path is absolute, has a ``..`` or a NUL,
    is the workspace itself or a folder, or passes through a symlink that leaves the workspace.
    """
    root = real_workspace(workspace)
    return walk(root, path, lambda place: snapshot(root, place, limit=0))


def walk(
    root: Path,
    path: str,
    look: Callable[[str], Snapshot],
    *,
    follow: bool = False,
    vacant: Callable[[str], bool] = lambda place: False,
) -> str:
    """As `resolve`, in the world that `look` shows; with `follow`, a symlink in the last place is followed
    too. A folder that is `vacant` may be named: a file can take its place.
    """
    todo = _parts(path)
    done: list[str] = []
    links = 0
    while todo:
        part = todo.pop(0)
        if part == "..":
            if not done:
                raise PathEscapes(f"{path!r} leads out of the workspace through a symlink", path=path)
            done.pop()
            continue
        place = "/".join([*done, part])
        try:
            found = look(place)
        except OSError as error:
            raise DraftError(f"{path!r} cannot be read: {error.strerror}", path=path) from error
        if found.target is not None and (todo or follow):
            links += 1
            if links > _LINKS:
                raise PathEscapes(f"{path!r} passes through a loop of symlinks", path=path)
            target = found.target
            if target.startswith("/"):
                target, done = _inside(root, target, path), []
            todo[:0] = [piece for piece in target.split("/") if piece not in ("", ".")]
            continue
        if todo and (isinstance(found.state, FileState) or found.state is Odd.special):
            raise DraftError(f"{path!r}: {place!r} is not a folder", path=path)
        if not todo and found.state is Odd.folder and not vacant(place):
            raise PathEscapes(f"{path!r} is a folder; name a file in it", path=path)
        if not todo and found.state is Odd.special:
            raise DraftError(f"{path!r} is neither a file nor a symlink", path=path)
        done.append(part)
    if not done:
        raise PathEscapes(f"{path!r} is the workspace itself; name a file in it", path=path)
    place = "/".join(done)
    if not place.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in place):
        raise DraftError(f"{path!r} leads to a file whose name is not UTF-8", path=path)
    return place


def _parts(path: str) -> list[str]:
    if "\0" in path:
        raise PathEscapes(f"{path!r} contains a NUL", path=path)
    if path.startswith("/"):
        raise PathEscapes(f"{path!r} is absolute; paths are relative to the workspace", path=path)
    parts = path.split("/")
    if ".." in parts:
        raise PathEscapes(f"{path!r} contains '..'; paths are relative to the workspace", path=path)
    if path.endswith("/") or not [part for part in parts if part not in ("", ".")]:
        raise PathEscapes(f"{path!r} is a folder; name a file in it", path=path)
    return [part for part in parts if part not in ("", ".")]


def _inside(root: Path, target: str, path: str) -> str:
    """The part of an absolute symlink target below the workspace."""
    base = str(root).rstrip("/") + "/"
    if not target.startswith(base):
        raise PathEscapes(f"{path!r} leads out of the workspace through a symlink to {target!r}", path=path)
    return target[len(base) :]
