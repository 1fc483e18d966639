"""A service on loopback that speaks what the E2B SDK speaks, and really runs what it is told, in bubblewrap.

It is written from the wire (paths, headers, JSON, Connect envelopes), not from the SDK's own classes, and the SDK is
what talks to it. `E2BService.fail` makes it misbehave; `E2BService.vanish` takes machines away.

    with e2b_service() as service:
        sandbox = E2B(**service.options)
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from tests.sandboxes.e2b_server.control import Control, Fault
from tests.sandboxes.e2b_server.http import serve_connection
from tests.sandboxes.e2b_server.machine import Machine

__all__ = ["API_KEY", "E2BService", "Fault", "e2b_service"]

API_KEY = "e2b_0123456789abcdef0123456789abcdef01234567"
T = TypeVar("T")


class E2BService:
    """The running service. It has a thread and an event loop of its own, so that any test's loop may use it."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._control = Control(folder, API_KEY)
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="e2b-service", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._do(self._listen())
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments for `E2B`, so that it talks to this service."""
        return {"api_key": API_KEY, "connection": {"api_url": self.url, "sandbox_url": self.url}}

    @property
    def environment(self) -> dict[str, str]:
        """The same for another process."""
        return {"E2B_API_KEY": API_KEY, "E2B_API_URL": self.url, "E2B_SANDBOX_URL": self.url}

    @property
    def machines(self) -> list[Machine]:
        """Those that live."""
        return [machine for machine in self._control.machines.values() if not machine.gone.is_set()]

    @property
    def seen(self) -> list[tuple[str, bytes]]:
        """What was asked so far: "METHOD /path" and the body."""
        return self._control.seen

    @property
    def snapshots(self) -> list[str]:
        return list(self._control.images)

    def fail(self, match: str, **how: Any) -> Fault:
        """Misbehave as `Fault` says."""
        fault = Fault(match, **how)
        self._control.faults.append(fault)
        return fault

    def vanish(self) -> None:
        """Take every machine away at once, as when its time is up."""
        self._do(self._kill_all())

    def cut(self) -> None:
        """Break every connection that is open now, in the middle of whatever is said."""
        self._do(self._cut())

    def close(self) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await serve_connection(reader, writer, self._control)
        finally:
            self._connections.discard(task)

    async def _kill_all(self) -> None:
        for machine in self.machines:
            await machine.kill()

    async def _cut(self) -> None:
        tasks = set(self._connections)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _stop(self) -> None:
        await self._kill_all()
        self._server.close()
        await self._cut()
        await self._server.wait_closed()
        with contextlib.suppress(NotImplementedError):
            await self._loop.shutdown_default_executor()


@contextmanager
def e2b_service() -> Iterator[E2BService]:
    """The service while the block runs."""
    with TemporaryDirectory(prefix="e2b-service-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        service = E2BService(Path(folder))
        try:
            yield service
        finally:
            service.close()
