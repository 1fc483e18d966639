"""A workspace in the local sandbox: makes what one run needs, runs it, and says what happened."""

from __future__ import annotations

import asyncio
import os
import py_compile
import signal
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from revet.errors import InputError, SandboxBroken, SandboxUnavailable, WorkspaceError
from revet.sandboxes.base import AsyncClosing, ExecResult, ExecVerdict, Layer, Limits
from revet.sandboxes.local.harvest import harvest, legible
from revet.sandboxes.local.process import Ended, Running
from revet.sandboxes.local.profile import FILES, Mode, Recipe, Stage, arguments, make_etc, make_whiteouts
from revet.sandboxes.local.python import Interpreter
from revet.sandboxes.local.seccomp import filter_program
from revet.sandboxes.local.trees import Marks, build_tree, changed_since, marks, remove_tree
from revet.sandboxes.local.view import HIDDEN, View, inside, is_folder
from revet.sandboxes.scratch import Scratch

__all__ = ["LocalSession"]

T = TypeVar("T")

# What a program dies of by its own fault, by the kernel's hand, or by `kill`. Exit codes that would mean
# other signals are taken as the numbers they are.
FATAL = {
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGKILL,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGTERM,
    signal.SIGXFSZ,
}


class OverlayRefused(Exception):
    """The workspace's file system cannot be laid over or have its owner mapped; a copy can be used instead."""


@dataclass(frozen=True)
class Request:
    """One `exec`, its arguments checked."""

    argv: tuple[str, ...]
    view: View
    limits: Limits
    env: Mapping[str, str]
    stdin: bytes
    cwd: str
    read_only: tuple[str, ...]
    files: Mapping[str, bytes]
    on_report: Callable[[bytes], None] | None
    report: bool


