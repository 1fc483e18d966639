"""How the local sandbox is to be started here, remembered between processes.

Finding that out takes longer than a trial. What is remembered only says how to start: a sandbox that does not start
that way raises, and then is forgotten; nothing is ever run outside it. It is not trusted to name a program either:
the bwrap must be one that would be tried anyway.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from revet.errors import SandboxUnavailable
from revet.sandboxes.local.candidates import candidates, dropped
from revet.sandboxes.local.cgroup import Place, find_place
from revet.sandboxes.local.profile import Mode

__all__ = ["forget", "known_mode"]

FORM = 1
SWITCHES = (
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
    "user/max_user_namespaces",
)
LARGEST = 1 << 16

_seen: dict[str, Mode] = {}


def known_mode() -> tuple[Mode, bool]:
    """The mode to run in, and whether it was remembered. SandboxUnavailable, with the reason, if there is none."""
    key = machine()
    if key in _seen:
        return _seen[key], True
    place = remembered()
    found = None if place is None else read(place, key)
    mode = found or probed()
    if found is None and place is not None:
        write(place, key, mode)
    _seen[key] = mode
    return mode, found is not None


def forget() -> None:
    """It does not work: look again the next time."""
    _seen.clear()
    place = remembered()
    if place is not None:
        with suppress(OSError):
            place.unlink()


def probed() -> Mode:
    """Found by trying, which takes a while."""
    import asyncio  # only where nothing is remembered
    from concurrent.futures import ThreadPoolExecutor

    from revet.sandboxes.local.probe import examine

    with ThreadPoolExecutor(1) as pool:  # a loop may run in this thread
        found = pool.submit(lambda: asyncio.run(examine())).result()
    if found.mode is None:
        raise SandboxUnavailable(
            f"the local sandbox does not work here: {found.features.reason}", hint=found.features.hint
        )
    return found.mode


def machine() -> str:
    """All that what was found depends on, in one line."""
    binaries = []
    for path, _ in candidates(None):
        with suppress(OSError):
            info = path.stat()
            binaries.append(f"{path}:{info.st_size}:{info.st_mtime_ns}:{info.st_ino}")
    switches = []
    for name in SWITCHES:
        with suppress(OSError):
            switches.append(Path("/proc/sys", name).read_text().strip())
    who = f"{os.geteuid()}:{os.getegid()}"
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        who += ":" + next((line.split()[1] for line in lines if line.startswith("CapEff:")), "")
    kernel = os.uname()
    host = f"{kernel.release}:{kernel.machine}:{sys.executable}:{os.environ.get('TMPDIR', '')}"
    return "|".join([str(FORM), host, who, *binaries, *switches])


def remembered() -> Path | None:
    """The file of this user, None if there is no folder that is this user's alone."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    folder = Path(base, "revet")
    if not folder.is_absolute():
        return None
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.lstat()
        if stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid() and not info.st_mode & 0o022:
            return folder / "sandbox.json"
    return None


def read(place: Path, key: str) -> Mode | None:
    """What is remembered, if it is of this machine as it is now."""
    try:
        fd = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            info = os.fstat(fd)
            if info.st_uid != os.geteuid() or info.st_mode & 0o022 or not stat.S_ISREG(info.st_mode):
                return None
            found = json.loads(stream.read(LARGEST))
        if found["key"] != key:
            return None
        told = found["mode"]
        grouped = told.pop("groups")
        groups = find_place() if grouped else None  # where this process is now
        bwrap = Path(told.pop("bwrap"))
        if (bwrap, told["bundled"]) not in list(candidates(None)) or told["drop"] != dropped():
            return None
        return Mode(bwrap=bwrap, groups=groups if isinstance(groups, Place) else None, **told)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # not there, or not what was written: look again


def write(place: Path, key: str, mode: Mode) -> None:
    """Remember it, if that can be done."""
    told = {**asdict(mode), "bwrap": str(mode.bwrap), "groups": mode.groups is not None}
    beside = place.with_name(f"sandbox-{os.getpid()}.json")
    with suppress(OSError):
        beside.write_text(json.dumps({"key": key, "mode": told}))
        beside.chmod(0o600)
        beside.replace(place)
