"""What of a run's leavings may be kept: each artefact is checked, and written below a folder of ours, or refused.

The folder is reached by descriptors only, one name at a time, so that no link in it is ever followed.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from revet.sandboxes.view import HIDDEN, View, is_folder

if TYPE_CHECKING:
    from revet.sandboxes.base import Refusal

__all__ = ["MAX_KEPT", "Artefact", "Gate", "decoded", "shown"]

MAX_KEPT = 50_000
"""At most so many artefacts, and so many deletions, are taken of one run."""
MAX_REFUSALS = 1_000
MAX_PATH, MAX_NAME, MAX_TARGET = 2_048, 255, 4_095
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Artefact:
    """Something that a program created or changed, as its sandbox found it. Nothing of it is believed.

    `path` is relative to the workspace; `size` is the apparent size in bytes; `target` is a link's. `chunks` gives
    a file's content; it is called at most once, before the next artefact is asked for, and not for what is refused.
    `modified` is the time of the last change in nanoseconds.
    """

    path: str | bytes
    kind: Literal["file", "folder", "link", "other"]
    mode: int = 0o644
    size: int = 0
    target: str | None = None
    chunks: Callable[[], Iterable[bytes]] = tuple
    modified: int | None = None


class Gate:
    """Lets one run's artefacts through to the folder `top`. An OSError is the disk's; refusals are listed.

    A context manager; when it is left, the folders have their modes. `folders` (with modes) and `others` are the
    paths that passed; `full` says that no more can.
    """

    def __init__(self, view: View, top: Path, most: int, total: int) -> None:
        self.top, self.most, self.left = top, most, total
        self.folders: dict[str, int] = {}
        self.others: set[str] = set()
        self.refused: list[Refusal] = []
        self.full = False
        self._view = view
        self.implied: dict[str, int] = {}
        self._top = os.open(top, OPEN_FOLDER)
        self._open: tuple[str, int] | None = None

    def admit(self, artefact: Artefact) -> None:
        """Write the artefact, or refuse it."""
        if len(self.folders) + len(self.others) >= MAX_KEPT:
            self.full = True
            self._refuse("*", f"more than {MAX_KEPT} changes: the rest was not kept")
            return
        path, reason = decoded(artefact.path)
        reason = reason or bad_name(path) or self._misplaced(path)
        if not reason:
            writers = {"file": self._file, "folder": self._folder, "link": self._link}
            write = writers.get(artefact.kind)
            try:
                reason = write(path, artefact) if write else "it is a pipe, a socket or a device"
            except FileExistsError:  # where the disk does not tell upper case from lower case
                reason = "the disk here takes its name for that of something else"
        if reason:
            self._refuse(shown(artefact.path), reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._forget()
        os.close(self._top)
        for path, mode in {**self.implied, **self.folders}.items():
            (self.top / path).chmod(mode)

    def deletions(self, deleted: Iterable[str]) -> list[str]:
        """Those of the paths that exist, and can be deleted."""
        found = []
        for number, path in enumerate(deleted):
            if number == MAX_KEPT:
                self._refuse("*", f"more than {MAX_KEPT} deletions: the rest was not kept")
                break
            if decoded(path)[1]:
                self._refuse(shown(path), "it was deleted, and its name is not UTF-8")
            elif plain(path) and self._view.find(path) is not None:
                found.append(path)
        return found

    def _refuse(self, path: str, reason: str) -> None:
        from revet.sandboxes.base import Refusal  # trials need none of it, and no pydantic

        if len(self.refused) < MAX_REFUSALS:
            self.refused.append(Refusal(path=path, reason=reason))
        elif len(self.refused) == MAX_REFUSALS:
            self.refused.append(Refusal(path="*", reason="more was refused, which is not listed"))

    def _misplaced(self, path: str) -> str:
        parent = path.rpartition("/")[0]
        if path in self.folders or path in self.others or path in self.implied:
            return "it is there twice"
        if parent in self.folders or parent in self.implied or not parent:
            return ""
        if parent in self.others:
            return "the folder that holds it is not a folder"
        place = self._view.find(parent)
        return "" if place is not None and is_folder(place) else "the folder that holds it was not kept"

    def _folder(self, path: str, artefact: Artefact) -> str:
        os.mkdir(path.rpartition("/")[2], 0o700, dir_fd=self._parent(path))
        self.folders[path] = artefact.mode & 0o777 | 0o700
        return ""

    def _link(self, path: str, artefact: Artefact) -> str:
        target = artefact.target or ""
        reason = bad_target(target) or leads_out(self._view, path, target)
        if not reason:
            os.symlink(target, path.rpartition("/")[2], dir_fd=self._parent(path))
            self.others.add(path)
        return reason

    def _file(self, path: str, artefact: Artefact) -> str:
        if artefact.size > self.most:
            return f"it has {artefact.size} bytes, and a file may have {self.most}"
        if artefact.size > self.left:
            return "all that was kept would be more than the limit on the disk"
        parent, name = self._parent(path), path.rpartition("/")[2]
        fd = os.open(name, NEW_FILE, 0o600, dir_fd=parent)
        try:
            reason = copy(artefact, fd)
            if not reason:
                os.fchmod(fd, artefact.mode & 0o777 | 0o400)
                if artefact.modified is not None:
                    os.utime(fd, ns=(artefact.modified, artefact.modified))
        finally:
            os.close(fd)
        if reason:
            os.unlink(name, dir_fd=parent)
        else:
            self.left -= artefact.size
            self.others.add(path)
        return reason

    def _parent(self, path: str) -> int:
        """A descriptor of the folder that is to hold `path`; those that the workspace has are made here as they are."""
        parent = path.rpartition("/")[0]
        if not parent:
            return self._top
        if self._open is None or self._open[0] != parent:
            self._forget()
            self._open = (parent, self._walk(parent))
        return self._open[1]

    def _walk(self, parent: str) -> int:
        fd, walked = os.dup(self._top), ""
        try:
            for name in parent.split("/"):
                walked = f"{walked}/{name}" if walked else name
                if walked not in self.folders and walked not in self.implied:
                    os.mkdir(name, 0o700, dir_fd=fd)
                    place = self._view.find(walked)
                    assert place is not None, "the parent was found"
                    self.implied[walked] = place.stat().st_mode & 0o777 | 0o700
                fd, above = os.open(name, OPEN_FOLDER, dir_fd=fd), fd
                os.close(above)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _forget(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None


def copy(artefact: Artefact, fd: int) -> str:
    """Write the content to `fd`. The reason if it cannot be read or is not what it was said to be."""
    chunks, left = iter(artefact.chunks()), artefact.size
    while True:
        try:
            chunk = next(chunks, b"")
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        if not chunk:
            return "" if not left else "its size is not the one it was said to have"
        left -= len(chunk)
        if left < 0:
            return "its size is not the one it was said to have"
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(fd, rest) :]


def decoded(path: str | bytes) -> tuple[str, str]:
    """The path as text, and why it cannot be one."""
    with suppress(UnicodeError):
        text = path.decode() if isinstance(path, bytes) else path
        text.encode()
        return text, ""
    return "", "its name is not UTF-8"


def bad_name(path: str) -> str:
    """Why no artefact may have this path; empty if one may."""
    names = path.split("/")
    if path.startswith("/"):
        return "its path is absolute"
    if ".." in names:
        return "its path has '..' in it"
    if not plain(path):
        return "it is Revet's own" if names[0] == HIDDEN else "its path is not a plain one"
    if controls(path):
        return "its name has a control character in it"
    if len(path.encode()) > MAX_PATH or any(len(name.encode()) > MAX_NAME for name in names):
        return "its name is too long"
    return ""


def controls(text: str) -> bool:
    """Whether it holds what moves the cursor or turns the direction of writing, and so passes for another name."""
    return any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") or letter in TURNING for letter in text)


def bad_target(target: str) -> str:
    """Why no link may have this target, wherever it leads; empty if one may."""
    if decoded(target)[1] or controls(target) or not target or len(target.encode()) > MAX_TARGET:
        return "it is a link with an unusable target"
    return ""


def plain(path: str) -> bool:
    """Whether it is relative and in its shortest form, below the workspace and not Revet's own."""
    return all(name not in ("", ".", "..") for name in path.split("/")) and path.split("/")[0] != HIDDEN


def leads_out(view: View, path: str, target: str) -> str:
    """Why a link from `path` to `target` cannot be kept; empty if it stays inside.

    Going up is allowed at the start only, where the folders are real ones: further on, a link might change where
    it leads. What it leads through may not be a link that leaves or ends nowhere.
    """
    outside = "it is a link that leaves the workspace"
    done = path.split("/")[:-1]
    if target.startswith("/"):
        top = f"{view.workspace}/"
        if target != str(view.workspace) and not target.startswith(top):
            return outside
        done, target = [], target.removeprefix(top) if target.startswith(top) else "."
    names = [name for name in target.split("/") if name not in ("", ".")]
    while names and names[0] == "..":
        if not done:
            return outside
        done.pop()
        names.pop(0)
    if ".." in names:
        return "it is a link that goes up after going down"
    for name in names:
        done.append(name)
        place = view.find("/".join(done))
        if place is not None and place.is_symlink() and view.resolve("/".join(done)) is None:
            return outside
    return "it is a link to Revet's own" if done[:1] == [HIDDEN] else ""


def shown(path: str | bytes) -> str:
    """A path that can be printed, whatever it is."""
    raw = path if isinstance(path, bytes) else path.encode("utf-8", "surrogatepass")
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)[:MAX_PATH]
