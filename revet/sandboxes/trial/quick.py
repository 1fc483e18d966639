"""A trial in the local sandbox without an event loop: from the command to what it did."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from revet.errors import HostError, InputError, SandboxBroken
from revet.sandboxes.local.cgroup import Group, Groups
from revet.sandboxes.local.harvest import leavings
from revet.sandboxes.local.places import make_folder, make_home
from revet.sandboxes.local.profile import SHARED_MEMORY, SYSTEM, Mode, Recipe, Stage, arguments, make_whiteouts
from revet.sandboxes.local.python import Interpreter, find_interpreter
from revet.sandboxes.local.workspaces import check_workspace
from revet.sandboxes.scratch import no_room
from revet.sandboxes.trees import remove_tree
from revet.sandboxes.trial.difference import Difference, difference
from revet.sandboxes.trial.known import forget, known_mode
from revet.sandboxes.trial.outside import attempts, refusals, touched, writable, written
from revet.sandboxes.trial.runner import Bounds, Ended, run
from revet.sandboxes.trial.standins import StandIns, stand_ins
from revet.sandboxes.trial.tried import Tried
from revet.sandboxes.view import View, inside, is_folder

if TYPE_CHECKING:
    from revet.sandboxes.base import Layer, Limits

__all__ = ["Ground", "NoOverlay", "try_now"]

SECONDS = 10.0
ENVIRONMENT = {
    "GIT_OPTIONAL_LOCKS": "0",  # reading a repository is not to change its index
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "TERM": "dumb",
}
# The report tells how many processes there were, and which of them were left when the command had ended.
WRAPPER = """"$1" -c "$2" 3>&-
code=$?
{
  read -r _ _ _ _ last </proc/loadavg && echo "last $last"
  for place in /proc/[0-9]*; do
    case $place in /proc/1|/proc/$$) ;; *) read -r name <"$place/comm" && echo "left $name" ;; esac
  done
} 2>/dev/null >&3
exit $code
"""
SHELLS = ("/bin/bash", "/bin/sh")
SYSTEM_FOLDERS = tuple(map(Path, ("/usr", *SYSTEM)))
FATAL = {134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 137: "SIGKILL", 139: "SIGSEGV", 152: "SIGXCPU", 153: "SIGXFSZ"}
"""Exit codes that a shell gives for what a program dies of by its own fault or by the kernel's hand."""
LIMITS = re.compile(
    rb"No space left on device|File too large|Cannot allocate memory|MemoryError|out of memory|"
    rb"Resource temporarily unavailable|Too many open files|memory exhausted|bad_alloc",
    re.IGNORECASE,
)
NOT_FOUND, NOT_RUNNABLE = 127, 126


class NoOverlay(HostError):
    """This workspace or host has no overlay; a session of `Local` works on a copy."""


