"""One connection to an MCP server: opened once, used by many calls, ended when it fails or nobody needs it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from revet.tools.adapters._stdio import Watch

__all__ = ["Gone", "Link", "Portal", "Slow", "Streams", "http_streams"]

MOST_BYTES = 64 * 1024 * 1024
"""Of one answer over HTTP."""
TIDYING = 10.0
QUIET = logging.NullHandler()

T = TypeVar("T")

Streams = Callable[[Watch], AbstractAsyncContextManager[tuple[Any, Any]]]
"""Opens a transport."""


class Gone(Exception):
    """The connection is lost, or could not be made; says why."""


class Slow(Exception):
    """No answer in time."""


class Link:
    """A session over a transport, kept by a task of its own, so that whoever calls may come and go."""

    def __init__(self, streams: Streams, connect: float) -> None:
        self.name = ""
        self.watch = Watch()
        self._streams, self._connect = streams, connect
        self._session: Any = None
        self._open, self._stop = asyncio.Event(), asyncio.Event()
        self._stale, self._users = False, 0
        self._error: BaseException | None = None
        self._task = asyncio.ensure_future(self._live())

    @property
    def usable(self) -> bool:
        return not (self._stale or self.watch.ended or self._task.done())

    async def opened(self) -> None:
        """Wait until it can be used. Raises `Gone`."""
        opening = asyncio.ensure_future(self._open.wait())
        try:
            await asyncio.wait({opening, self._task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            opening.cancel()
        if not self._open.is_set():
            raise Gone(self._why())

    async def ask(self, request: Any, kind: type[T], seconds: float) -> T:
        """The server's answer. Raises `Slow`, `Gone`, the server's own `McpError`, or ValueError for a malformed one.

        A connection whose server did not answer in time is used no more.
        """
        from anyio import BrokenResourceError, ClosedResourceError

        asking: asyncio.Task[T] = asyncio.ensure_future(self._session.send_request(request, kind))
        self._users += 1
        try:
            await asyncio.wait({asking, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            self._stale = True
            if self._task.done():
                raise Gone(self._why())
            raise Slow("; ".join(part for part in (f"no answer within {seconds:.3g} s", str(self.watch)) if part))
        except (BrokenResourceError, ClosedResourceError):
            self._stale = True
            raise Gone(self._why()) from None
        except Exception as error:
            if _lost(error):
                self._stale = True
                raise Gone(self._why(str(error))) from None
            raise
        except asyncio.CancelledError:
            self._stale = True
            raise
        finally:
            self._users -= 1
            asking.cancel()
            if self._stale and not self._users:
                self._stop.set()

    async def close(self) -> None:
        """End the connection and the server that was started for it."""
        self._stop.set()
        if not self._open.is_set():  # it waits for the server's first word, and may do so for long
            self._task.cancel()
        await asyncio.wait({self._task}, timeout=TIDYING)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=TIDYING)

    async def _live(self) -> None:
        from anyio import fail_after
        from mcp import ClientSession
        from mcp.types import Implementation

        # What the package logs is evidence here already; without a handler Python would write it to the terminal.
        for logger in ("mcp", "client"):
            logging.getLogger(logger).addHandler(QUIET)
        about = Implementation(name="revet", version="1")
        try:
            async with (
                self._streams(self.watch) as (read, write),
                ClientSession(read, write, client_info=about, message_handler=self._heard) as session,
            ):
                with fail_after(self._connect):
                    hello = await session.initialize()
                self.name, self._session = hello.serverInfo.name, session
                self._open.set()
                await self._stop.wait()
        except Exception as error:  # noqa: BLE001 - whatever ends a connection is told to who uses it
            self._error = error
        finally:
            self.watch.end("")

    async def _heard(self, message: object) -> None:
        """What is no answer: only what cannot be read matters."""
        if isinstance(message, Exception):
            self.watch.senseless(str(message).encode("utf-8", "replace"))

    def _why(self, said: str = "") -> str:
        """Why it cannot be used."""
        error = _innermost(self._error)
        if isinstance(error, TimeoutError):
            said = f"it did not answer within {self._connect:g} s"
        elif error is not None:
            said = str(error) or type(error).__name__
        told = str(self.watch)
        return "; ".join(part for part in (said if said not in told else "", told) if part) or "the connection is lost"


class Portal:
    """An event loop in a thread of its own: a connection outlives the event loops of those who call through it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        with self._turn:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), daemon=True, name="revet-mcp").start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self, before: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do what must be done `before`, then end the thread. Can be called twice."""
        with self._turn:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(before(), loop).result(2 * TIDYING)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            pass  # it does not tidy up; the process's end will
        finally:
            loop.call_soon_threadsafe(loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


@asynccontextmanager
async def http_streams(url: str, headers: Mapping[str, str], connect: float) -> AsyncIterator[tuple[Any, Any]]:
    """The streams of a server that speaks streamable HTTP. One answer is at most 64 MiB."""
    import httpx
    from mcp.client.streamable_http import streamable_http_client

    class Bounded(httpx.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self.stream, self.left = stream, MOST_BYTES

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self.stream:
                self.left -= len(piece)
                if self.left < 0:
                    raise httpx.ReadError("the server's answer is too large")
                yield piece

        async def aclose(self) -> None:
            await self.stream.aclose()

    async def bound(response: httpx.Response) -> None:
        response.stream = Bounded(response.stream)

    hooks = {"response": [bound]}
    timeout = httpx.Timeout(connect, read=300)
    async with (
        httpx.AsyncClient(headers=dict(headers), timeout=timeout, event_hooks=hooks) as client,
        streamable_http_client(url, http_client=client) as (read, write, _),
    ):
        yield read, write


def _lost(error: Exception) -> bool:
    """Whether a server's error says that there is no connection any more: closed, or its session forgotten."""
    from mcp.shared.exceptions import McpError
    from mcp.types import CONNECTION_CLOSED

    return isinstance(error, McpError) and (
        error.error.code == CONNECTION_CLOSED or error.error.message == "Session terminated"
    )


def _innermost(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error
