"""What was done outside the workspace, told by the stand-ins; and attempts to reach others, told by the kernel."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from revet.sandboxes.local.harvest import leavings
from revet.sandboxes.local.trial_launch import LONG_AGO
from revet.sandboxes.trees import walk
from revet.sandboxes.trial.standins import NOWHERE, StandIns
from revet.sandboxes.trial.tried import Outside
from revet.sandboxes.view import View

__all__ = ["attempts", "refusals", "touched", "writable", "written"]

MOST = 200
"""At most so many paths outside are told."""
SETTINGS = frozenset(
    (
        *(".gitconfig", ".config/git", ".npmrc", ".yarnrc", ".gemrc", ".condarc", ".config/pip", ".config/matplotlib"),
        *(".cache", ".curlrc", ".wgetrc", ".inputrc", ".terminfo", ".dircolors", ".vimrc", ".nanorc", ".editorconfig"),
    )
)
"""What programs read in a home, and are none the worse for not finding."""
SETTINGS_ETC = frozenset(
    (
        *("bash.bashrc", "profile", "inputrc", "environment", "gitconfig", "gitattributes", "npmrc", "pip.conf"),
        *("ssl", "pki", "ca-certificates", "ca-certificates.conf", "crypto-policies", "gnutls", "fonts", "terminfo"),
        *("ld.so.preload", "ld.so.conf", "ld.so.conf.d", "ld.so.nohwcap", "host.conf", "gai.conf", "networks", "rpc"),
        *("nscd.conf", "machine-id", "os-release", "lsb-release", "debian_version", "timezone", "locale.alias"),
        *("locale.conf", "default", "shells", "magic", "wgetrc", "vim", "nanorc", "manpath.config", "mailcap"),
        *("OpenCL", "matplotlibrc", "odbc.ini", "odbcinst.ini", "selinux", "login.defs", "bash_completion.d"),
    )
)
PLAIN_RUN = frozenset(("nscd", "utmp", "systemd"))
"""What the C library looks at on its own account."""
MISSED = re.compile(rb"No such file|dangling symlink")
PLACE = f"{NOWHERE[1:]}/"
REFUSED = re.compile(r"Read-only file system|Operation not permitted|EROFS|EPERM|^(?:chown|chgrp|mknod|mount)\b")
DENIED = re.compile(r"(?:^|[\s'\"‘(:])(/[^\s'\"’:]*).*(?:Permission denied|EACCES)")


def touched(out: int, standins: StandIns, home: Path, stderr: bytes) -> list[Outside]:
    """What differs in the open folder of the stand-ins from what was laid out there, sorted.

    That programs look for their settings is not told; of those in the home, unless `stderr` says that one was missed.
    """
    missed = MISSED.search(stderr) is not None
    expected = {path: (kind, content) for path, kind, content in standins.entries}
    found: dict[str, Outside] = {}
    made: set[str] = set()
    for path, info, _ in walk(out):
        planned = expected.pop(path, None)
        kind = {stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFREG: "f"}.get(stat.S_IFMT(info.st_mode), "")
        if planned is None:
            inside_new = path.rpartition("/")[0] in made
            if is_ours(path, standins):
                continue
            made.add(path)
            if path.startswith(PLACE):
                written = path.removeprefix(PLACE)
                if written.isdigit() and int(written) < len(standins.names):
                    path = standins.names[int(written)]
                    found[path] = Outside(f"/{path}", "write")
                    continue
            if not inside_new:
                found[path] = Outside(f"/{path}", "create")
        elif planned[0] != kind or (kind != "d" and info.st_mtime_ns != LONG_AGO):
            found[path] = Outside(f"/{path}", "write")
        elif (
            kind == "l"
            and info.st_atime_ns != LONG_AGO
            and leads_nowhere(planned[1])
            and matters(path, home, missed=missed)
        ):
            found.setdefault(path, Outside(f"/{path}", "read"))
        if len(found) > MOST:
            break
    else:
        gone: set[str] = set()
        for path in expected:
            if path.rpartition("/")[0] not in gone:
                found[path] = Outside(f"/{path}", "delete")
            gone.add(path)
    return [found[path] for path in sorted(found)][:MOST]


def writable(places: list[Path], workspace: Path) -> list[Path]:
    """The folders in which the user may change something, as far as a look at the likeliest places tells.

    None in the workspace: that is laid over anyway.
    """
    found: list[Path] = []
    for place in places:
        if place.is_relative_to(workspace):
            continue
        likely = (place, *(place / name for name in ("bin", "lib", "local", "local/bin", "local/lib", "share")))
        if place.is_dir() and not place.is_symlink() and any(os.access(each, os.W_OK) for each in likely):
            found.append(place)
    return found


def written(upper: int, name: str, place: Path) -> list[Outside]:
    """What was changed in the folder `place`, from what was written over it: beside the open `upper`, as `name`."""
    held = os.open(f"../{name}", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=upper)
    try:
        if not os.listdir(held):  # noqa: PTH208
            return []
        view, gone = View(place), list[str]()
        changed = [os.fsdecode(each.path) for each in islice(leavings(held, view, gone), MOST)]
    finally:
        os.close(held)
    new = {path for path in changed if view.find(path) is None}
    told = [Outside(f"{place}/{path}", "delete") for path in gone]
    told += [Outside(f"{place}/{path}", "write") for path in changed if path not in new]
    told += [Outside(f"{place}/{path}", "create") for path in new if path.rpartition("/")[0] not in new]
    return sorted(told, key=lambda each: each.path)[:MOST]


def is_ours(path: str, standins: StandIns) -> bool:
    """Whether the sandbox itself made it, as a place to mount something on."""
    return any(place == path or place.startswith(f"{path}/") for place in standins.mounted)


def leads_nowhere(target: str | bytes) -> bool:
    return str(target).startswith(NOWHERE)


def matters(path: str, home: Path, *, missed: bool) -> bool:
    """Whether looking there says something: not where programs look for their settings."""
    top, _, rest = path.partition("/")
    if top == "etc":
        return rest not in SETTINGS_ETC and not rest.startswith("python")
    if top == "dev":
        return False  # programs look which there are
    if top == "run":
        return rest not in PLAIN_RUN
    if missed or "credentials" in path:
        return True
    return not any(f"/{path}/".startswith(f"{home}/{name}/") for name in SETTINGS)


def attempts(words: str) -> Iterator[str]:
    """What the launcher counted (``name=NUMBER`` …, ``name=LOOKED-UP`` …), as sentences."""
    pairs = [pair.split("=", 1) for pair in words.strip("'\"").split() if "=" in pair]
    yield from (f"looked up {value}" for name, value in pairs if name == "name")
    count = {name: int(value) for name, value in pairs if name != "name"}
    away = count.get("Ip:OutNoRoutes", 0) + count.get("Ip6OutNoRoutes", 0)
    if away > 0:
        yield f"tried to reach another machine ({away} packets)"
    alone = count.get("Tcp:ActiveOpens", 0) - count.get("Tcp:PassiveOpens", 0)
    refused = max(alone, count.get("Tcp:AttemptFails", 0))
    if refused > 0:
        yield f"tried to reach a service of this machine ({refused} connections)"
    lost = count.get("Udp:NoPorts", 0) + count.get("Udp6NoPorts", 0)
    if lost > 0:
        yield f"sent to a service of this machine ({lost} datagrams)"


def refusals(stderr: bytes, workspace: Path) -> list[str]:
    """The lines of what it said about things that it was not allowed to do, outside the workspace or at all.

    Inside, too, where that would not be refused to the user, who is root: in a trial nobody is.
    """
    found: list[str] = []
    for line in stderr.decode("utf-8", "replace").splitlines():
        denied = DENIED.search(line)
        outside = denied is not None and not Path(os.path.normpath(denied[1])).is_relative_to(workspace)
        root = not os.geteuid() and "Permission denied" in line
        if (REFUSED.search(line) or outside or root) and len(found) < MOST:
            found.append(line.strip()[:300])
    return found
