"""The host's side of the guest: what is copied into the sandbox, how it is started, how its report comes
back.
"""

from __future__ import annotations

import functools
import json
import math
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import JsonValue

from revet.errors import SandboxUnavailable, WorkspaceError
from revet.protected import is_test_or_build
from revet.sandboxes.base import ExecResult, Limits, Session
from revet.schema import Check
from revet.tools.base import View
from revet.tools.commands import Command, interpreter_for
from revet.tools.facts import Report, read_report

__all__ = [
    "GuestRun",
    "editable_files",
    "limits_for",
    "run_command",
    "run_guest",
    "session_of",
    "workspace_of",
]

FOLDER = "/revet/guest"
PACKAGE = "_revet_guest"
PRUNED = frozenset(
    {".git", ".hg", ".venv", "venv", ".tox", ".nox", "node_modules", "site-packages", "__pycache__", ".revet"}
)
# Plugins of pytest that come with Revet's own dependencies, slow to import and no part of the user's project.
FOREIGN_PLUGINS = ("langsmith_plugin",)
LONGEST = 24 * 3600.0
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PY_COLORS": "0", "COLUMNS": "100"}


@dataclass(frozen=True)
class GuestRun:
    """How one start of the guest ended, and what it reported."""

    result: ExecResult
    report: Report


@functools.cache
def guest_files() -> dict[str, bytes]:
    """The guest's files by their absolute paths in the sandbox."""
    files = {}
    for item in resources.files("revet.tools").joinpath("_guest").iterdir():
        if item.name.endswith(".py"):
            folder = FOLDER if item.name == "launch.py" else f"{FOLDER}/{PACKAGE}"
            files[f"{folder}/{item.name}"] = item.read_bytes()
    return files


def session_of(view: View) -> Session:
    if view.session is None:
        raise SandboxUnavailable("the checks need a sandbox, and this view has no session", hint="open a sandbox first")
    return view.session


def workspace_of(view: View) -> Path:
    if view.workspace is None:
        raise WorkspaceError("the checks need a workspace, and this task has none", hint="set 'workspace:' in the task")
    return view.workspace


def editable_files(view: View) -> tuple[str, ...]:
    """The Python files a draft may change, tests and build files left out, as staged, sorted."""
    roots = [root for root in (view.workspace, view.layer.root if view.layer else None) if root is not None]
    gone = set(view.layer.deleted) if view.layer else set()
    found: set[str] = set()
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f not in PRUNED]
            inside = os.path.relpath(folder, root)
            for name in names:
                if name.endswith(".py"):
                    found.add(name if inside == "." else f"{inside}/{name}")
        if root == view.workspace:
            found -= gone
    return tuple(sorted(path for path in found if not is_test_or_build(path) and view.allows(path)))


def limits_for(view: View, seconds: float, limits: Limits | None) -> Limits:
    """`limits` with the wall time of this check, or of what the run has left where that is less; a day at most."""
    wall = max(0.1, min(seconds, view.remaining, LONGEST))
    base = limits or Limits()
    return base.model_copy(update={"wall_seconds": wall, "cpu_seconds": max(1, math.ceil(wall) + 1)})


def environment(command: Command) -> dict[str, str]:
    """The variables of a check. PYTHONPATH goes another way, so that nothing below it runs before the
    guest.
    """
    return {**ENVIRONMENT, **{name: value for name, value in command.env.items() if name != "PYTHONPATH"}}


def interpreter_of(view: View, command: Command) -> Path:
    """The interpreter that `command` names, by its path from the folder it runs in; else the task's."""
    named = command.python
    chosen = str(PurePosixPath(command.cwd) / named) if named is not None else view.task.python
    return interpreter_for(view.workspace, chosen)


async def run_guest(
    view: View,
    check: Check,
    command: Command,
    *,
    mode: str,
    settings: Mapping[str, JsonValue],
    limits: Limits,
    read_only: tuple[str, ...] = (),
    on_bytes: Callable[[bytes, bytes], None] | None = None,
) -> GuestRun:
    """Start the guest on the staged state and wait for its end.

    `settings` are merged into its configuration. `on_bytes(chunk, key)` sees the report as it arrives,
    unchecked.
    """
    key = secrets.token_bytes(32)
    path = command.env.get("PYTHONPATH", "")
    python = interpreter_of(view, command)
    config: dict[str, Any] = {
        "key": key.hex(),
        "mode": mode,
        "kind": command.kind,
        "args": list(command.args),
        "patterns": list(command.patterns),
        "root": os.path.relpath(".", command.cwd),
        "block": list(FOREIGN_PLUGINS) if str(python) == sys.executable else [],
        "script": command.script,
        "pythonpath": [entry for entry in path.split(os.pathsep) if entry],
        "editable": list(editable_files(view)),
        **settings,
    }
    result = await session_of(view).exec(
        [str(python), *command.options, f"{FOLDER}/launch.py"],
        layer=view.layer,
        cwd=command.cwd,
        limits=limits,
        env=environment(command),
        stdin=json.dumps(config).encode("utf-8"),
        read_only=read_only,
        files=guest_files(),
        report=True,
        on_report=None if on_bytes is None else lambda chunk: on_bytes(chunk, key),
    )
    return GuestRun(result=result, report=read_report(result.report, key))


async def run_command(view: View, command: Command, limits: Limits, read_only: Sequence[str]) -> ExecResult:
    """Run `command` through the shell on the staged state, with the interpreter's folder first in PATH."""
    folder = interpreter_for(workspace_of(view), view.task.python).parent
    return await session_of(view).exec(
        ["/bin/sh", "-c", command.text],
        layer=view.layer,
        limits=limits,
        env={**ENVIRONMENT, "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin"},
        read_only=read_only,
    )