class LocalSession(AsyncClosing):
    """See `revet.sandboxes.base.Session`.

    An exit code of 128 + n, for a signal n that programs die of, is told as that signal: bwrap does not tell
    ``exit(139)`` from a segmentation fault. A program killed by the kernel at or after its CPU limit counts
    as a timeout. Files whose owner or group is not the workspace folder's cannot be changed inside (the
    kernel cannot map them).
    """

    def __init__(self, mode: Mode, workspace: Path | None, interpreter: Interpreter) -> None:
        self._mode = mode
        self._interpreter = interpreter
        real = None if workspace is None else Path(os.path.realpath(workspace))
        self._scratch = make_home(mode.drop, real)
        self._home = self._scratch.path
        self._overlay = mode.overlay
        self._serial = count()
        self._running: set[Running] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        if workspace is None:
            workspace = self._home / "workspace"
            workspace.mkdir(0o755)
        self.workspace = Path(os.path.realpath(workspace))
        spelled = Path(os.path.abspath(workspace))  # noqa: PTH100 - links in it are what is looked for
        self._alias = None if spelled == self.workspace or spelled.is_relative_to("/usr") else spelled
        self._etc = self._home / "etc"
        make_etc(self._etc)
        self._launcher = self._home / "launch.pyc"
        py_compile.compile(str(Path(__file__).with_name("launch.py")), str(self._launcher), doraise=True)
        self._launcher.chmod(0o644)

    @property
    def overlay(self) -> bool:
        """Whether runs see the workspace itself under an overlay; otherwise each gets a copy of its own."""
        return self._overlay

    async def exec(
        self,
        argv: Sequence[str],
        *,
        layer: Layer | None = None,
        limits: Limits | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        cwd: str = ".",
        read_only: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        on_report: Callable[[bytes], None] | None = None,
        report: bool = False,
    ) -> ExecResult:
        request = Request(
            argv=tuple(argv),
            view=View(self.workspace, absolute(layer)),
            limits=limits or Limits(),
            env=dict(env or {}),
            stdin=stdin,
            cwd=inside(cwd, "cwd"),
            read_only=tuple(inside(path, "read_only path") for path in read_only),
            files=dict(files or {}),
            on_report=on_report,
            report=report or on_report is not None,
        )
        validate(request)
        if not self._scratch.close.alive:
            raise SandboxBroken("the session is closed", hint="open another with the sandbox's open()")
        overlay = self._overlay
        try:
            return await self._attempt(request, overlay)
        except OverlayRefused as refused:
            if not overlay:
                raise SandboxBroken(f"the sandbox could not be set up: {refused}") from None
            self._overlay = False
            return await self._attempt(request, overlay=False)

    async def close(self) -> None:
        """Kill what still runs and remove the session's folder. Closing twice is harmless."""
        for running in self._running:
            running.stop("closed")
        await self._idle.wait()
        self._scratch.close()

    async def _attempt(self, request: Request, overlay: bool) -> ExecResult:
        place = self._home / f"x{next(self._serial)}"
        place.mkdir(0o711)
        running = Running(self._launcher, request.limits, request.stdin, request.on_report)
        self._running.add(running)
        self._idle.clear()
        try:
            before: Marks = {}
            tree = None if overlay else place / "tree"
            if tree is not None:
                before = await in_thread(lambda: copied(request.view, tree, self._mode.drop))
            recipe, stage = self._recipe(request, place, tree)
            options = arguments(recipe, stage)
            plan = self._plan(recipe, stage)
            ended = await running.run(plan, options, request.argv, filter_program(), request.report)
            try:
                result = judge(ended, request)
                touched = await in_thread(lambda: touched_by(ended, recipe, before))
            finally:
                if ended.upper is not None:
                    os.close(ended.upper)
            return result.model_copy(update={"touched": legible(touched)})
        finally:
            try:
                if is_folder(place / "tree"):
                    await in_thread(lambda: remove_tree(place))
                else:
                    remove_tree(place)
            finally:
                self._running.discard(running)
                if not self._running:
                    self._idle.set()

    def _recipe(self, request: Request, place: Path, tree: Path | None) -> tuple[Recipe, Stage]:
        """Make this run's folders, and the recipe that names them."""
        mode = self._mode
        mount = place / "m"
        mount.mkdir(0o755)
        scratch = mount if mode.capped else place
        for folder in () if mode.capped else (place / "up", place / "work"):
            folder.mkdir(0o755)
            give(folder, mode.drop)
        files = white = None
        if request.files:
            files = place / "files"
            make_files(files, request.files, mode.drop)
        if tree is None and request.view.deleted:
            white = place / "white"
            make_whiteouts(white, request.view, mode.drop)
        recipe = Recipe(
            mode=mode,
            view=request.view,
            limits=request.limits,
            interpreter=self._interpreter,
            env=request.env,
            cwd=request.cwd,
            read_only=request.read_only,
            etc=self._etc,
            files=files,
            white=white,
            tree=tree,
            upper=scratch / "up",
            work=scratch / "work",
            tmp=scratch / "tmp",
            alias=self._alias,
        )
        return recipe, Stage(mount, mode.drop is not None)

    def _plan(self, recipe: Recipe, stage: Stage) -> dict[str, object]:
        """What the launcher needs to know. Call it last: it holds what the options had staged."""
        mode = self._mode
        return {
            "drop": mode.drop,
            "nested": mode.nested,
            "capped": mode.capped,
            "mount": str(stage.mount),
            "scratch": recipe.limits.tmp,
            "tmp": recipe.limits.tmp,
            "stage": stage.plan,
            "bwrap": str(stage.place_program(mode)),
        }


