"""Control groups: limits on the memory and the number of all processes of a run together, and their CPU time.

Groups are made below the one that this process is in (version 1), so that every limit on this process also holds for
what it runs, or below the nearest above it that hands its controllers down (version 2): there, limits on that one and
on those above it hold, and limits on the groups between it and this process do not. A session has a folder
``revet-…`` there and in it one group for each run. A lock on the folder, which the kernel drops with the process, says
that it is in use: what a killed process left is swept by the next.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from revet.sandboxes.base import Limits

__all__ = ["Group", "Groups", "Place", "find_place", "sweep_groups"]

PREFIX = "revet-"
# A folder this young may not be locked yet by the process that makes it.
GRACE = 60.0
MOST_PIDS = 1 << 22  # what the kernel can count
# The launcher, and bwrap's two processes.
OWN_PROCESSES = 3
OWN_MEMORY = 8 * 1024 * 1024
CPU, MEMORY, PIDS = "cpuacct", "memory", "pids"


@dataclass(frozen=True)
class Place:
    """Where groups can be made: the folder for each controller; one and the same for all in version 2."""

    version: int
    folders: dict[str, Path]

    @property
    def distinct(self) -> list[Path]:
        return list(dict.fromkeys(self.folders.values()))


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy. `root` is what of it lies at `point`; version 1 names its controllers."""

    root: str
    point: Path
    version: int
    options: frozenset[str]


def find_place(system: Path = Path("/")) -> Place | str:
    """Where groups can be made, or why nowhere. `system` is the root of the file system to look at."""
    try:
        mounted = list(mounts((system / "proc/self/mountinfo").read_text(), system))
        own = dict(memberships((system / "proc/self/cgroup").read_text()))
    except OSError as error:
        return f"the control groups of this process cannot be read: {error.strerror}"
    second = next((mount for mount in mounted if mount.version == 2), None)
    reason = "no memory and pids controllers are mounted"
    if second is not None and "" in own:
        found = second_place(second, own[""])
        if isinstance(found, Place):
            return found
        reason = found
    first = first_place(mounted, own)
    return reason if first is None else first


def mounts(text: str, system: Path) -> list[Mount]:
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if len(words) > 4 and kind and kind[0] in ("cgroup", "cgroup2"):
            root, point = (re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), word) for word in words[3:5])
            version = 2 if kind[0] == "cgroup2" else 1
            found.append(Mount(root, system / point.lstrip("/"), version, frozenset(kind[-1].split(","))))
    return found


def memberships(text: str) -> list[tuple[str, str]]:
    """For each controller of version 1, and "" for version 2, the group that this process is in."""
    found = []
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        found += [(name, path) for name in names.split(",")]
    return found


def visible(mount: Mount, group: str) -> Path | None:
    """The folder of a group, if it lies in what is mounted."""
    root = mount.root.rstrip("/")
    if group != mount.root and not group.startswith(f"{root}/"):
        return None
    return mount.point / group.removeprefix(root).lstrip("/")


def first_place(mounted: list[Mount], own: dict[str, str]) -> Place | None:
    folders = {}
    for name in (MEMORY, PIDS, CPU):
        for mount in mounted:
            folder = visible(mount, own[name]) if name in mount.options and name in own else None
            if folder is not None and mount.version == 1 and os.access(folder, os.W_OK | os.X_OK):
                folders[name] = folder
                break
    return Place(1, folders) if MEMORY in folders and PIDS in folders else None


def second_place(mount: Mount, group: str) -> Place | str:
    """A group with processes cannot hand down controllers, hence the ones above are tried, too."""
    own = visible(mount, group)
    if own is None:
        return "the control group of this process is not mounted"
    for folder in (own, *own.parents):
        try:
            handed = (folder / "cgroup.subtree_control").read_text().split()
        except OSError:
            break
        joinable = os.access(folder, os.W_OK | os.X_OK) and os.access(folder / "cgroup.procs", os.W_OK)
        if {MEMORY, PIDS} <= set(handed) and joinable:
            return Place(2, dict.fromkeys((MEMORY, PIDS, CPU), folder))
        if folder == mount.point:
            break
    return "no control group above this process hands the memory and pids controllers down to this user"


class Groups:
    """A session's folder of groups. OSError if it cannot be made."""

    def __init__(self, place: Place) -> None:
        sweep_groups(place)
        self._place = place
        self._serial = count()
        self._held: list[int] = []
        self._busy: list[Group] = []
        self._name = f"{PREFIX}{os.getpid()}-{os.urandom(4).hex()}"
        mine = [folder / self._name for folder in place.distinct]
        self.close = weakref.finalize(self, release, mine, self._held, self._busy, os.getpid())
        """Removes the folder; safe to call twice, and called when the object is collected or Python ends.

        In a forked child it does nothing: the groups are the parent's.
        """
        try:
            for folder in mine:
                folder.mkdir()
                self._held.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
                fcntl.flock(self._held[-1], fcntl.LOCK_EX)
                if place.version == 2:
                    (folder / "cgroup.subtree_control").write_text(f"+{MEMORY} +{PIDS}")
        except OSError:
            self.close()
            raise

    def make(self, limits: Limits) -> Group:
        """A group for one run. OSError if it cannot be made."""
        serial = str(next(self._serial))
        folders = {name: folder / self._name / serial for name, folder in self._place.folders.items()}
        group = Group(self._place.version, folders)
        try:
            group.make(limits)
        except OSError:
            self.drop(group)
            raise
        return group

    def drop(self, group: Group) -> None:
        """Remove a group whose processes are dead; where the kernel is not done with them yet, at the end."""
        if not group.remove():
            self._busy.append(group)