class Ground:
    """What trials on one workspace share. Keep it open where there will be another: the next starts sooner.

    May be used from several threads. `interpreter` is the Python that must work inside; default: the one that
    ``python3`` names for the user. `mode` is how to start the sandbox; default: as was found to work.

    Raises SandboxUnavailable if there is no sandbox here, NoOverlay if it can only work on copies, WorkspaceError for a
    folder that cannot be a workspace.
    """

    def __init__(self, workspace: Path, *, interpreter: Interpreter | None = None, mode: Mode | None = None) -> None:
        check_workspace(workspace)
        self.workspace = Path(os.path.realpath(workspace))
        self._mode, self.remembered = (mode, False) if mode is not None else known_mode()
        if not (self._mode.overlay and self._mode.capped and self._mode.nested):
            raise NoOverlay("trials without a session need overlays and a capped scratch, which this host lacks")
        self._interpreter = interpreter or usual_python()
        self._scratch = make_home(self._mode.drop, self.workspace)
        self._groups = Groups(self._mode.groups) if self._mode.groups is not None else None
        self._serial = count()
        self._home = home_of(self.workspace)
        places = writable([*SYSTEM_FOLDERS, *self._interpreter.shown], self.workspace)
        self._over = {place: f"over{number}" for number, place in enumerate(places)}

    def run(
        self,
        command: str,
        *,
        cwd: str = ".",
        layer: Layer | None = None,
        bounds: Bounds | Limits | None = None,
        contents: bool = True,
        begun: Callable[[Callable[[str], None]], None] = lambda stop: None,
    ) -> Tried:
        """Carry `command` out on the workspace with `layer` over it; see `try_now`. `begun` gets what can stop it."""
        try:
            return self._once(command, cwd, layer, bounds, begun, contents=contents)
        except NoOverlay:
            if not self._over:
                raise
            self._over = {}  # perhaps it is not the workspace: without, writing to the system is refused
        return self._once(command, cwd, layer, bounds, begun, contents=contents)

    def _once(
        self,
        command: str,
        cwd: str,
        layer: Layer | None,
        bounds: Bounds | Limits | None,
        begun: Callable[[Callable[[str], None]], None],
        *,
        contents: bool,
    ) -> Tried:
        bounds = cast(Bounds, bounds or Bounds(wall_seconds=SECONDS))
        started = time.time_ns()
        view = View(self.workspace, None if layer is None else real(layer))
        folder = started_in(view, command, cwd)
        place = self._scratch.path / f"x{next(self._serial)}"
        try:
            with ExitStack() as made:
                made.callback(remove_tree, place)
                make_folder(place, 0o711)
                group = self._group(bounds, made)
                provided = [self.workspace, *self._interpreter.shown, *self._interpreter.links]
                standins = stand_ins(provided, self._home)
                recipe, stage = self._recipe(place, view, bounds, folder, standins)
                ended = run(
                    self._plan(recipe, stage, standins, group),
                    arguments(recipe, stage),
                    ["/bin/sh", "-c", WRAPPER, "sh", next(filter(runnable, SHELLS)), command],
                    bounds,
                    begun,
                )
                if ended.upper is not None:
                    made.callback(os.close, ended.upper)
                self._check(ended)
                return self._tell(Tried(command, cwd, started=started), ended, view, standins, group, contents=contents)
        except OSError as error:
            raise no_room(error, self._scratch.path) from error

    def close(self) -> None:
        """Remove what was made. Closing twice is harmless."""
        if self._groups is not None:
            self._groups.close()
        self._scratch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _group(self, bounds: Bounds, made: ExitStack) -> Group | None:
        if self._groups is None:
            return None
        group = self._groups.make(cast("Limits", bounds))
        made.callback(self._groups.drop, group)
        return group

    def _recipe(self, place: Path, view: View, bounds: Bounds, cwd: str, standins: StandIns) -> tuple[Recipe, Stage]:
        mount = place / "m"
        make_folder(mount, 0o755)
        white = None
        if view.deleted:
            white = place / "white"
            make_whiteouts(white, view, self._mode.drop)
        recipe = Recipe(
            mode=self._mode,
            view=view,
            limits=cast("Limits", bounds),
            interpreter=self._interpreter,
            env={**ENVIRONMENT, "HOME": str(self._home)},
            cwd=cwd,
            read_only=(),
            etc=Path("/etc"),
            files=None,
            white=white,
            tree=None,
            upper=mount / "up",
            work=mount / "work",
            tmp=mount / "out" / "tmp",
            alias=None,
            outside=mount / "out",
            tops=standins.tops,
            links=standins.links,
            counted=True,
            over=self._over,
        )
        return recipe, Stage(mount, self._mode.drop is not None)

    def _plan(self, recipe: Recipe, stage: Stage, standins: StandIns, group: Group | None) -> dict[str, object]:
        """What the launcher needs to know. Call it last: it holds what the options had staged."""
        mode = self._mode
        options = {"bwrap": str(stage.place_program(mode))}
        return {
            "drop": mode.drop,
            "nested": mode.nested,
            "capped": mode.capped,
            "mount": str(stage.mount),
            "scratch": recipe.limits.disk,
            "shm": min(recipe.limits.disk, SHARED_MEMORY),
            "stage": stage.plan,
            "folders": ["out", *(name + end for name in self._over.values() for end in ("", "-work"))],
            "standins": standins.entries,
            "umask": umask(),
            "join": [] if group is None else group.joins,
            **options,
        }

    def _check(self, ended: Ended) -> None:
        """SandboxBroken, or NoOverlay, if the program never ran."""
        if ended.cause or ended.exit_code is not None:
            return
        trouble = {kind: text for kind, text in ended.trouble.items() if kind not in ("counted", "killed")}
        words = "; ".join(trouble.values()) or ended.stderr.decode("utf-8", "replace").strip()
        if "idmap" in trouble or "overlay" in words:
            raise NoOverlay(f"the workspace cannot be laid over: {words}")
        if "killed" not in ended.trouble or trouble:
            forget()
            raise SandboxBroken(f"the sandbox could not be set up: {words or 'bwrap ended without a word'}")

    def _tell(
        self,
        tried: Tried,
        ended: Ended,
        view: View,
        standins: StandIns,
        group: Group | None,
        *,
        contents: bool,
    ) -> Tried:
        seen, outside = Difference(), []
        if ended.upper is not None:
            deleted: list[str] = []
            seen = difference(leavings(ended.upper, view, deleted), deleted, view, contents=contents)
            out = os.open("../out", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=ended.upper)
            try:
                outside = touched(out, standins, self._home, ended.stderr)
            finally:
                os.close(out)
            for place, name in self._over.items():
                outside += written(ended.upper, name, place)
        killed = group is not None and group.oom_kills() > 0
        network = tuple(attempts(ended.trouble["counted"])) if "counted" in ended.trouble else ()
        processes, left = reported(ended.report)
        unseen = [*doubts(ended, counted="counted" in ended.trouble)]
        if standins.cut:
            unseen.append(f"not all names stand in for what is outside: {', '.join(standins.cut)} holds too many")
        if LIMITS.search(ended.stderr) or (ended.upper is not None and not os.fstatvfs(ended.upper).f_bavail):
            unseen.append("it met a limit of the trial (disk, size of files, memory or processes)")
        if left:
            unseen.append(f"it left processes running, which were ended with it: {', '.join(sorted(set(left))[:10])}")
        if outside and any(place.what == "read" for place in outside):
            named = ", ".join(place.path for place in outside if place.what == "read")[:300]
            unseen.append(f"it looked at what is outside the workspace and was not shown: {named}")
        tried = replace(
            tried,
            exit_code=ended.exit_code if not ended.cause else None,
            verdict="oom" if killed else verdict(ended),
            stdout=ended.stdout,
            stderr=ended.stderr,
            seconds=ended.seconds,
            files=tuple(seen.files[path] for path in sorted(seen.files)),
            deleted=tuple(sorted(seen.deleted)),
            made=tuple(seen.made[path] for path in sorted(seen.made)),
            removed=tuple(sorted(seen.removed)),
            outside=tuple(outside),
            refused=tuple(refusals(ended.stderr, self.workspace)),
            network=network,
            unseen=tuple(unseen),
            unkept=tuple(seen.unkept),
            processes=processes,
        )
        moved = tried.moved(self.workspace)
        if moved:
            meanwhile = f"somebody else changed {', '.join(moved[:5])} while it ran, or just before"
            tried = replace(tried, unseen=(*tried.unseen, meanwhile))
        return tried


