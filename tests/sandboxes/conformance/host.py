"""What sandboxes have on this machine while they run, so that one can say that nothing is left of them.

Everything is told apart from what other processes do here: by descent from this process, by the folder that this
process has its temporary files in, and by labels and locks that name it.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from revet.sandboxes.local.cgroup import Place, find_place
from revet.sandboxes.owners import OWNER, owner
from tests.sandboxes.conformance.backends import missing

__all__ = ["PATIENCE", "left_over", "named", "temporary_folder", "traces"]

PATIENCE = 15.0
"""Seconds that the remains of a sandbox may take to vanish on a busy machine."""
POOLED = {"e2b": 24}
"""Descriptors that may stay: the SDK keeps its connections for the next session, and here both ends are ours."""
_groups: set[Path] = set()

Traces = dict[str, frozenset[str]]


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of its own for the temporary files of this process, which an unprivileged user may pass."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="sandbox-tests-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before


def traces(temporary: Path, backend: str) -> Traces:
    """What is there now, by kind. Look once while a session is open, so that its control groups are known."""
    return {
        "process": frozenset(descendants()),
        "folder": frozenset(place.name for place in temporary.iterdir()),
        "mount": frozenset(
            line for line in Path("/proc/self/mounts").read_text().splitlines() if str(temporary) in line
        ),
        "cgroup": frozenset(cgroups()),
        "container": frozenset(containers()) if backend == "docker" else frozenset(),
    }


async def left_over(before: Traces, temporary: Path, backend: str, descriptors: int | None = None) -> list[str]:
    """What is there now and was not `before`, in words, after waiting for it to go. Empty if nothing is."""
    deadline = time.monotonic() + PATIENCE
    while True:
        now = traces(temporary, backend)
        found = [f"{kind} left: {what}" for kind, old in before.items() for what in sorted(now[kind] - old)]
        count = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        if descriptors is not None and count > descriptors + POOLED.get(backend, 0):
            found.append(f"descriptors left: {sorted(open_descriptors())}, there were {descriptors}")
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.05)


def open_descriptors() -> Iterator[str]:
    for fd in Path("/proc/self/fd").iterdir():
        try:
            yield f"{fd.name}:{fd.readlink()}"
        except OSError:
            continue


def descendants() -> Iterator[str]:
    """The processes that descend from this one, zombies included: number and command line."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    ours = {os.getpid()}
    for _ in parents:
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
        if not more:
            break
        ours |= more
    for pid in sorted(ours - {os.getpid()}):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        yield f"{pid} {words[:120]}"


def cgroups() -> Iterator[str]:
    """Control groups of Revet's that this process has, or had when somebody looked before."""
    place = find_place()
    for folder in place.distinct if isinstance(place, Place) else ():
        for group in folder.glob("revet-*"):
            try:
                info = group.stat()
            except OSError:
                continue
            if (os.major(info.st_dev), os.minor(info.st_dev), info.st_ino) in locked():
                _groups.add(group)
    yield from (str(group) for group in _groups if group.exists())


def locked() -> Iterator[tuple[int, int, int]]:
    """The files that this process holds a lock on: device and inode."""
    for line in Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[4] == str(os.getpid()):
            major, minor, inode = words[5].split(":")
            yield int(major, 16), int(minor, 16), int(inode)


def containers() -> Iterator[str]:
    """This process's containers and volumes, running or not."""
    if missing("docker") is not None:
        return
    client = importlib.import_module("docker").from_env()
    ours = {"label": f"{OWNER}={owner()}"}
    try:
        for container in client.api.containers(all=True, filters=ours):
            yield f"container {container['Id'][:12]} {container['Status']}"
        for volume in client.api.volumes(filters=ours)["Volumes"] or ():
            yield f"volume {volume['Name']}"
    finally:
        client.close()


def named(mark: str) -> list[str]:
    """The processes of the whole machine that call themselves `mark` (see `prctl(PR_SET_NAME)`), or run it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "comm").read_text() or mark.encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found
