"""What a trial of a command showed, told: in a sentence, and as the `changes` of an answer, all of it bounded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.effects.model import Analysis, Effect, EffectKind

if TYPE_CHECKING:
    from revet.sandboxes.trial import Left, Tried

__all__ = ["NOT_FOUND", "changes", "each_path", "filled", "hidden", "missing", "sentence"]

NOT_FOUND = 127
"""The exit status of a shell for a program that it does not find."""
OVER_SIZE = 128 + 25
"""That of a program that SIGXFSZ ended."""
FILE_SIZE = 256 << 20
"""Bytes; what a trial lets one file grow to."""
LISTED = 50
DIFF = 8_000
"""Characters of all differences together; files larger than `COMPARED` bytes are not compared."""
COMPARED = 200_000

_FULL = re.compile(rb"No space left on device|File too large|File size limit exceeded", re.IGNORECASE)
_LOOKS = frozenset({EffectKind.read, EffectKind.fetch})
_NOT_FOUND = re.compile(r"(?:^|: )([^\s:/]+): (?:command )?not found", re.MULTILINE)


def filled(tried: Tried) -> bool:
    """Whether it wrote until the room of the trial was used up: then it did not come to an end by itself."""
    stopped = tried.exit_code == OVER_SIZE or bool(_FULL.search(tried.stderr))
    return stopped or any(left.size >= FILE_SIZE for left in tried.files)


def missing(tried: Tried) -> list[str]:
    """The programs that the shell did not find, as it says itself."""
    return _NOT_FOUND.findall(tried.stderr.decode("utf-8", "replace"))


def hidden(tried: Tried, workspace: Path) -> Iterator[Effect]:
    """What it wanted outside the workspace that is there, but was not in the trial: the messages of programs say so.

    Whether it would have read or changed it cannot be told.
    """
    told = tried.stderr.decode("utf-8", "replace")
    wanted = dict.fromkeys(path for line in told.splitlines() if _GONE in line for path in _PATH.findall(line))
    for path in list(wanted)[:LISTED]:
        inside = path == str(workspace) or path.startswith(f"{workspace}/")
        if not inside and not path.startswith(_SHOWN) and os.path.lexists(path):
            claim = f"it wanted {path}, which the trial does not show: what it does to it cannot be told"
            yield Effect(EffectKind.unknown, claim, path, "elsewhere", basis="dry run", possible=True, command=0)


_GONE = "No such file or directory"
_PATH = re.compile(r"(?<![\w.~/-])/[^\s:'\"]+")
_SHOWN = ("/usr/", "/bin/", "/lib", "/proc/", "/sys/", "/dev/")
"""What is in the trial as it is outside; /bin and /lib are links into /usr."""


def sentence(tried: Tried, measured: Analysis) -> str:
    """What happened, for a person."""
    parts = [effect.claim for effect in measured.effects if effect.kind not in _LOOKS]
    if filled(tried):
        parts.append("it met the limit of the trial on disk and size of files, before its end")
    elif not tried.ended:
        parts.append(f"it was ended after {tried.seconds:.1f} s ({tried.verdict})")
    elif tried.exit_code == NOT_FOUND and missing(tried):
        parts.append(f"there is no program {missing(tried)[0]} here")
    elif tried.exit_code:
        parts.append(f"exit status {tried.exit_code}")
    if tried.network:
        parts.append(f"it tried to reach the network: {', '.join(tried.network[:3])}")
    return "; ".join(parts) or "it changes nothing"


def each_path(tried: Tried) -> Iterator[Effect]:
    """Each file by itself, for rules that are about paths."""
    for left in tried.files:
        kind, what = (EffectKind.create, "creates") if left.new else (EffectKind.write, "changes")
        yield Effect(kind, f"{what} {left.path}", left.path, "workspace", basis="dry run", command=0)
    for path in tried.deleted:
        yield Effect(EffectKind.delete, f"deletes {path}", path, "workspace", basis="dry run", command=0)


def changes(tried: Tried, workspace: Path) -> dict[str, Any]:
    """Files with counts and sizes (bytes), a difference, and what was tried beyond the workspace."""
    created = [(left.path, left.size) for left in tried.files if left.new]
    modified = [(left.path, left.size) for left in tried.files if not left.new]
    deleted = [(path, _size(workspace / path)) for path in tried.deleted]
    return {
        "created": _files(created),
        "modified": _files(modified),
        "deleted": _files(deleted),
        "folders": {
            "made": [folder.path for folder in tried.made[:LISTED]],
            "removed": list(tried.removed[:LISTED]),
        },
        "diff": _diff([left for left in tried.files if left.kind == "file"], workspace),
        "outside": [f"{seen.what} {seen.path}" for seen in tried.outside[:LISTED]],
        "refused": list(tried.refused[:LISTED]),
        "network": list(tried.network[:LISTED]),
        "exit_code": tried.exit_code,
        "verdict": tried.verdict,
        "seconds": round(tried.seconds, 4),
    }


def _files(found: Sequence[tuple[str, int]]) -> dict[str, Any]:
    shown = [{"path": path, "size": size} for path, size in found[:LISTED]]
    return {"count": len(found), "bytes": sum(size for _, size in found), "files": shown}


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0


def _diff(left: Sequence[Left], workspace: Path) -> str:
    """A unified diff of the text files, cut at `DIFF` characters."""
    said, room = [], DIFF
    for each in left[:LISTED]:
        if room <= 0 or each.path.split("/")[0] == ".git":
            continue
        lines = _compared(each, workspace)
        text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
        said.append(text if len(text) <= room else text[:room] + "\n… cut\n")
        room -= len(text)
    return "".join(said)


def _compared(left: Left, workspace: Path) -> list[str]:
    if left.data is None or left.size > COMPARED or b"\0" in left.data[:8000]:
        return []
    before = b""
    if not left.new:
        try:
            before = (workspace / left.path).read_bytes()[: COMPARED + 1]
        except OSError:
            return []
        if len(before) > COMPARED or b"\0" in before[:8000]:
            return []
    import difflib

    old, new = (data.decode("utf-8", "backslashreplace").splitlines(keepends=True) for data in (before, left.data))
    source = "/dev/null" if left.new else f"a/{left.path}"
    return list(difflib.unified_diff(old, new, source, f"b/{left.path}", n=2))