def try_now(command: str, *, workspace: Path, cwd: str = ".", seconds: float = SECONDS, contents: bool = True) -> Tried:
    """Carry `command` out, by bash, on a view of `workspace` and say what it did. Nothing outside is changed.

    `cwd` is relative to the workspace. Without `contents`, what files hold afterwards is not kept.

    SandboxUnavailable if there is no sandbox here, NoOverlay if it can only work on copies; InputError for a workspace,
    a command or a `cwd` that cannot be used; SandboxBroken if the sandbox failed.
    """
    bounds = Bounds(wall_seconds=seconds)
    try:
        with Ground(workspace) as ground:
            remembered = ground.remembered
            return ground.run(command, cwd=cwd, bounds=bounds, contents=contents)
    except SandboxBroken:
        if not remembered:
            raise
    with Ground(workspace) as ground:  # how to start it was forgotten, and is found out again
        return ground.run(command, cwd=cwd, bounds=bounds, contents=contents)


def runnable(program: str) -> bool:
    return os.access(program, os.X_OK)


def reported(report: bytes) -> tuple[int | None, list[str]]:
    """How many processes the command started, None if not known; and the names of those that it left running."""
    lines = [line.split(" ", 1) for line in report.decode("utf-8", "replace").splitlines() if " " in line]
    last = next((int(value) for word, value in lines if word == "last" and value.isdigit()), None)
    return None if last is None else max(0, last - 2), [value for word, value in lines if word == "left"]


