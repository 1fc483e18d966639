"""A workspace in the local sandbox: makes what one run needs, runs it, and says what happened."""

from __future__ import annotations

import asyncio
import os
import py_compile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from revet.errors import DiskFull, SandboxBroken, SandboxUnavailable
from revet.sandboxes.base import AsyncClosing, Entry, ExecResult, Feature, Layer, Limits, Network, PythonResult, Refusal
from revet.sandboxes.kept import Kept
from revet.sandboxes.local.cgroup import Group, Groups
from revet.sandboxes.local.copies import Copy, reached
from revet.sandboxes.local.harvest import harvest, leavings, leavings_of_copy, legible
from revet.sandboxes.local.places import copied, fits_in_memory, make_files, make_folder, make_home, size_of
from revet.sandboxes.local.process import Ended, Running, in_thread
from revet.sandboxes.local.profile import SHARED_MEMORY, Mode, Recipe, Stage, arguments, make_etc, make_whiteouts
from revet.sandboxes.local.python import Interpreter
from revet.sandboxes.local.seccomp import filter_program
from revet.sandboxes.local.verdict import OverlayRefused, judge
from revet.sandboxes.local.warm import Site, WarmPool, WarmUnavailable
from revet.sandboxes.request import Request, checked
from revet.sandboxes.scratch import no_room
from revet.sandboxes.snippets import make_order, run_cold
from revet.sandboxes.trees import changed_since, remove_tree
from revet.sandboxes.view import is_folder

if TYPE_CHECKING:
    from revet.sandboxes.trial.quick import Ground

__all__ = ["LocalSession"]

T = TypeVar("T")


