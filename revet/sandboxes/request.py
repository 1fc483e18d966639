"""One `exec`, its arguments checked before anything is done. The same for all sandboxes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.errors import InputError, WorkspaceError
from revet.sandboxes.base import Layer, Limits
from revet.sandboxes.view import View, inside, is_folder

__all__ = ["FILES", "Request", "checked"]

FILES = "/revet"
"""Below it lie the files that a caller gives to a run."""


@dataclass(frozen=True)
class Request:
    """What `Session.exec` was asked, with paths in their shortest form."""

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


def checked(
    workspace: Path,
    own: Layer | None,
    *,
    argv: Sequence[str],
    layer: Layer | None,
    limits: Limits,
    env: Mapping[str, str] | None,
    stdin: bytes,
    cwd: str,
    read_only: Sequence[str],
    files: Mapping[str, bytes] | None,
    on_report: Callable[[bytes], None] | None,
    report: bool,
    keep: bool,
) -> Request:
    """The request, on `workspace` with `own` (what the session has kept) over it. InputError says what is wrong."""
    if layer is not None and own is not None:
        raise InputError(
            "a layer cannot be combined with changes of the session's own",
            hint="use a session of its own for the layer, or discard the changes",
        )
    over = layer or own
    if over is not None:
        over = over.model_copy(update={"root": Path(os.path.realpath(over.root))})
    request = Request(
        argv=tuple(argv),
        view=View(workspace, over),
        limits=limits,
        env=dict(env or {}),
        stdin=stdin,
        cwd=inside(cwd, "cwd"),
        read_only=tuple(inside(path, "read_only path") for path in read_only),
        files=dict(files or {}),
        on_report=on_report,
        report=report or on_report is not None,
        keep=keep,
    )
    check_words(request)
    check_files(request.files)
    check_folders(request)
    return request


def check_words(request: Request) -> None:
    words = [*request.argv, *request.env, *request.env.values()]
    if not request.argv or not request.argv[0]:
        raise InputError("an empty command cannot be run", hint="give the program as the first word of argv")
    if any("\0" in word for word in words) or any("=" in name or not name for name in request.env):
        raise InputError("a command or an environment variable holds a NUL byte, or a variable's name is not one")


def check_files(files: Mapping[str, bytes]) -> None:
    for path in files:
        place = Path(path)
        plain = os.path.normpath(path) == path and "\0" not in path
        if not plain or not place.is_relative_to(FILES) or place == Path(FILES):
            raise InputError(f"{path!r} is not a path below {FILES}", hint=f"name extra files {FILES}/NAME")
        above = {str(parent) for parent in place.parents} & files.keys()
        if above:
            raise InputError(f"{path!r} is below {above.pop()!r}, which is a file", hint="name one of them otherwise")


def check_folders(request: Request) -> None:
    view = request.view
    if view.layer is not None and not is_folder(view.layer.root):
        raise InputError(f"the layer's root is not a folder: {view.layer.root}")
    if not is_folder(view.workspace):
        raise WorkspaceError(f"the workspace is gone: {view.workspace}", hint="open a session on another")
    real = view.resolve(request.cwd)
    place = None if real is None else view.find(real)
    if place is None or not is_folder(place):
        raise InputError(f"no such folder in the workspace: {request.cwd}", hint="give a cwd that exists")
