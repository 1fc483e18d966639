"""Starts a fork server in a sandbox of its own, through the launcher that every run goes through."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from revet.errors import InputError, SandboxBroken
from revet.sandboxes._guest.orders import KEY_BYTES, TROUBLE
from revet.sandboxes.base import Limits, Network
from revet.sandboxes.local.cgroup import Group, Groups
from revet.sandboxes.local.pipes import parse_status
from revet.sandboxes.local.places import make_files, make_folder
from revet.sandboxes.local.process import Running
from revet.sandboxes.local.profile import FILES, SHARED_MEMORY, STORE, Mode, Recipe, Stage, arguments
from revet.sandboxes.local.python import Interpreter
from revet.sandboxes.local.seccomp import filter_program
from revet.sandboxes.local.warm.filter import with_door
from revet.sandboxes.scratch import no_room
from revet.sandboxes.trees import remove_tree
from revet.sandboxes.view import HIDDEN, View

__all__ = ["Birth", "Site", "WarmUnavailable"]

PARTS = ("start.py", "forkserver.py", "ground.py", "snippet.py", "orders.py")
START_SECONDS = 120.0
# What the server and its sleeping forks may use besides what the server uses when it is ready.
OWN_MEMORY = 64 * 1024 * 1024
OWN_PROCESSES = 16
NO_LIMIT = 1 << 40


class WarmUnavailable(Exception):
    """No fork server can run here, and why. A fresh interpreter can, for each piece of code."""


@dataclass(frozen=True)
class Site:
    """What a session gives its fork servers. `borrowed`: the workspace is the caller's, and is laid over."""

    mode: Mode
    workspace: Path
    borrowed: bool
    interpreter: Interpreter
    limits: Limits
    network: Network
    home: Path
    etc: Path
    alias: Path | None
    launcher: Path
    groups: Groups | None

    def refusal(self) -> str:
        """Why no fork server may run here; empty if one may."""
        parts = (self.interpreter.executable, *self.interpreter.shown)
        if any(Path(os.path.realpath(part)).is_relative_to(self.workspace) for part in parts):
            return "the interpreter is the workspace's: what serves others must not come from there"
        if self.borrowed and not self.mode.overlay:
            return "no overlays work here, which the workspace needs"
        return ""


class Hosted(Running):
    """A launcher and a program below it that stays."""

    def begin(
        self, stack: ExitStack, plan: Mapping[str, Any], options: Sequence[str], argv: Sequence[str], seccomp: bytes,
        channel: int,
    ) -> None:  # fmt: skip
        """Start it. `stack` kills it, waits for its end, and closes what was opened."""
        self._start(stack, plan, options, argv, seccomp, report=False, channel=channel)
        stack.callback(self._collect)
        stack.callback(self._finish)

    def kill(self) -> None:
        """Have it killed, without waiting. Harmless when it has ended."""
        if self._control >= 0:
            self._tell_launcher()

    def words(self) -> tuple[dict[str, str], str]:
        """Of one that has ended: what the launcher had trouble with, by kind, and the program's standard error."""
        _, trouble = parse_status(bytes(self._sinks["status"].data))
        return trouble, self._sinks["stderr"].data.decode("utf-8", "replace").strip()

    def _collect(self) -> None:
        for name, sink in self._sinks.items():
            self._drain(name, sink)


