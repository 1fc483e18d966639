"""Has the workspace moved? A fingerprint of every file in it, by name, kind, size, inode and time of change.

What a draft was examined against is more than the files that it changes: the tests, the modules that they import, the
data that they read. Nothing is read for this, so it costs a walk over the folders: tens of milliseconds for twenty
thousand files.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["fingerprint"]

# What tools write beside the sources, and what no test of the workspace's own code depends on.
PASSED_OVER = frozenset(
    {
        ".git",
        ".hg",
        ".hypothesis",
        ".idea",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".revet",
        ".ruff_cache",
        ".tox",
        ".venv",
        ".vscode",
        "__pycache__",
        "node_modules",
        "venv",
    }
)


def fingerprint(workspace: Path) -> str:
    """The same for the same files, another if one was written, created, deleted, renamed or given other permissions.

    Folders of caches, version control and environments are passed over. A folder that cannot be read counts as empty.
    """
    lines: list[str] = []
    pending = [(str(workspace), "")]
    while pending:
        folder, inside = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            path = f"{inside}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in PASSED_OVER:
                    pending.append((entry.path, f"{path}/"))
                continue
            try:
                info = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            lines.append(
                f"{path}\0{info.st_mode}\0{info.st_size}\0{info.st_ino}\0{info.st_mtime_ns}\0{info.st_ctime_ns}"
            )
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
