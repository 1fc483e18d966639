"""What the program sees of the workspace with a layer over it, computed without following links out of it."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.sandboxes.base import Layer

__all__ = ["HIDDEN", "View", "inside", "is_folder"]

HIDDEN = ".revet"
"""The folder at the top of a workspace that holds Revet's own records. Programs never see it."""
MAX_LINKS = 40


def inside(path: str, what: str) -> str:
    """A relative path in its shortest form ('.' for the workspace itself). InputError if it leaves the workspace."""
    short = os.path.normpath(path)
    if short.startswith(("/", "../")) or short == ".." or "\0" in path:
        raise InputError(f"{what} {path!r} is not a path inside the workspace", hint="give a relative path without ..")
    return short


@dataclass(frozen=True)
class View:
    """The workspace and the layer as one tree. Paths are relative and normal; '.' is the top."""

    workspace: Path
    layer: Layer | None = None

    @cached_property
    def deleted(self) -> frozenset[str]:
        """What the layer takes away from the workspace: paths that exist there, without those below another."""
        if self.layer is None:
            return frozenset()
        named = {inside(path, "deleted path") for path in self.layer.deleted} - {"."}
        return frozenset(p for p in named if not named.intersection(parents(p)) and self.plainly_there(p))

    def plainly_there(self, path: str) -> bool:
        """Whether the workspace itself has something there, links not followed."""
        place: Path | None = self.workspace
        for part in path.split("/"):
            place = member(place, part)
            if place is None:
                return False
        return True

    def _at(self, path: str) -> tuple[Path | None, Path | None]:
        """Where `path` lies in the workspace and in the layer, as far as each is visible."""
        places, walked = self.top, ""
        for part in path.split("/") if path != "." else ():
            walked = f"{walked}/{part}" if walked else part
            places = self.step(places, walked)
            if places == (None, None):
                break
        return places

    @property
    def top(self) -> tuple[Path | None, Path | None]:
        """The top of the workspace and of the layer: where a caller's own walk with `step` starts."""
        return self.workspace, None if self.layer is None else self.layer.root

    def step(self, places: tuple[Path | None, Path | None], path: str) -> tuple[Path | None, Path | None]:
        """Where `path` lies in the workspace and in the layer, as far as each is visible; `places` are its folder's."""
        part = path.rpartition("/")[2]
        below = None if path in self.deleted else member(places[0], part)
        above = member(places[1], part)
        if above is not None and not (is_folder(above) and below is not None and is_folder(below)):
            below = None
        return below, above

    def find(self, path: str) -> Path | None:
        """Where the thing at `path` really lies, None if there is nothing. Links are not followed, at no place."""
        below, above = self._at(path)
        return below if above is None else above

    def sources(self, path: str) -> list[Path]:
        """The folders that make up the folder at `path`, lowest first."""
        return [place for place in self._at(path) if place is not None and is_folder(place)]

    def resolve(self, path: str) -> str | None:
        """The path with its links followed inside the tree; None if it does not exist or leaves the tree."""
        todo, links = path.split("/"), 0
        done: list[str] = []
        while todo:
            part = todo.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            place = self.find("/".join([*done, part]))
            if place is None:
                return None
            if not place.is_symlink():
                done.append(part)
                continue
            links += 1
            target = str(place.readlink())
            if links > MAX_LINKS:
                return None
            if target.startswith("/"):
                if not Path(os.path.normpath(target)).is_relative_to(self.workspace):
                    return None
                target, done = os.path.relpath(target, self.workspace), []
            todo = target.split("/") + todo
        return "/".join(done) or "."

    def below(self, path: str) -> Iterator[str]:
        """Every path under the folder at `path`: see `walk`."""
        return (found for found, _, _ in self.walk(path))

    def walk(self, path: str = ".") -> Iterator[tuple[str, Path, os.stat_result]]:
        """Everything under the folder at `path`, with where it really lies and its state: parents first, without the
        hidden folder, and without what this user cannot see.
        """
        pending = [(path, *self._at(path))]
        while pending:
            folder, *places = pending.pop()
            found: dict[str, list[os.DirEntry[str] | None]] = {}
            for level, place in enumerate(places):
                if place is not None and is_folder(place):
                    with contextlib.suppress(PermissionError), os.scandir(place) as entries:
                        for entry in entries:
                            found.setdefault(entry.name, [None, None])[level] = entry
            for name in sorted(found):
                child = name if folder == "." else f"{folder}/{name}"
                below, above = found[name]
                if child in self.deleted or not (above is None or (is_folder_entry(above) and is_folder_entry(below))):
                    below = None
                seen = above or below
                if seen is None or child == HIDDEN:
                    continue
                try:
                    info = seen.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone since it was listed
                yield child, Path(seen.path), info
                if stat.S_ISDIR(info.st_mode):
                    pending.append((child, below and Path(below.path), above and Path(above.path)))


def is_folder_entry(entry: os.DirEntry[str] | None) -> bool:
    return entry is not None and entry.is_dir(follow_symlinks=False)


def parents(path: str) -> list[str]:
    """The folders above a relative path, outermost first, without '.'."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def member(folder: Path | None, name: str) -> Path | None:
    if folder is None or not is_folder(folder):
        return None
    place = folder / name
    return place if os.path.lexists(place) else None


def is_folder(place: Path) -> bool:
    """Whether it is a folder itself; a link to one is not."""
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except OSError:
        return False