def real(layer: Layer) -> Layer:
    return layer.model_copy(update={"root": Path(os.path.realpath(layer.root))})


def started_in(view: View, command: str, cwd: str) -> str:
    """The folder to start in. InputError if it is not there, or if no shell could get the command."""
    if "\0" in command:
        raise InputError("the command holds a NUL byte, which no shell can get")
    if len(command.encode("utf-8", "surrogateescape")) > 100_000:
        raise InputError("the command is longer than 100000 bytes, which the system does not take")
    found = view.resolve(inside(cwd, "cwd"))
    place = None if found is None else view.find(found)
    if found is None or place is None or not is_folder(place):
        raise InputError(f"no such folder in the workspace: {cwd}", hint="give a cwd that exists")
    return found


def home_of(workspace: Path) -> Path:
    """The user's home, if it can be stood in for."""
    home = Path(os.path.realpath(Path("~").expanduser()))
    reserved = ("/", "/usr", "/etc", "/dev", "/proc", "/sys", "/run")
    bad = str(home) == "/" or any(home.is_relative_to(place) for place in reserved[1:]) or not home.is_dir()
    return Path("/tmp") if bad or (home.is_relative_to(workspace) and home != workspace) else home


def usual_python() -> Interpreter:
    """What ``python3`` is for the user, with what it needs; the system's if it is a wrapper, or there is none."""
    for folder in os.environ.get("PATH", "").split(":"):
        place = Path(folder, "python3")
        if folder.startswith("/") and os.access(place, os.X_OK):
            if folder.startswith(("/usr/", "/bin")):
                break
            try:
                return find_interpreter(place)
            except InputError:
                continue
    return Interpreter(Path("/usr/bin/python3"))


def umask() -> int:
    """This process's, without changing it."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as stream:  # noqa: PTH123
        for line in stream:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    return 0o022


def verdict(ended: Ended) -> str:
    """In the words of `ExecVerdict`."""
    if ended.cause:
        return ended.cause
    if ended.exit_code == 0:
        return "ok"
    return "signal" if ended.exit_code in FATAL else "exception"


def doubts(ended: Ended, *, counted: bool) -> list[str]:
    """Why there may be more to it than was seen, by how it ended."""
    found = []
    if ended.cause == "timeout":
        found.append(f"it did not end within {ended.seconds:.0f} seconds")
    elif ended.cause:
        found.append("it wrote more than is read, and was stopped")
    elif ended.exit_code in (NOT_FOUND, NOT_RUNNABLE):
        found.append("a program that it names cannot be run in the trial")
    if not counted:
        found.append("attempts to reach the network could not be counted")
    return found