class Birth:
    """One fork server, from nothing to its first word. `close` ends it; blocks for as long as dying takes.

    Servers share the processors by their `turn`; what they run is free to use all.
    """

    def __init__(self, site: Site, preload: Sequence[str], turn: int) -> None:
        self.site, self.preload, self.turn = site, preload, turn
        self.group: Group | None = None
        self._fitted = (0, 0)
        self._used = 0
        self._oom_kills = 0
        self._stack = ExitStack()
        self.close = self._stack.close
        place = site.home / f"w{secrets.token_hex(4)}"
        limits = Limits(
            cpu_seconds=NO_LIMIT, memory=NO_LIMIT, processes=1 << 22, file_size=NO_LIMIT, disk=site.limits.disk
        )
        self.hosted = Hosted(site.launcher, limits, b"", None)
        try:
            make_folder(place, 0o711)
            self._stack.callback(remove_tree, place)
            self._join()
            self.control = self._launch(place, limits)
        except OSError as error:
            self.close()
            raise no_room(error, site.home) from error
        except BaseException:
            self.close()
            raise

    def settle(self) -> None:
        """Measure the server, which is ready, so that what it uses is not the code's."""
        if self.group is not None:
            self._used = self.group.memory_used()

    def fit(self, limits: Limits) -> None:
        """Have the control group hold what runs next to `limits`. SandboxBroken if it cannot be done."""
        if self.group is None or (limits.memory, limits.processes) == self._fitted:
            return
        try:
            self.group.limit(limits.memory + self._used + OWN_MEMORY, limits.processes + OWN_PROCESSES)
        except OSError as error:
            raise SandboxBroken(f"the limits of a control group cannot be set: {error}") from None
        self._fitted = limits.memory, limits.processes

    def oomed(self) -> bool:
        """Whether the kernel has killed for memory since it was last asked."""
        if self.group is None:
            return False
        before, self._oom_kills = self._oom_kills, self.group.oom_kills()
        return self._oom_kills > before

    def stop(self) -> None:
        """Kill it, without waiting."""
        self.hosted.kill()

    def failure(self, word: bytes) -> Exception:
        """What is to be raised: the server's last word, or none, came instead of a fork."""
        trouble, said = self.hosted.words()
        if word.startswith(TROUBLE):
            return self._of_server(word[1:].decode("utf-8", "replace"))
        if "idmap" in trouble:
            return WarmUnavailable(trouble["idmap"])
        told = "; ".join(trouble.values()) or said or "it ended without a word"
        return SandboxBroken(f"the warm interpreter could not be set up: {told}")

    def _of_server(self, words: str) -> Exception:
        kind, _, text = words.partition(":")
        if kind == "preload":
            return InputError(f"the warm interpreter cannot preload {text}", hint="name modules that it can import")
        return WarmUnavailable(words)

    def _join(self) -> None:
        site = self.site
        if site.groups is None:
            return
        self.group = site.groups.make(site.limits)
        self._stack.callback(site.groups.drop, self.group)
        self.group.limit(NO_LIMIT, site.limits.processes + OWN_PROCESSES)

    def _launch(self, place: Path, limits: Limits) -> socket.socket:
        site, key = self.site, secrets.token_bytes(KEY_BYTES)
        recipe, stage = make_recipe(site, place, limits)
        options = arguments(recipe, stage)
        plan = {
            "drop": site.mode.drop,
            "nested": site.mode.nested,
            "capped": site.mode.capped,
            "mount": str(stage.mount),
            "scratch": limits.disk,
            "tmp": limits.disk,
            "fill": False,
            "join": [] if self.group is None else self.group.joins,
            "bwrap": str(stage.place_program(site.mode)),
            "stage": stage.plan,
        }
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stack.enter_context(ours)
        ours.setblocking(False)
        ours.send(json.dumps(self._words()).encode())
        ours.send(key)
        argv = [str(site.interpreter.executable), "-I", str(FILES / PARTS[0])]
        program = filter_program(local_sockets=site.network is Network.none)
        seccomp = with_door(program, int.from_bytes(key, "little"))
        self.hosted.begin(self._stack, plan, options, argv, seccomp, theirs.detach())
        return ours

    def _words(self) -> dict[str, Any]:
        """What the server is to know, besides the key."""
        site = self.site
        return {
            "workspace": str(site.workspace),
            "overlay": site.borrowed,
            "hidden": HIDDEN,
            "store": str(STORE),
            "disk": site.limits.disk,
            "shm": min(site.limits.disk, SHARED_MEMORY),
            "preload": list(self.preload),
            "turn": self.turn,
        }


def make_recipe(site: Site, place: Path, limits: Limits) -> tuple[Recipe, Stage]:
    """The folders of one server's sandbox, and the recipe that names them."""
    mount = place / "m"
    make_folder(mount, 0o755)
    scratch = mount if site.mode.capped else place
    for folder in () if site.mode.capped else (place / "up", place / "work"):
        make_folder(folder, 0o755, site.mode.drop)
    make_files(place / "files", sources(), site.mode.drop)
    recipe = Recipe(
        mode=site.mode,
        view=View(site.workspace),
        limits=limits,
        interpreter=site.interpreter,
        env={"LD_BIND_NOW": "1"},  # else each fork would look up what it is the first to call
        cwd=".",
        read_only=(),
        etc=site.etc,
        files=place / "files",
        white=None,
        tree=None,
        upper=scratch / "up",
        work=scratch / "work",
        tmp=scratch / "tmp",
        alias=site.alias,
        network=site.network,
        server=True,
    )
    return recipe, Stage(mount, site.mode.drop is not None)


@cache
def sources() -> dict[str, bytes]:
    """The guest's programs, by their paths inside."""
    folder = resources.files("revet.sandboxes").joinpath("_guest")
    return {str(FILES / name): folder.joinpath(name).read_bytes() for name in PARTS}
