"""Random trees of files, folders and links for what travels."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hypothesis import strategies as st

__all__ = ["TREES", "build", "seen"]

_NAMES = st.sampled_from(
    ["a", "b.py", "c d", "ü", ".git", ".revet", "new\nline", "x" * 120, b"\xff.bin".decode(errors="surrogateescape")]
)
_MODES = st.sampled_from([0o644, 0o600, 0o755, 0o444])
_LEAVES = st.one_of(
    st.tuples(st.just("file"), st.binary(max_size=200), _MODES),
    st.tuples(st.just("link"), st.sampled_from(["a", "../b.py", "/etc/passwd", "nowhere"]), st.just(0)),
)
TREES = st.recursive(
    st.dictionaries(_NAMES, _LEAVES, max_size=4),
    lambda inner: st.dictionaries(_NAMES, st.one_of(_LEAVES, inner), max_size=4),
    max_leaves=12,
)
"""A folder: what it holds by name, a folder being a mapping again."""


def build(tree: dict[str, object], at: Path) -> None:
    at.mkdir()
    for name, what in tree.items():
        place = at / name
        if isinstance(what, dict):
            build(what, place)
            continue
        kind, content, mode = what  # type: ignore[misc]
        if kind == "link":
            place.symlink_to(content)
        else:
            place.write_bytes(content)
            place.chmod(mode)
            os.utime(place, (1_600_000_000, 1_600_000_000))


def seen(at: Path) -> dict[str, object]:
    """All that is there: kind, mode, content or target; and a file's time in whole seconds."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(at):
        for name in [*folders, *files]:
            place = Path(folder, name)
            info = place.lstat()
            if stat.S_ISLNK(info.st_mode):
                what: object = os.readlink(place)  # noqa: PTH115 - as it stands
            elif stat.S_ISDIR(info.st_mode):
                what = "folder"
            else:
                what = (place.read_bytes(), int(info.st_mtime))
            mode = 0 if stat.S_ISLNK(info.st_mode) else stat.S_IMODE(info.st_mode)
            found[str(place.relative_to(at))] = (what, mode)
    return found
