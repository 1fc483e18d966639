"""Is a workspace as it was when an earlier run looked at it? A digest of what its files hold."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["contents"]

MOST_FILES, MOST_BYTES = 5_000, 64_000_000
PASSED_OVER = ("__pycache__", "node_modules", "venv")
"""Caches and environments; folders whose names begin with a dot are passed over, too."""


def contents(workspace: Path | None) -> str | None:
    """The same for the same files with the same bytes, whenever they were written; "none" without a workspace.

    None where that cannot be told: there is too much of it, or it cannot be read.
    """
    if workspace is None:
        return "none"
    digest, files, size = hashlib.sha256(), 0, 0
    for folder, folders, names in os.walk(workspace):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
        for name in sorted(names):
            path = Path(folder, name)
            try:
                data = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            except OSError:
                return None
            files, size = files + 1, size + len(data)
            if files > MOST_FILES or size > MOST_BYTES:
                return None
            shown = os.fsencode(path.relative_to(workspace))
            digest.update(b"%d %s %d\n" % (len(shown), shown, len(data)) + hashlib.sha256(data).digest())
    return digest.hexdigest()[:16]
