"""The difference that a command made to the workspace, one line for each path, from what it left in the overlay."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from revet.sandboxes.gate import Artefact, decoded
from revet.sandboxes.gate import shown as printable
from revet.sandboxes.trial.standins import NOWHERE
from revet.sandboxes.trial.tried import Folder, Left
from revet.sandboxes.view import HIDDEN, View, is_folder

__all__ = ["MOST_PATHS", "Difference", "difference"]

MOST_PATHS = 50_000
"""A difference of more paths is cut, and said to be."""
LONGEST = 2_048
SAME = 4 << 20
"""Up to so many bytes, a file that was written is compared with the one that was there."""


@dataclass
class Difference:
    """See `Tried`. `unkept` says what of it could not be taken."""

    files: dict[str, Left] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    made: dict[str, Folder] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    unkept: list[str] = field(default_factory=list)

    def gone(self, view: View, path: str, place: Path) -> None:
        """What was at `path`, and all below it, is no longer there."""
        if not is_folder(place):
            self.deleted.add(path)
            return
        self.removed.add(path)
        for inner, where, _ in view.walk(path):
            if self.full:
                return
            (self.removed if is_folder(where) else self.deleted).add(inner)

    @property
    def full(self) -> bool:
        return len(self) > MOST_PATHS

    def __len__(self) -> int:
        return len(self.files) + len(self.deleted) + len(self.made) + len(self.removed)


def difference(found: Iterable[Artefact], deleted: list[str], view: View, *, contents: bool) -> Difference:
    """Take what was left. `deleted` is complete once `found` is read. Without `contents`, no bytes are kept."""
    result = Difference()
    for artefact in readable(found, result):
        path = os.fsdecode(artefact.path)
        before = view.find(path)
        if artefact.kind == "folder":
            take_folder(result, view, artefact, path, before)
        elif artefact.kind == "other":
            result.unkept.append(f"{shown(path)} is a pipe, a socket or a device, which no commit can make")
        elif artefact.kind == "link" and (artefact.target or "").startswith(NOWHERE):
            result.unkept.append(f"{shown(path)} would come from outside the workspace, which is not shown")
        else:
            take_file(result, view, artefact, path, before, contents=contents)
        if result.full:
            break
    for path in deleted:
        before = None if result.full else view.find(path)
        if before is not None and path.split("/")[0] != HIDDEN:
            result.gone(view, path, before)
    if result.full:
        result.unkept.append(f"it changes more than {MOST_PATHS} paths, and the rest was not looked at")
    odd = sorted(path for path in result.deleted | result.removed if decoded(path)[1])
    if odd:
        result.unkept.append(f"{len(odd)} names that are not UTF-8 would be gone ({shown(os.fsencode(odd[0]))} …)")
        result.deleted.difference_update(odd)
        result.removed.difference_update(odd)
    result.deleted.difference_update(result.files)
    result.removed.difference_update(result.made)
    return result


def readable(found: Iterable[Artefact], result: Difference) -> Iterator[Artefact]:
    """Those whose name can be written down."""
    for artefact in found:
        path, wrong = decoded(artefact.path)
        if len(artefact.path) > LONGEST:
            wrong = "its path is too long"
        if wrong:
            result.unkept.append(f"{shown(artefact.path)} was left out: {wrong}")
        elif path.split("/")[0] != HIDDEN:
            yield artefact


def take_folder(result: Difference, view: View, artefact: Artefact, path: str, before: Path | None) -> None:
    mode = artefact.mode & 0o777
    if before is not None and is_folder(before):
        result.unkept.append(f"the permissions of the folder {shown(path)} become {mode:o}, which no commit can make")
        return
    if before is not None:
        result.gone(view, path, before)
    result.made[path] = Folder(path, mode)
    if artefact.mode & 0o7000:
        result.unkept.append(
            f"the folder {shown(path)} gets special permissions ({artefact.mode:o}), which are not kept"
        )


def take_file(
    result: Difference, view: View, artefact: Artefact, path: str, before: Path | None, *, contents: bool
) -> None:
    link = artefact.kind == "link"
    target = os.fsencode(artefact.target or "")
    same = before is not None and not link and unchanged(artefact, before)
    try:
        data = target if link else b"".join(artefact.chunks()) if contents or same else None
    except OSError as error:
        result.unkept.append(f"{shown(path)} cannot be read: {error.strerror}")
        return
    if same and before is not None and before.read_bytes() == data:
        return  # written, with what it held
    if before is not None and is_folder(before):
        result.gone(view, path, before)
        before = None
    if artefact.mode & 0o7000 and not link:
        result.unkept.append(f"{shown(path)} gets special permissions ({artefact.mode:o}), which are not kept")
    result.files[path] = Left(
        path=path,
        kind="symlink" if link else "file",
        mode=0o777 if link else artefact.mode & 0o777,
        size=len(target) if link else artefact.size,
        data=data if contents or link else None,
        new=before is None,
    )


def unchanged(artefact: Artefact, before: Path) -> bool:
    """Whether only the content can tell whether it changed."""
    info = before.lstat()
    return info.st_size == artefact.size <= SAME and info.st_mode & 0o177777 == 0o100000 | artefact.mode


def shown(path: str | bytes) -> str:
    """A path for a sentence."""
    text = printable(path)
    return text if len(text) <= 200 else f"{text[:100]} … {text[-90:]}"