def release(folders: list[Path], held: list[int], busy: list[Group], owner: int) -> None:
    if os.getpid() != owner:
        return
    for group in busy:
        group.remove()
    for folder in folders:
        with suppress(OSError):  # not made, or busy still: swept by the next process
            folder.rmdir()
    while held:
        os.close(held.pop())


class Group:
    """One run's group."""

    def __init__(self, version: int, folders: dict[str, Path]) -> None:
        self._version, self._folders = version, folders

    @property
    def joins(self) -> list[str]:
        """The files that a process writes "0" to for joining."""
        return [f"{folder}/cgroup.procs" for folder in dict.fromkeys(self._folders.values())]

    def join(self, process: int) -> None:
        """Put a process into it, if it is there. It may block for as long as the kernel takes for an RCU period."""
        for file in self.joins:
            with suppress(ProcessLookupError):
                Path(file).write_text(str(process))

    def make(self, limits: Limits) -> None:
        for folder in dict.fromkeys(self._folders.values()):
            folder.mkdir()
        self.limit(limits.memory + OWN_MEMORY, limits.processes + OWN_PROCESSES)

    def limit(self, most_memory: int, processes: int) -> None:
        """Set the limits, in bytes and in number. OSError if more memory is in use."""
        memory, most = self._folders[MEMORY], str(most_memory)
        if self._version == 2:
            (memory / "memory.max").write_text(most)
            no_swap, words = memory / "memory.swap.max", "0"
        else:
            no_swap, words = memory / "memory.memsw.limit_in_bytes", most
            if no_swap.exists():  # it may not be below the other at any time
                no_swap.write_text("-1")
            (memory / "memory.limit_in_bytes").write_text(most)
        if no_swap.exists():  # kernels that do not account for swap have none of it
            no_swap.write_text(words)
        (self._folders[PIDS] / "pids.max").write_text(str(min(processes, MOST_PIDS)))

    def memory_used(self) -> int:
        """Bytes in use now. OSError if that cannot be read."""
        name = "memory.current" if self._version == 2 else "memory.usage_in_bytes"
        return int((self._folders[MEMORY] / name).read_text())

    def cpu_seconds(self) -> float:
        """What all processes together have used; 0 where that is not counted."""
        if CPU not in self._folders:
            return 0.0
        if self._version == 2:
            return numbers(self._folders[CPU] / "cpu.stat").get("usage_usec", 0) / 1e6
        with suppress(OSError, ValueError):
            return int((self._folders[CPU] / "cpuacct.usage").read_text()) / 1e9
        return 0.0

    def oom_kills(self) -> int:
        """How many processes were killed because the group was out of memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        return numbers(self._folders[MEMORY] / name).get("oom_kill", 0)

    def remove(self) -> bool:
        """Whether nothing of it is left."""
        gone = True
        for folder in dict.fromkeys(self._folders.values()):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone


def numbers(file: Path) -> dict[str, int]:
    """A file of names and numbers; empty where it cannot be read."""
    with suppress(OSError, ValueError):
        return {name: int(value) for name, value in (line.split() for line in file.read_text().splitlines())}
    return {}


def sweep_groups(place: Place, *, grace: float = GRACE) -> None:
    """Remove the groups of processes that are gone, and kill what still runs in them.

    Each login, service or job may have a group of its own, so that what another one left lies beside ours.
    """
    for folder in place.distinct:
        for left in (*folder.glob(f"{PREFIX}*"), *folder.parent.glob(f"*/{PREFIX}*")):
            with suppress(OSError):  # in use, or gone meanwhile
                if time.time() - left.stat().st_mtime < grace:
                    continue
                held = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    for inner in left.iterdir():
                        if inner.is_dir():
                            clear(inner)
                            inner.rmdir()
                    left.rmdir()
                finally:
                    os.close(held)


def clear(group: Path) -> None:
    """Kill all processes in a group, and wait a moment for the kernel to be done with them."""
    for _ in range(20):
        found = processes(group)
        if not found:
            return
        for process in found:
            with suppress(OSError):  # it has ended
                held = os.pidfd_open(process)
                try:
                    if process in processes(group):  # still that one, and no other that got its number
                        signal.pidfd_send_signal(held, signal.SIGKILL)
                finally:
                    os.close(held)
        time.sleep(0.01)


def processes(group: Path) -> set[int]:
    """Those in the group that can be seen from here: others, of another container, are listed as 0."""
    with suppress(OSError):
        return {int(line) for line in (group / "cgroup.procs").read_text().split()} - {0, os.getpid()}
    return set()
