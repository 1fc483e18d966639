"""The staged view of a workspace: what its paths would hold. Reads through to the disk, writes to memory."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from revet.actions.disk import Odd, Snapshot, snapshot
from revet.actions.paths import Protection, walk
from revet.errors import DraftError, EditDoesNotApply, PathEscapes, ProtectedPath
from revet.schema import FileState, FolderChange

__all__ = ["Staged", "Tree"]


def _held(found: Snapshot) -> FileState | None:
    """The file or symlink that is there. A folder is nothing of its own: its files are."""
    return found.state if isinstance(found.state, FileState) else None


def _refused(error: OSError) -> None:
    raise DraftError(f"{error.filename} cannot be read: {error.strerror}") from error


@dataclass(frozen=True)
class Staged:
    """A path that the draft touched: what the disk holds there, and what it would hold (None: nothing)."""

    path: str
    before: Snapshot
    after: Snapshot

    @property
    def changed(self) -> bool:
        return _held(self.before) != _held(self.after)


class Tree:
    """One draft's view of one workspace. Only paths that are asked for are read; nothing is ever written to
    disk.
    """

    def __init__(self, root: Path, protection: Protection) -> None:
        self.root, self.protection = root, protection
        self._before: dict[str, Snapshot] = {}
        self._after: dict[str, Snapshot] = {}
        # The mode of folders that were made, None for those that were removed.
        self._folders: dict[str, int | None] = {}

    def look(self, place: str) -> Snapshot:
        """What is staged at `place`, a path without symlinks in its parents; without the bytes of a file on disk."""
        below = place + "/"
        if any(path.startswith(below) and staged.state is not None for path, staged in self._after.items()):
            return Snapshot(Odd.folder)
        if self._folders.get(place) is not None and not self._holds_file(place):
            return Snapshot(Odd.folder)
        if place in self._after or place in self._folders:
            return self._after.get(place, Snapshot(None))
        return snapshot(self.root, place, limit=0)

    def find(self, path: str, *, follow: bool = True) -> str:
        """The place that a draft's `path` names, after symlinks. ProtectedPath if the draft may not change
        it.

        A symlink is protected as the place that it leads to, too.
        """
        place = self._walk(path, follow=False)
        target = self._walk(path) if follow else place
        for name in dict.fromkeys((place, target)):
            if not self.protection.allows(name):
                raise ProtectedPath(f"{name!r} is protected: this task does not let a draft change it", path=path)
        return target

    def read(self, path: str) -> bytes:
        """The staged bytes of a file, through symlinks. DraftError if there is none, or if it is too
        large.
        """
        found = self._load(self._walk(path))
        if _held(found) is None:
            raise DraftError(f"{path!r} does not exist", path=path)
        if found.data is None:
            raise EditDoesNotApply(f"{path!r} is too large to edit; replace it whole with write_file", path=path)
        return found.data

    def exists(self, path: str) -> bool:
        return _held(self.look(self._walk(path))) is not None

    def write(self, path: str, data: bytes, mode: int | None = None) -> None:
        """Stage a file. `mode` None: as it is now without its special bits, or 0644."""
        place = self.find(path)
        now = self._load(place)
        kept = now.state.mode & 0o777 if isinstance(now.state, FileState) else 0o644
        self._remember(place, now)
        state = FileState(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            mode=kept if mode is None else mode & 0o777,
        )
        self._after[place] = Snapshot(state, data)

    def delete(self, path: str) -> None:
        """Stage the removal of a file, or of a symlink itself."""
        place = self.find(path, follow=False)
        now = self._load(place)
        if _held(now) is None:
            raise EditDoesNotApply(f"{path!r} cannot be deleted: it does not exist", path=path)
        self._remember(place, now)
        self._after[place] = Snapshot(None)

    def put(self, place: str, data: bytes, mode: int, *, link: bool = False) -> None:
        """Stage a file, or a symlink with the target `data`, at `place` itself: no link is followed to get there.

        For what was tried in a sandbox, whose names are real ones. ProtectedPath if the draft may not change it.
        """
        self.check(place)
        digest = hashlib.sha256(data).hexdigest()
        bits = stat.S_IRWXU | 0o77 if link else mode & 0o777
        self._remember(place, self._load(place))
        self._after[place] = Snapshot(
            FileState(type="symlink" if link else "file", sha256=digest, size=len(data), mode=bits), data
        )

    def drop(self, place: str) -> None:
        """Stage the removal of the file or symlink at `place` itself; see `put`."""
        self.check(place)
        self._remember(place, self._load(place))
        self._after[place] = Snapshot(None)

    def make_folder(self, place: str, mode: int = 0o755) -> None:
        """Stage a folder at `place` itself; see `put`. What was a file there must have been dropped."""
        self.check(place)
        self._folders[place] = mode & 0o777

    def remove_folder(self, place: str) -> None:
        """Stage the removal of the folder at `place` itself; see `put`. What it holds has to be dropped, too."""
        self.check(place)
        self._folders[place] = None

    def check(self, place: str) -> None:
        """ProtectedPath if the draft may not change `place`; PathEscapes if it is no plain path below the workspace."""
        if "\0" in place or any(part in ("", ".", "..") for part in place.split("/")):
            raise PathEscapes(f"{place!r} is no path inside the workspace", path=place)
        if not self.protection.allows(place):
            raise ProtectedPath(f"{place!r} is protected: this task does not let a draft change it", path=place)

    def folder_changes(self) -> list[FolderChange]:
        """The folders that would be made or removed themselves, sorted: outermost first, each by itself.

        Made are those that are not there now, also where staged files imply them; removed are those that are there and
        would hold nothing.
        """
        files = [path for path, staged in self._after.items() if staged.state is not None]
        holding = {parent for path in files for parent in self.folders(path)}
        found = []
        for path, mode in sorted(self._folders.items()):
            present = path in holding or (mode is not None and not self._holds_file(path))
            before = self.folder_mode(path)
            if present and before is None:
                found.append(FolderChange(path=path, made=True, mode=0o755 if mode is None else mode))
            elif not present and before is not None:
                found.append(FolderChange(path=path, made=False, mode=before))
        return found

    def staged(self) -> list[Staged]:
        """The paths that would change, sorted. What was changed back is not among them."""
        pairs = (Staged(path, self._before[path], after) for path, after in sorted(self._after.items()))
        return [pair for pair in pairs if pair.changed]

    def folders(self, path: str) -> Iterator[str]:
        """The parent folders of a staged path, outermost first."""
        parts = path.split("/")[:-1]
        return ("/".join(parts[:count]) for count in range(1, len(parts) + 1))

    def _walk(self, path: str, *, follow: bool = True) -> str:
        return walk(self.root, path, self.look, follow=follow, vacant=self._vacant)

    def _vacant(self, place: str) -> bool:
        """True if the draft has taken away all files of the folder `place`, so that a file can take its place."""
        below = {path: staged.state for path, staged in self._after.items() if path.startswith(place + "/")}
        if not below or any(state is not None for state in below.values()):
            return False
        for top, folders, files in os.walk(self.root / place, onerror=_refused):
            names = [*files, *(name for name in folders if Path(top, name).is_symlink())]
            if any(Path(top, name).relative_to(self.root).as_posix() not in below for name in names):
                return False
        return True

    def _load(self, place: str) -> Snapshot:
        try:
            return self._after[place] if place in self._after else snapshot(self.root, place)
        except OSError as error:
            raise DraftError(f"{place!r} cannot be read: {error.strerror}", path=place) from error

    def _holds_file(self, place: str) -> bool:
        return place in self._after and self._after[place].state is not None

    def folder_mode(self, place: str) -> int | None:
        """The permissions of the folder at `place` on disk; None if there is none."""
        try:
            info = (self.root / place).lstat()
        except OSError:
            return None
        return stat.S_IMODE(info.st_mode) if stat.S_ISDIR(info.st_mode) else None

    def _remember(self, place: str, now: Snapshot) -> None:
        if place not in self._after:
            self._before[place] = now