async def in_thread(work: Callable[[], T]) -> T:
    """`work` in a thread. A cancellation waits for it: it uses folders that are removed next."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def absolute(layer: Layer | None) -> Layer | None:
    return layer and layer.model_copy(update={"root": Path(os.path.realpath(layer.root))})


def validate(request: Request) -> None:
    words = [*request.argv, *request.env, *request.env.values()]
    if not request.argv or not request.argv[0]:
        raise InputError("an empty command cannot be run", hint="give the program as the first word of argv")
    if any("\0" in word for word in words) or any("=" in name or not name for name in request.env):
        raise InputError("a command or an environment variable holds a NUL byte, or a variable's name is not one")
    for path in request.files:
        plain = os.path.normpath(path)
        if plain != path or not Path(path).is_relative_to(FILES) or Path(path) == FILES:
            raise InputError(f"{path!r} is not a path below {FILES}", hint=f"name extra files {FILES}/NAME")
    if request.view.layer is not None and not is_folder(request.view.layer.root):
        raise InputError(f"the layer's root is not a folder: {request.view.layer.root}")
    cwd = request.view.resolve(request.cwd)
    place = None if cwd is None else request.view.find(cwd)
    if place is None or not is_folder(place):
        raise InputError(f"no such folder in the workspace: {request.cwd}", hint="give a cwd that exists")


def judge(ended: Ended, request: Request) -> ExecResult:
    """The verdict. Raises for what is the sandbox's fault, not the program's."""
    if ended.cause == "closed":
        raise SandboxBroken("the session was closed while the program ran")
    verdict, code, number = ExecVerdict.exception, ended.exit_code, None
    stderr = ended.stderr
    if ended.cause is None and ended.exit_code is None:
        code, stderr = not_started(ended, request)
    fatal = code - 128 if code is not None and code - 128 in FATAL | {signal.SIGXCPU} else None
    if ended.cause == "timeout":
        verdict, code = ExecVerdict.timeout, None
    elif ended.truncated:
        verdict, code = ExecVerdict.output_limit, None
    elif fatal is not None:
        out_of_time = fatal == signal.SIGKILL and ended.seconds >= request.limits.cpu_seconds
        verdict = ExecVerdict.timeout if fatal == signal.SIGXCPU or out_of_time else ExecVerdict.signal
        number = int(fatal)
    elif code == 0:
        verdict = ExecVerdict.ok
    return ExecResult(
        verdict=verdict,
        exit_code=code,
        signal=number,
        stdout=ended.stdout,
        stderr=stderr,
        report=ended.report,
        truncated=ended.truncated,
        seconds=ended.seconds,
    )


def not_started(ended: Ended, request: Request) -> tuple[int, bytes]:
    """The exit code and message for a program that cannot be run. stderr is bwrap's own: nothing else has run."""
    if "idmap" in ended.trouble:
        raise OverlayRefused(ended.trouble["idmap"])
    if ended.trouble:
        raise SandboxBroken(f"the sandbox could not be set up: {'; '.join(ended.trouble.values())}")
    words = ended.stderr.decode("utf-8", "replace").strip()
    prefix = "bwrap: execvp "
    if words.startswith(prefix):
        code = 127 if "No such file" in words else 126
        return code, f"{words.removeprefix(prefix)}\n".encode()
    if "overlay" in words:
        raise OverlayRefused(words)
    raise SandboxBroken(f"the sandbox could not be set up: {words or 'bwrap ended without a word'}")


def copied(view: View, tree: Path, owner: int | None) -> Marks:
    """A copy for one run, and its marks. WorkspaceError names what cannot be read."""
    tree.mkdir(0o755)
    if is_folder(view.workspace / HIDDEN):
        (tree / HIDDEN).mkdir(0o755)  # an empty place to mount the empty one on
    try:
        shut = build_tree(view, tree, owner)
    except PermissionError as error:
        raise WorkspaceError(
            f"the workspace cannot be copied: {error.filename}: {error.strerror}",
            hint="give this user read permission, or a host with overlays, which need no copy",
        ) from None
    found = marks(tree)
    for place, mode in shut:
        place.chmod(mode)
    return found


def touched_by(ended: Ended, recipe: Recipe, before: Marks) -> set[str]:
    if recipe.tree is not None:
        return changed_since(before, recipe.tree)
    if ended.upper is not None:
        return harvest(ended.upper, recipe.view)
    fd = os.open(recipe.upper, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return harvest(fd, recipe.view)
    finally:
        os.close(fd)


def make_files(target: Path, files: Mapping[str, bytes], owner: int | None) -> None:
    target.mkdir(0o755)
    for path, content in files.items():
        place = target / Path(path).relative_to(FILES)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o444)
        give(place, owner)
        for folder in (place.parent, *place.parent.parents):
            if not folder.is_relative_to(target):
                break
            folder.chmod(0o755)


def give(place: Path, owner: int | None) -> None:
    if owner is not None:
        os.chown(place, owner, owner)


def make_home(drop: int | None, workspace: Path | None) -> Scratch:
    """The session's folder, outside the workspace. A dropped uid must be able to pass all folders above it."""
    for base in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        place = Path(os.path.realpath(base))
        if drop is not None and not all(passable(folder) for folder in (place, *place.parents)):
            continue
        if workspace is not None and place.is_relative_to(workspace):
            continue
        if os.access(place, os.W_OK):
            home = Scratch(place)
            if drop is not None:
                home.path.chmod(0o711)
            return home
    raise SandboxUnavailable(
        "no temporary folder that an unprivileged user can reach",
        hint="set TMPDIR to a folder with mode 1777",
    )


def passable(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
