"""What the tests of trials share: workspaces, staging a command, and the same command really run."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from revet.actions import Protection, Stage
from revet.sandboxes.trial import Ground, Tried
from revet.schema import Changes, Draft
from revet.schema.draft import RunCommand
from tests.actions.action_worlds import look

__all__ = ["Quick", "build", "look", "real", "staged"]

T = TypeVar("T")


class Quick:
    """A trial without a session, as the bench's is with one."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    async def run(self, command: str, cwd: str, tree: object) -> Tried:
        from revet.actions.layering import lay
        from revet.actions.tree import Tree

        assert isinstance(tree, Tree)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            return self.ground.run(command, cwd=cwd, layer=lay(tree, Path(folder)))


def build(root: Path) -> Path:
    """A workspace with every sort of entry that a command can meet."""
    root.mkdir()
    root.chmod(0o755)
    (root / "a.txt").write_text("one\ntwo\nthree\n")
    (root / "b").write_text("b\n")
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "sub" / "c.txt").write_text("c\n")
    (root / "sub" / "deep" / "d.bin").write_bytes(bytes(range(256)))
    (root / "tool.sh").write_text("#!/bin/sh\necho tool\n")
    (root / "tool.sh").chmod(0o755)
    (root / "empty").mkdir()
    (root / "with space").write_text("space\n")
    (root / "link").symlink_to("a.txt")
    for place in (root, *root.rglob("*")):  # whatever the umask is
        if place.is_dir():
            place.chmod(0o755)
    return root


@contextmanager
def staged(workspace: Path, *commands: str, protection: Protection | None = None) -> Iterator[tuple[Stage, Changes]]:
    """The commands, staged one after the other."""
    with tempfile.TemporaryDirectory() as folder, Ground(workspace) as ground:
        stage = Stage(workspace, Path(folder), protection or Protection(), trial=Quick(ground))
        draft = Draft(author="test", actions=tuple(RunCommand(command=command) for command in commands))
        yield stage, asyncio.run(stage.stage(draft))


def real(workspace: Path, copy: Path, *commands: str) -> None:
    """A copy of the workspace in which the commands were really run."""
    shutil.copytree(workspace, copy, symlinks=True)
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    for command in commands:
        subprocess.run(["bash", "-c", command], cwd=copy, env=env, stdin=subprocess.DEVNULL, capture_output=True)
