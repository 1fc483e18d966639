"""Trying a command in whatever sandbox there is."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from revet.actions.layering import lay
from revet.actions.tree import Tree
from revet.sandboxes.base import ExecResult, Layer, Limits, Sandbox, Session
from revet.sandboxes.local import Local, LocalSession
from revet.sandboxes.local.process import in_thread
from revet.sandboxes.scratch import Scratch
from revet.sandboxes.trial import Folder, Left, Tried
from revet.sandboxes.trial.quick import ENVIRONMENT, Ground, NoOverlay, started_in
from revet.sandboxes.view import View, is_folder

__all__ = ["Trial", "try_command"]

SECONDS = 10.0
UNCOUNTED = "what it wanted outside the workspace and of the network could not be counted in this sandbox"


async def try_command(
    command: str,
    *,
    workspace: Path,
    cwd: str = ".",
    layer: Layer | None = None,
    sandbox: Sandbox | None = None,
    session: Session | None = None,
    limits: Limits | None = None,
) -> Tried:
    """Carry `command` out, by bash, on a view of `workspace` with `layer` over it, and say what it did there.

    In `session`, whose own changes it drops, else in a new one of `sandbox`, else in the local sandbox. Neither the
    workspace nor the layer is changed. `limits` default to 10 seconds. Only the local sandbox, where it has overlays,
    can tell what was wanted outside the workspace and of the network; a trial elsewhere is never `complete`.

    Raises HostError where the sandbox does not work; InputError for a command or a `cwd` that cannot be used.
    """
    limits = limits or Limits(wall_seconds=SECONDS)
    async with opened(workspace, sandbox, session) as used:
        if isinstance(used, LocalSession):
            try:
                return await on_ground(used.ground(), command, cwd, layer, limits)
            except NoOverlay:
                pass  # it has copies
        return await in_session(used, command, cwd, layer, limits)


class Trial:
    """What a draft's commands are tried in: the bench's session on the workspace."""

    def __init__(self, session: Session, *, limits: Limits | None = None) -> None:
        self._session, self._limits = session, limits

    async def run(self, command: str, cwd: str, tree: Tree) -> Tried:
        """Try `command` on the workspace with what is staged in `tree` over it; `tree` is not changed."""
        with Scratch() as folder:
            layer = lay(tree, folder) if tree.staged() or tree.folder_changes() else None
            return await try_command(
                command, workspace=tree.root, cwd=cwd, layer=layer, session=self._session, limits=self._limits
            )


@asynccontextmanager
async def opened(workspace: Path, sandbox: Sandbox | None, session: Session | None) -> AsyncIterator[Session]:
    """The session, or a new one that is closed again."""
    if session is not None:
        yield session
        return
    made = await (sandbox or Local()).open(workspace)
    try:
        yield made
    finally:
        await made.close()


async def on_ground(ground: Ground, command: str, cwd: str, layer: Layer | None, limits: Limits) -> Tried:
    """In a thread. If nobody waits for it any more it is stopped."""
    stops: list[Callable[[str], None]] = []
    running = asyncio.ensure_future(
        in_thread(lambda: ground.run(command, cwd=cwd, layer=layer, bounds=limits, begun=stops.append))
    )
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        for stop in stops:
            stop("closed")
        await asyncio.wait({running})
        raise


async def in_session(session: Session, command: str, cwd: str, layer: Layer | None, limits: Limits) -> Tried:
    """In any sandbox: what the session keeps of the run is the difference."""
    with tempfile.TemporaryDirectory() as nothing:
        Path(nothing).chmod(session.workspace.stat().st_mode & 0o777 | 0o700)
        over = layer or Layer(root=Path(nothing))
        before = View(session.workspace, over)
        started_in(before, command, cwd)
        started = time.time_ns()
        ended = await session.exec(
            ["/bin/sh", "-c", 'test -x /bin/bash && exec /bin/bash -c "$1"; exec /bin/sh -c "$1"', "sh", command],
            layer=over,
            keep=True,
            limits=limits,
            env=ENVIRONMENT,
            cwd=cwd,
        )
        try:
            tried = told(command, cwd, ended, before, View(session.workspace, await session.changes()))
            return replace(tried, started=started)
        finally:
            await session.discard()


def told(command: str, cwd: str, ended: ExecResult, before: View, after: View) -> Tried:
    """The difference between the two views, of the paths that the run touched."""
    files, made = [], []
    gone: list[str] = []
    removed: list[str] = []
    for path in ended.touched:
        place, was = after.find(path), before.find(path)
        if was is not None and (place is None or is_folder(was) != is_folder(place)):
            (removed if is_folder(was) else gone).append(path)
        if place is None:
            continue
        mode = place.lstat().st_mode & 0o777
        if is_folder(place):
            made += [Folder(path, mode)] if was is None or not is_folder(was) else []
            continue
        link = place.is_symlink()
        data = os.fsencode(place.readlink()) if link else place.read_bytes()
        new = was is None or is_folder(was)
        files.append(Left(path, "symlink" if link else "file", mode, len(data), data, new))
    return Tried(
        command=command,
        cwd=cwd,
        exit_code=ended.exit_code,
        verdict=ended.verdict.value,
        stdout=ended.stdout,
        stderr=ended.stderr,
        seconds=ended.seconds,
        files=tuple(files),
        deleted=tuple(gone),
        made=tuple(made),
        removed=tuple(removed),
        unseen=(UNCOUNTED,),
        unkept=tuple(f"{each.path}: {each.reason}" for each in ended.refused),
    )