class LocalSession(AsyncClosing):
    """See `revet.sandboxes.base.Session`.

    An exit code of 128 + n, for a signal n that programs die of, is told as that signal: bwrap does not tell
    ``exit(139)`` from a segmentation fault. A program killed by the kernel at or after its CPU limit counts
    as a timeout. Files whose owner or group is not the workspace folder's cannot be changed inside (the
    kernel cannot map them).
    """

    def __init__(
        self,
        mode: Mode,
        workspace: Path | None,
        interpreter: Interpreter,
        *,
        limits: Limits | None = None,
        network: Network = Network.none,
        demanded: frozenset[str] = frozenset(),
        preload: Sequence[str] = (),
        workers: int | None = None,
    ) -> None:
        self._mode, self._interpreter, self._network, self._demanded = mode, interpreter, network, demanded
        self._limits = limits or Limits()
        real = None if workspace is None else Path(os.path.realpath(workspace))
        self._scratch = make_home(mode.drop, real)
        self._home = self._scratch.path
        self._overlay = mode.overlay
        self._serial = count()
        self._running: set[Running] = set()
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._groups: Groups | None = None
        self._ground: Ground | None = None
        try:
            self._make(workspace)
        except OSError as error:
            self._scratch.close()
            raise no_room(error, self._home) from None
        self._pool = WarmPool(self._site(borrowed=real is not None), preload=preload, workers=workers)

    def _make(self, workspace: Path | None) -> None:
        if workspace is None:
            workspace = self._home / "workspace"
            make_folder(workspace, 0o755)
        self.workspace = Path(os.path.realpath(workspace))
        spelled = Path(os.path.abspath(workspace))  # noqa: PTH100 - links in it are what is looked for
        self._alias = None if spelled == self.workspace or spelled.is_relative_to("/usr") else spelled
        self._etc = self._home / "etc"
        make_etc(self._etc, self._network)
        self._launcher = self._home / "launch.pyc"
        py_compile.compile(str(Path(__file__).with_name("launch.py")), str(self._launcher), doraise=True)
        self._launcher.chmod(0o644)
        kept = self._home / "kept"
        make_folder(kept, 0o700)
        self._kept = Kept(self.workspace, kept)
        if self._mode.groups is not None:
            self._groups = Groups(self._mode.groups)

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
        keep: bool = False,
    ) -> ExecResult:
        self._check_open()
        if keep and layer is not None:
            await in_thread(lambda: self._kept.replace(layer))
            layer = None
        with self._kept.pinned() as own:
            request = checked(
                self.workspace,
                own,
                argv=argv,
                layer=layer,
                limits=limits or self._limits,
                env=env,
                stdin=stdin,
                cwd=cwd,
                read_only=read_only,
                files=files,
                on_report=on_report,
                report=report,
                keep=keep,
            )
            overlay = self._overlay
            try:
                return await self._attempt(request, overlay)
            except OverlayRefused as refused:
                if not overlay:
                    raise SandboxBroken(f"the sandbox could not be set up: {refused}") from None
                if Feature.no_copy in self._demanded:
                    raise SandboxUnavailable(
                        f"the workspace cannot be laid over, and no_copy was demanded: {refused}",
                        hint="move the workspace to a local file system, or demand less",
                    ) from None
                self._overlay = False
                return await self._attempt(request, overlay=False)

    async def run_python(
        self,
        code: str | bytes,
        data: JsonValue = None,
        *,
        returns: str = "result",
        layer: Layer | None = None,
        limits: Limits | None = None,
        stdin: bytes = b"",
    ) -> PythonResult:
        self._check_open()
        order, wanted = make_order(code, data, returns), limits or self._limits
        # A warm interpreter shows the workspace as it is, and has mounted its scratch before it knows the limits.
        if layer is None and self._kept.layer is None and wanted.disk == self._limits.disk:
            try:
                return await self._pool.run(order, wanted, stdin)
            except WarmUnavailable as reason:
                if Feature.warm_python in self._demanded:
                    raise SandboxUnavailable(f"no warm interpreter, which was demanded: {reason}") from None
        python = str(self._interpreter.executable)
        return await run_cold(self, order, python=python, layer=layer, limits=limits, stdin=stdin)

    async def read(self, path: str, *, most: int = 64 * 1024 * 1024) -> bytes:
        self._check_open()
        return await in_thread(lambda: self._kept.read(path, most))

    async def write(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        self._check_open()
        await in_thread(lambda: self._kept.write(path, content, mode))

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        self._check_open()
        return await in_thread(lambda: self._kept.list(path))

    async def changes(self) -> Layer:
        self._check_open()
        return self._kept.changes()

    async def discard(self) -> None:
        self._check_open()
        await in_thread(lambda: self._kept.replace(None))

    def ground(self) -> Ground:
        """Where commands are tried on this session's workspace: see `revet.sandboxes.trial`. NoOverlay if nowhere."""
        from revet.sandboxes.trial.quick import Ground  # few sessions try commands

        self._check_open()
        if self._ground is None:
            self._ground = Ground(self.workspace, interpreter=self._interpreter, mode=self._mode)
        return self._ground

    async def close(self) -> None:
        """Kill what still runs and remove the session's folder. Closing twice is harmless."""
        self._closing = True
        for running in self._running:
            running.stop("closed")
        await self._pool.close()
        await self._idle.wait()
        if self._ground is not None:
            self._ground.close()
        if self._groups is not None:
            self._groups.close()
        self._scratch.close()

    def _site(self, borrowed: bool) -> Site:
        return Site(
            mode=self._mode,
            workspace=self.workspace,
            borrowed=borrowed,
            interpreter=self._interpreter,
            limits=self._limits,
            network=self._network,
            home=self._home,
            etc=self._etc,
            alias=self._alias,
            launcher=self._launcher,
            groups=self._groups,
        )

    def _check_open(self) -> None:
        if self._closing or not self._scratch.close.alive:
            raise SandboxBroken("the session is closed", hint="open another with the sandbox's open()")

    async def _attempt(self, request: Request, overlay: bool) -> ExecResult:
        self._check_open()
        place = self._home / f"x{next(self._serial)}"
        running = Running(self._launcher, request.limits, request.stdin, request.on_report)
        self._running.add(running)
        self._idle.clear()
        group: Group | None = None
        try:
            with ExitStack() as made:
                try:
                    make_folder(place, 0o711)
                    group = self._group(request, made)
                    copy = None if overlay else await self._copy(request, place)
                    recipe, stage = self._recipe(request, place, copy)
                    options = arguments(recipe, stage)
                except OSError as error:
                    raise no_room(error, self._home) from error
                ended = await running.run(
                    self._plan(recipe, stage, copy),
                    options,
                    request.argv,
                    filter_program(local_sockets=self._network is Network.none),
                    request.report,
                    fill=self._filler(request, copy),
                    join=None if group is None else group.join,
                    cpu_seconds=None if group is None else group.cpu_seconds,
                )
                if ended.upper is not None:
                    made.callback(os.close, ended.upper)
                result = judge(ended, request.limits, group is not None and group.oom_kills() > 0)
                return await in_thread(lambda: self._harvest(result, ended, request, recipe, copy))
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

    def _group(self, request: Request, made: ExitStack) -> Group | None:
        if self._groups is None:
            return None
        group = self._groups.make(request.limits)
        made.callback(self._groups.drop, group)
        return group

    async def _copy(self, request: Request, place: Path) -> Copy:
        """What the copy will be like; one on disk is made at once."""
        if self._mode.capped:
            size = await in_thread(lambda: size_of(request.view))
            if fits_in_memory(size):
                return Copy(place / "m" / "up" / "tree", size, {})
        if Feature.capped_disk in self._demanded:
            raise DiskFull(
                f"there is not enough memory for a copy of the workspace {self.workspace}, which must be capped",
                hint="demand no capped_disk, or use a host with overlays",
            )
        tree = place / "tree"
        return Copy(tree, None, await in_thread(lambda: copied(request.view, tree, self._mode.drop)))

    def _filler(self, request: Request, copy: Copy | None) -> Callable[[int], None] | None:
        if copy is None or copy.size is None:
            return None

        def fill(upper: int) -> None:
            copy.marks = copied(request.view, reached(upper), self._mode.drop)

        return fill

    def _harvest(
        self, result: ExecResult, ended: Ended, request: Request, recipe: Recipe, copy: Copy | None
    ) -> ExecResult:
        """The result with what was touched, and with what was not kept."""
        deleted: list[str] = []
        if copy is not None:
            tree = copy.place if copy.size is None else reached(ended.upper)
            touched = changed_since(copy.marks, tree)
            fd = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
        else:
            fd = os.open(recipe.upper, os.O_RDONLY | os.O_DIRECTORY) if ended.upper is None else os.dup(ended.upper)
            touched = harvest(fd, request.view)
        refused: tuple[Refusal, ...] = ()
        try:
            if request.keep:
                found = (
                    leavings(fd, request.view, deleted)
                    if copy is None
                    else leavings_of_copy(fd, request.view, copy.marks, deleted)
                )
                refused = self._kept.take(found, deleted, request.limits, own=request.view.layer)
        finally:
            os.close(fd)
        return result.model_copy(update={"touched": legible(touched), "refused": refused})

    def _recipe(self, request: Request, place: Path, copy: Copy | None) -> tuple[Recipe, Stage]:
        """Make this run's folders, and the recipe that names them."""
        mode = self._mode
        mount = place / "m"
        make_folder(mount, 0o755)
        scratch = mount if mode.capped else place
        for folder in () if mode.capped else (place / "up", place / "work"):
            make_folder(folder, 0o755, mode.drop)
        files = white = None
        if request.files:
            files = place / "files"
            make_files(files, request.files, mode.drop)
        if copy is None and request.view.deleted:
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
            tree=None if copy is None else copy.place,
            upper=scratch / "up",
            work=scratch / "work",
            tmp=scratch / "tmp",
            alias=self._alias,
            network=self._network,
        )
        return recipe, Stage(mount, mode.drop is not None)

    def _plan(self, recipe: Recipe, stage: Stage, copy: Copy | None) -> dict[str, object]:
        """What the launcher needs to know. Call it last: it holds what the options had staged."""
        mode = self._mode
        room = None if copy is None else copy.size
        return {
            "drop": mode.drop,
            "nested": mode.nested,
            "capped": mode.capped,
            "mount": str(stage.mount),
            "scratch": recipe.limits.disk + (room or 0),
            "tmp": recipe.limits.disk,
            "shm": min(recipe.limits.disk, SHARED_MEMORY),
            "stage": stage.plan,
            "bwrap": str(stage.place_program(mode)),
        }
