"""One virtual machine of E2B's: made, given time, files and commands, and killed."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import secrets
import shlex
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from typing import IO, Any

from revet.errors import DiskFull, SandboxBroken, SandboxUnavailable
from revet.sandboxes.base import Network
from revet.sandboxes.e2b.calls import OutOfTime, sdk, typed_errors
from revet.sandboxes.e2b.owner import labels
from revet.sandboxes.guests import Corrupt

__all__ = ["USER", "Machine", "Seen"]

HOME = "/var/lib/revet"
GUEST = f"{HOME}/revet_guest"
PARTS = ("__init__", "frames", "staging", "supervisor", "room", "walls")
PYTHON = ("python3", "-I", "-S", "-X", "utf8", "-c")
START = f"import sys; sys.path.insert(0, {HOME!r}); from revet_guest.room import main; sys.exit(main(sys.argv[1:]))"
USER = 1000
"""The uid of programs in a machine that has more users than root: E2B's own ordinary user."""
SPARE_SECONDS = 30.0
SETUP_SECONDS = 120.0

Seen = Mapping[str, Any]
"""What a machine's own probe found: python, executable, machine (its processor), users (whether there is an ordinary
one), overlay and own_users (whether its kernel makes them), error (null, or why it can make no room)."""


class Machine:
    """A running machine. Its clock is kept a little ahead of what runs in it; when it stops, the machine is killed."""

    def __init__(self, sandbox: Any, connection: dict[str, Any], seconds: int) -> None:
        self._sandbox, self._connection = sandbox, connection
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._renewing = asyncio.Lock()
        self.seen: Seen = {}

    @classmethod
    async def start(cls, template: str | None, connection: dict[str, Any], seconds: int, network: Network) -> Machine:
        """A new one, ready to make rooms. SandboxUnavailable, InputError for an unknown template."""
        with typed_errors("starting a virtual machine", opening=True, template=template):
            making = sdk().AsyncSandbox.create(
                template,
                timeout=seconds,
                metadata=labels(),
                allow_internet_access=network is Network.full,
                **connection,
            )
            sandbox = await to_its_end(making, lambda made: cls(made, connection, seconds).kill())
        machine = cls(sandbox, connection, seconds)
        try:
            with typed_errors("setting up the virtual machine", opening=True):
                await machine._furnish()
        except BaseException:
            await asyncio.shield(machine.kill())
            raise
        return machine

    @property
    def id(self) -> str:
        return str(self._sandbox.sandbox_id)

    @property
    def user(self) -> int | None:
        """The uid of programs; None if the supervisor and they share one."""
        return USER if self.seen["users"] else None

    async def _furnish(self) -> None:
        folder = resources.files("revet.sandboxes").joinpath("_guest")
        sources = {part: folder.joinpath(f"{part}.py").read_bytes() for part in PARTS}
        files = [{"path": f"{GUEST}/{part}.py", "data": source} for part, source in sources.items()]
        await self._sandbox.files.write_files(files, user="root")
        status, out, err = await self._in_time("probe")
        try:
            self.seen = json.loads(out)
        except ValueError:
            why = err.strip() or out.strip() or f"it ended with status {status}"
            raise SandboxUnavailable(
                f"E2B: this template cannot hold a sandbox: {why[-500:]}",
                hint="use a template with python3 and bash, in which root may make namespaces (the default one is)",
            ) from None
        if self.seen["error"] is not None:
            raise SandboxUnavailable(
                f"E2B: this template cannot hold a sandbox: {self.seen['error']}",
                hint="use a template whose root may mount and make namespaces (the default one is)",
            )

    async def stage(self, pack: IO[bytes]) -> str:
        """Unpack a workspace in a folder that runs then see below what they write; the folder. DiskFull."""
        with typed_errors("staging the workspace"):
            order, base = f"{HOME}/{secrets.token_hex(8)}.pack", f"{HOME}/base-{secrets.token_hex(8)}"
            await self._sandbox.files.write(order, pack, user="root")
            user = "" if self.user is None else str(self.user)
            status, _, err = await self._in_time("stage", order, base, user)
        complain(err)
        if status != 0:
            raise SandboxBroken(f"E2B: staging the workspace failed with status {status}: {err.strip()[-500:]}")
        return base

    async def run(self, order: bytes, seconds: float, feed: Callable[[bytes], None]) -> str:
        """Carry out a room's order; what went wrong there, if the supervisor did not start. `feed` gets its bytes.

        Whatever `feed` raises ends the run, and is raised. OutOfTime if it is not done in time; MachineGone if the
        machine dies meanwhile; DiskFull, SandboxBroken.
        """
        await self.renew(seconds)
        place = f"{HOME}/{secrets.token_hex(8)}.order"
        with typed_errors("sending an order to the virtual machine"):
            await self._sandbox.files.write(place, order, user="root")
        lines = Lines(feed)
        try:
            with typed_errors("running a program"):
                _, _, err = await self._room("run", place, seconds=seconds, hear=lines.feed)
        finally:
            if lines.error is not None:
                raise lines.error from None
        complain(err)
        return err.strip()[-500:]

    async def renew(self, seconds: float) -> None:
        """See to it that the machine lives for so long, and as long again as it was made for."""
        async with self._renewing:
            if self._ends - time.monotonic() > seconds + SPARE_SECONDS:
                return
            wanted = math.ceil(seconds) + self._seconds
            with typed_errors("extending the virtual machine's time"):
                await self._sandbox.set_timeout(wanted)
            self._ends = time.monotonic() + wanted

    async def run_code(self, code: str, language: str | None, seconds: float) -> Any:
        """The SDK's Execution. TimeoutError if it takes longer."""
        await self.renew(seconds)
        try:
            return await self._sandbox.run_code(code, language=language, timeout=seconds)
        except Exception as error:
            # The SDK says the same of a machine that died and of code that took too long; only the words differ.
            if type(error).__name__ == "TimeoutException" and await self.lives():
                raise TimeoutError(str(error)) from error
            with typed_errors("running code"):
                raise

    async def lives(self) -> bool:
        with typed_errors("asking after the virtual machine"):
            return bool(await self._sandbox.is_running())

    async def snapshot(self) -> str:
        with typed_errors("taking a snapshot"):
            return str((await self._sandbox.create_snapshot()).snapshot_id)

    async def kill(self) -> None:
        """End it. Nothing if it has ended already."""
        with typed_errors("killing the virtual machine"):
            await sdk().AsyncSandbox.kill(self.id, **self._connection)

    async def _room(
        self, *words: str, seconds: float, hear: Callable[[str], None] | None = None
    ) -> tuple[int, str, str]:
        """Run the room's program as root: its exit status, what it said where nobody heard it, and its complaints."""
        out: list[str] = []
        err: list[str] = []
        command = shlex.join(["exec", *PYTHON, START, *words])
        starting = self._sandbox.commands.run(
            command,
            background=True,
            user="root",
            cwd="/",
            timeout=0,
            on_stdout=hear or out.append,
            on_stderr=err.append,
            retain_output=False,
        )
        handle = await to_its_end(starting, self._stop)
        try:
            async with asyncio.timeout(seconds):
                done = await handle.wait()
        except BaseException as error:
            if type(error).__name__ == "CommandExitException":
                return int(error.exit_code), "".join(out), "".join(err)  # type: ignore[attr-defined]
            await asyncio.shield(self._stop(handle))
            if isinstance(error, TimeoutError):
                raise OutOfTime from None
            raise
        return int(done.exit_code), "".join(out), "".join(err)

    async def _in_time(self, *words: str) -> tuple[int, str, str]:
        """The same for what takes moments, on a machine that works."""
        try:
            return await self._room(*words, seconds=SETUP_SECONDS)
        except OutOfTime:
            raise TimeoutError(f"the virtual machine did not answer in {SETUP_SECONDS:.0f} seconds") from None

    async def _stop(self, handle: Any) -> None:
        """Kill a command and stop listening to it. Where that fails the machine's end is its end, too."""
        try:
            with contextlib.suppress(SandboxBroken), typed_errors("killing a command"):
                await handle.kill()
        finally:
            await handle.disconnect()


async def to_its_end(making: Awaitable[Any], undo: Callable[[Any], Awaitable[None]]) -> Any:
    """What `making` gives. A cancellation waits for that, and undoes it: else it would be left over, unknown."""
    task = asyncio.ensure_future(making)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            await undo(task.result())
        raise


def complain(err: str) -> None:
    """Raise what a room said it could not do, if it did."""
    for line in err.splitlines():
        try:
            told = json.loads(line)
            kind, words = told["kind"], f"E2B: the virtual machine could not do its work: {told['words']}"
        except (ValueError, TypeError, KeyError):  # not a complaint
            continue
        if kind == "full":
            raise DiskFull(words, hint="raise Limits.disk, or use a template with a larger disk or more memory")
        raise SandboxBroken(words)


class Lines:
    """Takes lines of base64, cut anywhere, and passes on what they hold, until that is refused."""

    def __init__(self, feed: Callable[[bytes], None]) -> None:
        self._feed, self._rest = feed, ""
        self.error: Exception | None = None

    def feed(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        try:
            for line in lines:
                self._feed(decoded(line))
        except Exception as error:
            self.error = error
            raise


def decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except ValueError as error:
        raise Corrupt(f"a line is not base64: {error}") from None
