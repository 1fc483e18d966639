"""What of the files that would be lost a version control system holds, in the same content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["held"]

SECONDS = 5.0
MOST_ARGUMENTS = 200
"""Of more paths than that, git is asked for all that it has."""
MOST_BYTES = 64 << 20
"""So much is read to compare."""
FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
SAFE = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"),
    *("-c", "core.pager=cat", "-c", "core.sshCommand=false", "-c", "protocol.allow=never"),
)
ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
    "PATH": ":".join(FOLDERS),
}


def held(paths: Iterable[str], workspace: Path) -> frozenset[str]:
    """Those of the paths whose files git has in its index, with the content that they have on disk.

    Listing the index runs nothing that a repository's configuration could name: no hook, no filter, no monitor.
    """
    wanted = sorted(path for path in paths if path.split("/")[0] != ".git")
    if not wanted or not in_repository(workspace):
        return frozenset()
    import hashlib  # only where something is to be compared

    found = set()
    left = MOST_BYTES
    for path, (mode, digest) in listed(wanted, workspace).items():
        place = workspace / path
        try:
            info = place.lstat()
            left -= info.st_size
            if left < 0:
                break
            if stat.S_ISLNK(info.st_mode):
                data = os.fsencode(place.readlink())
            elif stat.S_ISREG(info.st_mode) and mode != "160000":
                data = place.read_bytes()
            else:
                continue
        except OSError:
            continue
        make = hashlib.sha256 if len(digest) == 64 else hashlib.sha1
        if make(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == digest:
            found.add(path)
    return frozenset(found)


def in_repository(workspace: Path) -> bool:
    return any((folder / ".git").exists() for folder in (workspace, *workspace.parents))


def listed(wanted: list[str], workspace: Path) -> dict[str, tuple[str, str]]:
    """Of the wanted paths, those in the index: mode and digest. Nothing where git cannot say."""
    import subprocess  # most commands lose nothing

    git = next((f"{folder}/git" for folder in FOLDERS if os.access(f"{folder}/git", os.X_OK)), None)
    if git is None:
        return {}
    asked = wanted if len(wanted) <= MOST_ARGUMENTS else []
    command = [git, *SAFE, "ls-files", "--stage", "-z", "--", *asked]
    try:
        ended = subprocess.run(
            command, cwd=workspace, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    names = set(wanted)
    found = {}
    for line in ended.stdout.split(b"\0") if ended.returncode == 0 else ():
        head, _, name = line.partition(b"\t")
        path = os.fsdecode(name)
        words = head.decode("ascii", "replace").split()
        if path in names and len(words) == 3 and words[2] == "0":
            found[path] = (words[0], words[1])
    return found
