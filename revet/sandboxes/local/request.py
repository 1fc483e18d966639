"""One `exec` of the local sandbox: its arguments, checked, and the copy that it gets where there are no overlays."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from revet.errors import InputError, SandboxBroken, WorkspaceError
from revet.sandboxes.base import Layer, Limits
from revet.sandboxes.local.profile import FILES
from revet.sandboxes.trees import Marks
from revet.sandboxes.view import View, is_folder

__all__ = ["Copy", "Request", "absolute", "reached", "validate"]


@dataclass(frozen=True)
class Request:
    """One `exec`, its arguments checked."""

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


@dataclass
class Copy:
    """The private copy of the workspace that a run gets in place of an overlay.

    `place` is where bwrap finds it. With `size` it is made in the capped scratch, which only the launcher has mounted
    and which is that much larger; the host reaches it through a descriptor.
    """

    place: Path
    size: int | None
    marks: Marks


def reached(upper: int | None) -> Path:
    """Where this process finds the copy that was made in the launcher's scratch."""
    if upper is None:
        raise SandboxBroken("the sandbox's launcher gave no scratch")
    return Path(f"/proc/self/fd/{upper}/tree")


def absolute(layer: Layer | None) -> Layer | None:
    return layer and layer.model_copy(update={"root": Path(os.path.realpath(layer.root))})


def validate(request: Request) -> None:
    words = [*request.argv, *request.env, *request.env.values()]
    if not request.argv or not request.argv[0]:
        raise InputError("an empty command cannot be run", hint="give the program as the first word of argv")
    if any("\0" in word for word in words) or any("=" in name or not name for name in request.env):
        raise InputError("a command or an environment variable holds a NUL byte, or a variable's name is not one")
    for path in request.files:
        plain = os.path.normpath(path)
        if "\0" in path or plain != path or not Path(path).is_relative_to(FILES) or Path(path) == FILES:
            raise InputError(f"{path!r} is not a path below {FILES}", hint=f"name extra files {FILES}/NAME")
        above = {str(parent) for parent in Path(path).parents} & request.files.keys()
        if above:
            raise InputError(f"{path!r} is below {above.pop()!r}, which is a file", hint="name one of them otherwise")
    if request.view.layer is not None and not is_folder(request.view.layer.root):
        raise InputError(f"the layer's root is not a folder: {request.view.layer.root}")
    if not is_folder(request.view.workspace):
        raise WorkspaceError(f"the workspace is gone: {request.view.workspace}", hint="open a session on another")
    cwd = request.view.resolve(request.cwd)
    place = None if cwd is None else request.view.find(cwd)
    if place is None or not is_folder(place):
        raise InputError(f"no such folder in the workspace: {request.cwd}", hint="give a cwd that exists")
