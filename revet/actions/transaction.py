"""Carrying out a plan on a workspace, forwards or backwards, so that it can be interrupted anywhere and gone
on with.

Each path is looked at immediately before it is changed: what is in its `after` state is done already, what is
in neither state belongs to someone else. Between that look and the rename is a window of some microseconds in
which another program's write to the same path would be replaced unseen; nothing short of that program taking
part in the locking can close it. What it took away or replaced is then still in the journal.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from revet.actions.disk import Odd, State, beside, copy, folder, link, observe, place, split, sync_folder, take
from revet.actions.journal import Folder, Phase, Plan, step
from revet.errors import JournalCorrupt, UndoConflict, WorldMoved
from revet.schema import FileChange, FileState, FolderChange

__all__ = [
    "carry_out",
    "conflict",
    "copy_before",
    "damaged",
    "fetch_before",
    "folders_to_remove",
    "foreign",
    "missing_folders",
    "roll_back",
    "settle",
    "sweep",
    "where",
]

Place = Literal["before", "after", "foreign"]

_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY)


def where(root: Path, plan: Plan, file: FileChange) -> Place:
    """Which of its two states the path is in. A folder of the plan counts as nothing: it makes way, or came
    after.
    """
    return _side(observe(root, file.path), plan, file)


def _side(state: State, plan: Plan, file: FileChange) -> Place:
    if state is Odd.folder:
        if file.after is None and any(made.path == file.path for made in plan.make):
            return "after"
        if file.before is None and any(gone.path == file.path for gone in plan.remove):
            return "before"
    for same in (_equal, _alike):
        if same(state, file.before):
            return "before"
        if same(state, file.after):
            return "after"
    return "foreign"


def _equal(state: State, wanted: FileState | None) -> bool:
    return state == wanted


def _alike(state: State, wanted: FileState | None) -> bool:
    """Equal but for set-user-id and such bits: the kernel drops those of a copy whose owner could not be
    kept.
    """
    if not isinstance(state, FileState) or wanted is None:
        return False
    return state.model_copy(update={"mode": state.mode & 0o777}) == wanted.model_copy(
        update={"mode": wanted.mode & 0o777}
    )


def damaged(root: Path, plan: Plan, blobs: Path) -> list[str]:
    """The paths that are still in their `before` state and whose new content is not in `blobs`, sorted."""
    return sorted(
        file.path
        for number, file in enumerate(plan.files)
        if file.after is not None
        and where(root, plan, file) == "before"
        and not _alike(observe(blobs, str(number)), file.after)
    )


def foreign(root: Path, plan: Plan, *, started: bool) -> list[str]:
    """The paths that someone else has changed, sorted: neither as before nor, once `started`, as after."""
    fine = ("before", "after") if started else ("before",)
    bad = {file.path for file in plan.files if where(root, plan, file) not in fine}
    removed = {gone.path for gone in plan.remove}
    for file in plan.files:
        # A folder that has to make way for a file must hold nothing but what the plan removes.
        if file.after is not None and file.path in removed and observe(root, file.path) is Odd.folder:
            bad.update(_strangers(root, plan, file.path))
    bad.update(_foreign_folders(root, plan, started=started))
    return sorted(bad)


def _foreign_folders(root: Path, plan: Plan, *, started: bool) -> Iterable[str]:
    """The folders of the plan that are not as it found them. Once begun, or for an undo, only a file in the place of
    a folder is in the way: a folder that is there already, or gone already, or not empty any more, is left so.
    """
    own = {file.path for file in plan.files}
    for each in plan.folders:
        state = observe(root, each.path)
        if each.path in own:
            continue  # a file that makes way for it, or comes in its place
        if started or plan.kind == "undo":
            if state not in (None, Odd.folder):
                yield each.path
        elif state is not (None if each.made else Odd.folder):
            yield each.path
        elif not each.made:
            yield from _strangers(root, plan, each.path)


def _strangers(root: Path, plan: Plan, path: str) -> Iterable[str]:
    ours = {file.path for file in plan.files} | {gone.path for gone in plan.remove}
    for top, folders, files in os.walk(root / path):
        for name in (*folders, *files):
            found = (Path(top) / name).relative_to(root).as_posix()
            if found not in ours:
                yield found


def missing_folders(
    root: Path, files: Iterable[FileChange], known: Iterable[Folder] = (), *, layer: Path | None = None
) -> tuple[Folder, ...]:
    """The `known` folders and the parents that must be made for them and for the files that come to be, outermost
    first, with the layer's modes.

    WorldMoved if something that is not a folder, and that the plan does not remove, is in the way.
    """
    files = tuple(files)
    removed = {file.path for file in files if file.after is None}
    made = {item.path: item for item in known}
    for inner in [*made, *(file.path for file in files if file.after is not None)]:
        parts = inner.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            path = "/".join(parts[:count])
            state = observe(root, path)
            if state is Odd.folder or path in made:
                continue
            if state is not None and path not in removed:
                raise WorldMoved(f"{path} is not a folder any more", paths=[path])
            mode = (layer / path).stat().st_mode & 0o777 if layer is not None else 0o755
            made[path] = Folder(path=path, mode=mode)
    return tuple(sorted(made.values(), key=lambda item: item.path.count("/")))


def folders_to_remove(root: Path, files: Iterable[FileChange], folders: Iterable[FolderChange]) -> tuple[Folder, ...]:
    """The folders, innermost first, that are removed, or must be for the files that come to be in their places."""
    found = [Folder(path=each.path, mode=each.mode) for each in folders if not each.made]
    for file in files:
        if file.after is not None and observe(root, file.path) is Odd.folder:
            for top, _, _ in os.walk(root / file.path, topdown=False):
                mode = stat.S_IMODE(Path(top).stat().st_mode)
                found.append(Folder(path=Path(top).relative_to(root).as_posix(), mode=mode))
    innermost_first = sorted({each.path: each for each in found}.values(), key=lambda each: -each.path.count("/"))
    return tuple(innermost_first)


def copy_before(root: Path, plan: Plan, phase: Phase) -> None:
    """Keep what every path holds now. WorldMoved if that is not what the plan starts from.

    A commit keeps copies, which no writer with the file open, or with another link to it, can change. An undo keeps
    links, so that a full disk does not stand in its way.
    """
    for number, file in enumerate(plan.files):
        if file.before is None:
            continue
        to = phase.old / str(number)
        if plan.kind == "undo" and link(root, file.path, to):
            kept = observe(phase.old, str(number))
        else:
            kept = copy(root, file.path, to)
        if kept != file.before:
            raise WorldMoved(f"{file.path} changed while it was being saved", paths=[file.path])
        step(f"saved {number}")


def carry_out(root: Path, plan: Plan, phase: Phase, *, blobs: Sequence[Path], strict: bool = True) -> list[str]:
    """Bring every path from its `before` to its `after` state, with the new contents from the first of `blobs` that
    holds them unchanged.

    Takes away, removes folders, makes folders, puts in place, in this order. A path that someone else has
    changed stops it (WorldMoved), or, not `strict`, is left alone and listed in what is returned. So does a content
    that is damaged in all of `blobs` (not `strict`: JournalCorrupt).
    """
    left: list[str] = []
    for number, file in enumerate(plan.files):
        if file.after is None and _due(root, plan, file, strict, left):
            take(root, file.path, phase.gone / str(number))
            step(f"took {number}")
    for gone in plan.remove:
        if _remove_folder(root, gone.path):
            step(f"removed folder {gone.path}")
    for made in plan.make:
        _make_folder(root, made, strict)
    for number, file in enumerate(plan.files):
        blob = _intact(blobs, number, file) if file.after is not None else None
        if file.after is not None and _due(root, plan, file, strict, left):
            if blob is None:
                raise _spoilt(phase, file, strict)
            if strict and file.before is not None:
                link(root, file.path, phase.gone / str(number))
                step(f"kept {number}")
            place(blob, root, file.path, mark=f"{plan.transaction}-{number}")
            step(f"placed {number}")
    return left


def _spoilt(phase: Phase, file: FileChange, strict: bool) -> WorldMoved | JournalCorrupt:
    said = f"the content for {file.path} in {phase.path} is not the one that the plan names"
    if strict:
        return WorldMoved(
            f"{said}: it was changed meanwhile", paths=[file.path], hint="keep other programs out of .revet"
        )
    return JournalCorrupt(said, hint=f"keep a copy of {phase.path}, restore the file by hand, then remove the folder")


def _intact(blobs: Iterable[Path], number: int, file: FileChange) -> Path | None:
    """Where the content that `file` is to have lies, with the digest that the plan names."""
    return next((at / str(number) for at in blobs if _alike(observe(at, str(number)), file.after)), None)


def fetch_before(done: Phase, number: int, file: FileChange, to: Path) -> None:
    """Bring what a commit replaced, the file itself rather than a copy, to where an undo takes it from."""
    kept = _intact((done.gone, done.old), number, file)
    if kept is None:
        raise JournalCorrupt(f"{done.old / str(number)} is not what {file.path} held before the commit")
    if not link(kept.parent, kept.name, to):
        copy(kept.parent, kept.name, to)


def settle(plan: Plan, phase: Phase) -> None:
    """After a commit: keep the replaced files themselves, with all that the system knows of them, not copies too."""
    for number, file in enumerate(plan.files):
        kept = phase.gone / str(number)
        if file.before is None or not os.path.lexists(kept) or kept.lstat().st_nlink > 1:
            continue
        if observe(phase.gone, kept.name) == file.before:
            _sync_file(kept)
            kept.replace(phase.old / kept.name)
            step(f"settled {number}")
    if phase.gone.is_dir() and not any(phase.gone.iterdir()):
        phase.gone.rmdir()


def _sync_file(path: Path) -> None:
    """Make content durable that another program may have written a moment ago."""
    if not path.is_symlink():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _due(root: Path, plan: Plan, file: FileChange, strict: bool, left: list[str]) -> bool:
    """True if the path is still to be changed."""
    state = where(root, plan, file)
    if state == "foreign":
        if strict:
            raise WorldMoved(f"{file.path} was changed by someone else", paths=[file.path])
        left.append(file.path)
    return state == "before"


def _remove_folder(root: Path, path: str) -> bool:
    parent, name = split(path)
    try:
        with folder(root, parent) as held:
            os.rmdir(name, dir_fd=held)
            os.fsync(held)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        return False
    return True


def _make_folder(root: Path, made: Folder, strict: bool) -> None:
    parent, name = split(made.path)
    try:
        with folder(root, parent) as held:
            owner = os.fstat(held)
            os.mkdir(name, mode=0o700, dir_fd=held)
            step(f"made folder {made.path}")
            with folder(root, made.path) as inner:
                if os.geteuid() == 0:
                    os.fchown(inner, owner.st_uid, owner.st_gid)
                # A set-group-id bit that the parent hands down stays.
                os.fchmod(inner, made.mode | os.fstat(inner).st_mode & 0o2000)
            os.fsync(held)
    except FileExistsError:
        _finish_folder(root, made)
    except (FileNotFoundError, NotADirectoryError):
        if strict:
            raise
    else:
        step(f"opened folder {made.path}")


def _finish_folder(root: Path, made: Folder) -> None:
    """Open a folder that a crash left closed. One that someone else made, or a file in its place, stays as it
    is.
    """
    with contextlib.suppress(NotADirectoryError), folder(root, made.path) as inner:
        if os.fstat(inner).st_mode & 0o777 == 0o700:
            os.fchmod(inner, made.mode | os.fstat(inner).st_mode & 0o2000)


def roll_back(root: Path, plan: Plan, phase: Phase) -> list[str]:
    """Take back what the plan has done so far. Returns the paths that someone else changed since; their
    version from before is kept under .revet/rescued.
    """
    left = carry_out(root, plan.reversed(), phase, blobs=(phase.gone, phase.old), strict=False)
    sweep(root, plan)
    rescued = root / ".revet" / "rescued" / plan.transaction
    for number, file in enumerate(plan.files):
        kept = phase.old / str(number)
        # What an undo keeps is a link: where it was edited in place, the path itself has all that there is.
        if file.path in left and _alike(observe(phase.old, str(number)), file.before):
            to = rescued / file.path
            to.parent.mkdir(parents=True, exist_ok=True)
            kept.replace(to)
            sync_folder(to.parent)
            step(f"rescued {number}")
    return left


def sweep(root: Path, plan: Plan) -> None:
    """Remove the temporary files that a crash left beside paths on another file system."""
    for number, file in enumerate(plan.files):
        parent, _ = split(file.path)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), folder(root, parent) as held:
            os.unlink(beside(f"{plan.transaction}-{number}"), dir_fd=held)


def conflict(paths: list[str]) -> UndoConflict:
    return UndoConflict(
        f"edited since the commit: {', '.join(paths)}; nothing was undone",
        paths=paths,
        hint="put these files back as the commit left them, or restore them by hand",
    )
