"""A machine of the test service: a folder, and one bubblewrap over it in which everything of that machine runs.

It has a root that may make namespaces and mount, as in a virtual machine, and a user 1000; started by an ordinary user,
which can have no second one, both are user 0, and "user" has no capabilities. The host's files are out of reach for
either.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from revet.sandboxes.local.probe import features
from revet.sandboxes.trees import remove_tree

__all__ = ["Machine", "MachineGone", "OperationRefused"]

NOBODY = 65534
MOST_LINE = 256 * 1024 * 1024
KEPT_FOLDERS = ("etc", "home/user", "var")
PASSWORDS = "root:x:0:0::/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n"
MIB = 1024 * 1024


class MachineGone(Exception):
    """It was killed, or ran out of time."""


class OperationRefused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Machine:
    def __init__(
        self, folder: Path, template: str, metadata: dict[str, str], envs: dict[str, str], seconds: float
    ) -> None:
        self.id = f"i{secrets.token_hex(9)}"
        self.token = secrets.token_hex(16)
        self.template, self.metadata, self.envs = template, metadata, envs
        self.folder = folder
        self.started = datetime.now(UTC)
        self.ends = self.started
        self.gone = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Future[None] | None = None
        self.kernels: dict[str, Any] = {}
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.live_for(seconds)

    async def boot(self, image: Path | None) -> None:
        """Start it, on a copy of a snapshot's files if there is one."""
        for name in KEPT_FOLDERS:
            if image is not None:
                shutil.copytree(image / name, self.folder / name, symlinks=True)
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "etc" / "passwd").write_text(PASSWORDS)
        program = self.folder / "agent.py"
        shutil.copy(Path(__file__).with_name("agent.py"), program)
        python = Path(os.path.realpath(sys.base_prefix))
        bwrap = Path(features().bwrap)
        if os.geteuid() == 0:
            launch, python, bwrap = prepare_as_root(self.folder, python, bwrap)
        else:
            launch = []
        self._process = await asyncio.create_subprocess_exec(
            *launch,
            *command(self.folder, program, python, bwrap),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd="/",
            env={},
            limit=MOST_LINE,
        )
        self._listener = asyncio.ensure_future(self._listen())
        await self.ask("stat", path="/")

    def live_for(self, seconds: float) -> None:
        """It is killed so many seconds from now, whatever was said before."""
        self.ends = datetime.now(UTC) + timedelta(seconds=seconds)
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(seconds, lambda: loop.create_task(self.kill()))

    async def kill(self) -> None:
        """End it and remove its files."""
        if self.gone.is_set():
            return
        self.gone.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._process is not None and self._listener is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            await self._listener
        await asyncio.to_thread(remove_tree, self.folder)

    async def save(self, image: Path) -> None:
        """A copy of its files."""
        for name in KEPT_FOLDERS:
            await asyncio.to_thread(shutil.copytree, self.folder / name, image / name, symlinks=True)

    async def ask(self, operation: str, **order: Any) -> Any:
        """The answer to one operation of the agent. OperationRefused, MachineGone."""
        number, answers = self._send(operation, order)
        try:
            answer = await answers.get()
        finally:
            self._waiting.pop(number, None)
        if "gone" in answer:
            raise MachineGone
        if "error" in answer:
            raise OperationRefused(*answer["error"])
        return answer["ok"]

    async def start(
        self,
        cmd: str,
        args: list[str],
        *,
        user: str = "user",
        envs: dict[str, str] | None = None,
        cwd: str = "",
        stdin: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """Run a command; its events, the last of them its end."""
        order = {
            "cmd": cmd,
            "args": args,
            "user": user,
            "envs": {**self.envs, **(envs or {})},
            "cwd": cwd,
            "stdin": stdin,
        }
        number, answers = self._send("start", order)
        try:
            while True:
                answer = await answers.get()
                if "gone" in answer:
                    raise MachineGone
                if "error" in answer:
                    raise OperationRefused(*answer["error"])
                yield answer["event"]
                if "end" in answer["event"]:
                    return
        finally:
            self._waiting.pop(number, None)

    async def send_input(self, pid: int, data: bytes) -> None:
        await self.ask("input", pid=pid, data=base64.b64encode(data).decode())

    def _send(self, operation: str, order: dict[str, Any]) -> tuple[int, asyncio.Queue[dict[str, Any]]]:
        if self.gone.is_set():
            raise MachineGone
        number = next(self._numbers)
        answers = self._waiting[number] = asyncio.Queue()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write((json.dumps({"id": number, "op": operation, **order}) + "\n").encode())
        return number, answers

    async def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            if (answers := self._waiting.get(answer["id"])) is not None:
                answers.put_nowait(answer)
        for answers in self._waiting.values():
            answers.put_nowait({"gone": True})


def prepare_as_root(folder: Path, python: Path, bwrap: Path) -> tuple[list[str], Path, Path]:
    """Give the folder to nobody. The words that make a command nobody's, and where nobody finds Python and bwrap."""
    package = bwrap.parent.parent  # a wheel's bwrap needs the libraries beside its package
    binds = {python: folder / "python"}
    if not bwrap.is_relative_to("/usr"):
        binds[package] = folder / "wheel" / package.name
        libraries = package.with_name(f"{package.name}.libs")
        binds[libraries] = folder / "wheel" / libraries.name
    for place in binds.values():
        place.mkdir(parents=True)
    for place in (folder, *folder.rglob("*")):
        owner = NOBODY - 1 if place.is_relative_to(folder / "home" / "user") else NOBODY
        os.chown(place, owner, owner, follow_symlinks=False)
    words = [sys.executable, "-I", "-S", str(Path(__file__).with_name("boot.py")), str(NOBODY)]
    words += [f"{source}={place}" for source, place in binds.items()]
    reached = binds.get(package, package) / bwrap.relative_to(package)
    return [*words, "--"], binds[python], reached


def command(folder: Path, program: Path, python: Path, bwrap: Path) -> list[str]:
    """bubblewrap's command line for a machine."""
    words = [str(bwrap), "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--cap-add", "ALL"]
    words += [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "0", "--gid", "0"]  # see boot.py
    words += ["--die-with-parent", "--new-session", "--hostname", "machine", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    base = Path(os.path.realpath(sys.base_prefix))  # at its own path: it may look for its libraries there
    above = {place for top in (base, Path("/home/user"), Path("/root/x")) for place in top.parents}
    for place in sorted(above - {Path("/"), Path("/usr")}):
        words += ["--dir", str(place)]  # else bwrap makes them for root alone
    if not base.is_relative_to("/usr"):
        words += ["--ro-bind", str(python), str(base)]
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += ["--perms", "1777", "--size", str(512 * MIB), "--tmpfs", "/tmp"]
    for name in KEPT_FOLDERS:
        words += ["--bind", str(folder / name), f"/{name}"]
    words += ["--setenv", "PATH", f"{base}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin"]
    words += ["--ro-bind", str(program), "/agent.py"]
    return [*words, f"{base}/bin/python3", "-I", "-S", "/agent.py"]
