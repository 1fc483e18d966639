"""Stand-ins for what lies outside the workspace: names without content, which show that they were touched.

What is outside is not shown to a command that is tried: it may hold secrets, and nothing of it may change. Yet a
command that finds an empty home looks harmless when it is not. So each folder of the root, and those on the way to the
workspace and to the home, is a real folder in the trial's memory with a symlink that leads nowhere for each thing in
it on the host. Deleting one, or making something new, shows in the folder; reading one shows in the symlink's time of
access, as the kernel notes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from revet.sandboxes.local.profile import DEVICE_LINKS, DEVICES, ETC, ETC_FROM_HOST, LINKS, SYSTEM

__all__ = ["NOWHERE", "StandIns", "stand_ins"]

NOWHERE = "/.outside"
"""The folder that the symlinks lead to: to names that are not there. Writing through one makes a file there."""
OPENED = (".config", ".config/git", ".config/matplotlib", ".config/pip", ".cache", ".terminfo")
"""Folders of a home in which programs look for their settings: what they hold is stood in for one by one."""
CACHE = ".cache"
"""Of this one, what the folders in it hold, too: any program writes there."""
MOST, MOST_PASSING = 2_000, 400
"""At most so many names stand in for the content of one folder, and of one whose content comes and goes."""
PROVIDED = frozenset({"usr", "dev", "proc", "sys", "etc", "tmp", "nix"} | {folder[1:] for folder in SYSTEM})


@dataclass
class StandIns:
    """`entries` are for the launcher: (path below the root, kind, content), parents first; see `trial_launch`.

    `tops` are the folders of the root among them, `links` the symlinks that the root has itself. `cut` are folders of
    which not all was taken.
    """

    entries: list[tuple[str, str, str | bytes]] = field(default_factory=list)
    tops: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    mounted: frozenset[str] = frozenset()
    names: list[str] = field(default_factory=list)

    def link(self, path: str) -> None:
        """Stand in for /`path`, which `target` leads back to."""
        self.entries.append((path, "l", f"{NOWHERE}/{len(self.names)}"))
        self.names.append(path)

    def folder(self, path: str, open_: frozenset[str], *, hidden: bool = True) -> None:
        """Stand in for the folder /`path`. Of `open_`, those below it are folders, too."""
        self.entries.append((path, "d", ""))
        names = [] if hidden else listed(f"/{path}")
        passing = path == "tmp" or f"/{CACHE}/" in f"/{path}/"
        most = MOST_PASSING if passing else MOST
        if len(names) > MOST and not passing:
            self.cut.append(f"/{path}")
        inner = sorted({place[len(path) + 1 :].split("/")[0] for place in open_ if place.startswith(f"{path}/")})
        for name in [*(name for name in names[:most] if name not in inner), *inner]:
            place = f"{path}/{name}"
            if name not in inner:
                self.link(place)
            elif place not in self.mounted:
                self.folder(place, open_, hidden=False)


def stand_ins(mounted: Iterable[Path], home: Path) -> StandIns:
    """What stands in for the host, where the `mounted` places and what the system provides come from elsewhere."""
    places = frozenset(str(place)[1:] for place in (*mounted, LINKS / "python"))
    found = StandIns(mounted=places)
    settings = [home, *(home / name for name in OPENED), *(home / CACHE / name for name in listed(f"{home}/{CACHE}"))]
    open_ = places | {str(place)[1:] for place in settings if place.is_dir() and not place.is_symlink()}
    found.entries.append((NOWHERE[1:], "d", ""))
    found.tops.append(NOWHERE[1:])
    found.tops.append("run")
    found.folder("run", open_, hidden=False)
    for name in listed("/"):
        place = Path("/", name)
        if name in PROVIDED or name in places or name == "run":
            continue
        if place.is_symlink():
            found.links[name] = str(place.readlink())
        elif place.is_dir():
            found.tops.append(name)
            found.folder(name, open_, hidden=False)
    if "var" in found.tops and not any(place.startswith("var/tmp/") for place in open_):
        found.entries = [entry for entry in found.entries if entry[0] != "var/tmp"]
        found.entries.append(("var/tmp", "l", "../tmp"))
    for name in ("run", "lock"):  # looked at by the C library at every turn
        if Path("/var", name).is_symlink():
            found.entries = [entry for entry in found.entries if entry[0] != f"var/{name}"]
            found.entries.append((f"var/{name}", "l", str(Path("/var", name).readlink())))
    found.folder("tmp", open_, hidden=False)
    no_devices(found)
    made_up_etc(found, home)
    found.tops.append("etc")
    return found


def no_devices(found: StandIns) -> None:
    """A ``/dev`` with places for what is provided, and the names of all else but terminals."""
    found.tops.append("dev")
    found.entries += [("dev", "d", ""), ("dev/shm", "d", "")]
    found.entries += [(f"dev/{name}", "l", target) for name, target in DEVICE_LINKS.items()]
    found.entries += [(f"dev/{name}", "f", b"") for name in DEVICES]
    for name in listed("/dev"):
        if name not in (*DEVICES, *DEVICE_LINKS, "shm") and not name.startswith(("tty", "vcs", "pty")):
            found.link(f"dev/{name}")


def made_up_etc(found: StandIns, home: Path) -> None:
    """An ``/etc`` with what programs need, the names of all else, and name servers that are not there."""
    texts = {**ETC, "nsswitch.conf": ETC["nsswitch.conf"].replace("hosts: files", "hosts: files dns")}
    texts["resolv.conf"] = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
    texts["passwd"] = texts["passwd"].replace(":user:/tmp:", f":user:{home}:")
    found.entries.append(("etc", "d", ""))
    given = {name.split("/")[0] for name in (*texts, *ETC_FROM_HOST)}
    for name in listed("/etc"):
        if name not in given:
            real = os.path.realpath(f"/etc/{name}") if os.path.islink(f"/etc/{name}") else ""  # noqa: PTH114 - quick
            if real.startswith(("/usr/", "/proc/")):
                found.entries.append((f"etc/{name}", "l", real))
            else:
                found.link(f"etc/{name}")
    found.entries += [(f"etc/{name}", "f", text.encode()) for name, text in texts.items()]
    for name in ETC_FROM_HOST:
        place = Path("/etc", name)
        if place.is_dir() or place.is_file():
            above, _, _ = name.rpartition("/")
            if above:
                found.entries.append((f"etc/{above}", "d", ""))
            found.entries.append((f"etc/{name}", *(("d", "") if place.is_dir() else ("f", b""))))


def listed(folder: str) -> list[str]:
    """The names in a folder, sorted; none where it cannot be listed. Names that are not UTF-8 are left out."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names only, and quickly
    except OSError:
        return []
    return sorted(name for name in names if name.isprintable())
