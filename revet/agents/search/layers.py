"""A draft of another branch, staged aside: what is screened there is the program of that node, not the last draft's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from revet.sandboxes.base import Layer
from revet.tools.base import View

__all__ = ["staged"]


@contextmanager
def staged(view: View, writes: Mapping[str, str]) -> Iterator[View]:
    """The view with a layer of its own that holds `writes` (text by path); without any, with the workspace as it is.

    The layer is only there inside the context.
    """
    if not writes or view.workspace is None:
        yield replace(view, layer=None)
        return
    with tempfile.TemporaryDirectory(prefix="revet-branch-") as folder:
        root = Path(folder)
        for path, text in writes.items():
            _put(view.workspace, root, path, text)
        root.chmod(view.workspace.stat().st_mode & 0o777)
        yield replace(view, layer=Layer(root=root))


def _put(workspace: Path, root: Path, path: str, text: str) -> None:
    """Write one file of the layer, with the permissions that it and its folders have in the workspace."""
    target = root / path
    for parent in reversed(Path(path).parents[:-1]):
        if not (root / parent).exists():
            (root / parent).mkdir()
            if (workspace / parent).is_dir():
                shutil.copymode(workspace / parent, root / parent)
    target.write_bytes(text.encode("utf-8"))
    if (workspace / path).is_file():
        shutil.copymode(workspace / path, target)
