"""What the static checks look at: the files that a draft changes, before and after, and the program of its answer."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from revet.schema import FileState
from revet.tools.base import View
from revet.tools.python import program_of

__all__ = ["ANSWER", "LARGEST", "Source", "Sources", "is_python", "sources_of"]

ANSWER = "answer.py"
"""Under this name the program of an answer is looked at. No file of a workspace has it: see `sources_of`."""

LARGEST, MOST_FILES, MOST_BYTES = 1 << 20, 500, 32 << 20
SUFFIXES = (".py", ".pyi", ".json", ".yaml", ".yml", ".toml")


class Source(NamedTuple):
    """One file. `before` is None for a new one, `after` for one that is deleted; `answer` for an answer's program."""

    path: str
    before: bytes | None
    after: bytes | None
    answer: bool = False


class Sources(NamedTuple):
    """What is looked at, and in words what is left out and why."""

    files: tuple[Source, ...]
    left_out: tuple[str, ...] = ()


def is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi"))


def sources_of(view: View) -> Sources:
    """The changed files whose kind is known, and the answer's program. Files too large to look at are left out."""
    found: list[Source] = []
    left_out: list[str] = []
    total = 0
    for path, before, after in _changed(view):
        if len(found) >= MOST_FILES or total > MOST_BYTES:
            left_out.append(f"{path} and what follows: a draft of so many files is looked at in part")
            break
        held = [data for data in (before, after) if data is not None]
        if any(len(data) > LARGEST for data in held):
            left_out.append(f"{path}: it is larger than {LARGEST // 1024} KiB")
            continue
        total += sum(map(len, held))
        found.append(Source(path, before, after))
    code = program_of(view.draft) if view.draft is not None else None
    if code is not None and not any(source.path == ANSWER for source in found):
        found.append(Source(ANSWER, None, code.encode("utf-8", "replace"), answer=True))
    return Sources(tuple(found), tuple(left_out))


def _changed(view: View) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    for change in view.changes.files if view.changes else ():
        if change.path.endswith(SUFFIXES):
            before = _read(view.workspace, change.path, change.before)
            after = _read(view.layer.root if view.layer else None, change.path, change.after)
            if before is not None or after is not None:
                yield change.path, before, after


def _read(root: Path | None, path: str, state: FileState | None) -> bytes | None:
    """The bytes of an ordinary file, one byte more than `LARGEST` at most; None for anything else."""
    if root is None or state is None or state.type != "file":
        return None
    place = root / path
    try:
        if not stat.S_ISREG(place.lstat().st_mode):
            return None
        with place.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError:  # gone or unreadable since it was staged: the commit will find that out
        return None
