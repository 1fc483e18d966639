"""One `exec`, its arguments checked before anything is sent anywhere. For sandboxes with a file system of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from revet.errors import InputError, WorkspaceError
from revet.sandboxes.base import Limits
from revet.sandboxes.guests import FILES
from revet.sandboxes.view import View, inside, is_folder

__all__ = ["Request", "checked"]


@dataclass(frozen=True)
class Request:
    argv: tuple[str, ...]
    view: View
    limits: Limits
    env: Mapping[str, str]
    stdin: bytes
    cwd: str
    read_only: tuple[str, ...]
    files: Mapping[str, bytes]
    on_report: Callable[[bytes], None] | None
    report: bool
    keep: bool


def checked(request: Request) -> Request:
    """The same with its paths in their shortest form. InputError says what is wrong with it."""
    words = [*request.argv, *request.env, *request.env.values()]
    if not request.argv or not request.argv[0]:
        raise InputError("an empty command cannot be run", hint="give the program as the first word of argv")
    if any("\0" in word for word in words) or any("=" in name or not name for name in request.env):
        raise InputError("a command or an environment variable holds a NUL byte, or a variable's name is not one")
    for path in request.files:
        place = Path(path)
        if os.path.normpath(path) != path or not place.is_relative_to(FILES) or place == Path(FILES):
            raise InputError(f"{path!r} is not a path below {FILES}", hint=f"name extra files {FILES}/NAME")
    view = request.view
    if view.layer is not None and not is_folder(view.layer.root):
        raise InputError(f"the layer's root is not a folder: {view.layer.root}")
    if not is_folder(view.workspace):
        raise WorkspaceError(f"the workspace is gone: {view.workspace}", hint="open a session on another")
    cwd = inside(request.cwd, "cwd")
    real = view.resolve(cwd)
    place_of_it = None if real is None else view.find(real)
    if place_of_it is None or not is_folder(place_of_it):
        raise InputError(f"no such folder in the workspace: {cwd}", hint="give a cwd that exists")
    return replace(request, cwd=cwd, read_only=tuple(inside(path, "read_only path") for path in request.read_only))
