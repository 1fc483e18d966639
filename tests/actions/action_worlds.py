"""Workspaces and drafts for the tests of staging and committing, and what to compare them by."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from revet.actions import Protection, Stage, journal
from revet.actions.registry import Staging
from revet.schema import Action, Changes, DeleteFile, Draft, EditFile, Replacement, WriteFile

Entry = tuple[str, int, bytes]


def look(root: Path) -> dict[str, Entry]:
    """Every entry below `root` except .revet: its kind, its mode, and its bytes."""
    found: dict[str, Entry] = {}
    for top, folders, files in os.walk(root):
        if Path(top) == root and ".revet" in folders:
            folders.remove(".revet")
        for name in (*folders, *files):
            path = Path(top) / name
            info = path.lstat()
            mode = stat.S_IMODE(info.st_mode)
            key = path.relative_to(root).as_posix()
            if stat.S_ISLNK(info.st_mode):
                found[key] = ("link", 0, os.fsencode(path.readlink()))
            elif stat.S_ISDIR(info.st_mode):
                found[key] = ("folder", mode, b"")
            else:
                found[key] = ("file", mode, path.read_bytes())
    return found


def build(root: Path) -> Path:
    """A small workspace with every sort of entry that a commit can meet."""
    (root / "pkg" / "deep").mkdir(parents=True)
    (root / "empty").mkdir(mode=0o750)
    (root / "pkg" / "one.py").write_bytes(b"x = 1\ny = 2\n")
    (root / "pkg" / "deep" / "run.sh").write_bytes(b"#!/bin/sh\necho old\n")
    (root / "pkg" / "deep" / "run.sh").chmod(0o750)
    (root / "data.bin").write_bytes(bytes(range(256)) * 40)
    (root / "with space.txt").write_bytes(b"no newline at the end")
    (root / "leave.txt").write_bytes(b"untouched\r\n")
    (root / "nest" / "inner").mkdir(parents=True)
    (root / "nest").chmod(0o711)
    (root / "nest" / "inner" / "leaf.txt").write_bytes(b"in a folder that becomes a file\n")
    (root / "turns").write_bytes(b"a file that becomes a folder\n")
    (root / "link").symlink_to("pkg/one.py")
    (root / "doomed.txt").write_bytes(b"to be deleted\n")
    (root / "doomed.txt").chmod(0o600)
    return root


def scratch() -> Path | None:
    """A folder in memory for tests that make thousands of files, where the system has one (else None)."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK | os.X_OK) else None


@contextlib.contextmanager
def in_memory() -> Iterator[None]:
    """Without waiting for the disk: what a killed process has written is not lost, as in a power cut."""
    with mock.patch("os.fsync"):
        yield


class Desk(Stage):
    """A stage for tests that are not asynchronous: `put` is `stage`."""

    def __init__(self, workspace: Path, folder: Path, protection: Protection | None = None) -> None:
        super().__init__(workspace, folder, protection or Protection())

    def put(self, draft: Draft) -> Changes:
        return asyncio.run(self.stage(draft))


class Plain:
    """A handler that does nothing, for handlers of tests to begin with."""

    files_only = False

    async def stage(self, action: Any, staging: Staging) -> None:
        return

    def reversible(self, action: Any) -> bool:
        return True

    def prepare(self, action: Any, changes: Changes, key: str, folder: Path) -> None:
        return

    def commit(self, action: Any, changes: Changes, key: str, folder: Path) -> None:
        return

    def undo(self, action: Any, changes: Changes, key: str, folder: Path) -> None:
        return

    def settle(self, action: Any, changes: Changes, key: str, folder: Path) -> None:
        return


def draft_of(*actions: Action) -> Draft:
    return Draft(author="test", actions=actions)


BIG_DRAFT = draft_of(
    EditFile(path="pkg/one.py", replacements=(Replacement(search="x = 1", replace="x = 10"),)),
    WriteFile(path="pkg/deep/run.sh", content="#!/bin/sh\necho new\n", mode=0o700),
    WriteFile.of("data.bin", bytes(range(255, -1, -1)) * 50),
    WriteFile(path="fresh/é ü/notes.md", content="# created\n"),
    WriteFile(path="with space.txt", content="now it has one\n"),
    DeleteFile(path="doomed.txt"),
    DeleteFile(path="link"),
    DeleteFile(path="turns"),
    WriteFile(path="turns/inner.txt", content="inside\n"),
    DeleteFile(path="nest/inner/leaf.txt"),
    WriteFile(path="nest", content="a file now\n"),
)
"""On `build`: modifies, creates in new folders, deletes, removes a symlink, turns a file into a folder and one back."""


def fork(act: Callable[[], object]) -> int:
    """Run `act` in a forked child. Returns its pid when it is about to start."""
    started, start = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a test runner may have threads; the child uses none
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(started)
            os.write(start, b"!")
            act()
            status = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    os.close(start)
    os.read(started, 1)
    os.close(started)
    return pid


def killed_at(step: int | str, act: Callable[[], object]) -> bool:
    """Run `act` in a child that dies at that step, a number from 1 or a name. False if it ended before."""

    def dying() -> None:
        count = 0

        def watch(name: str) -> None:
            nonlocal count
            count += 1
            if step in (count, name):
                os.kill(os.getpid(), signal.SIGKILL)

        journal._step = watch
        with in_memory():
            act()

    return ended(fork(dying))


def ended(pid: int) -> bool:
    """Wait for the child. True if it was killed; it must not have failed."""
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the child raised"
    return False
