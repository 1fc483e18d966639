"""Calling a function from a commit, asynchronous or not. Commits run in threads; what is asynchronous belongs to an
event loop: that of the bench, where there is one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

__all__ = ["called", "home"]

_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar("revet_loop", default=None)


@contextlib.contextmanager
def home(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Inside, what is asynchronous runs in `loop`, whose own thread must not wait for it."""
    token = _loop.set(loop)
    try:
        yield
    finally:
        _loop.reset(token)


def called(make: Callable[[], Any], seconds: float) -> Any:
    """What `make` returns; if that has to be awaited, what comes of it, within `seconds` (else TimeoutError)."""
    loop = _loop.get()
    value = make()
    if not inspect.isawaitable(value):
        return value
    if loop is not None and loop.is_running() and loop is not _running():
        return _in(loop, value, seconds)
    return _apart(value, seconds)


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _within(value: Awaitable[Any], seconds: float) -> Any:
    async with asyncio.timeout(seconds):
        return await value


def _in(loop: asyncio.AbstractEventLoop, value: Awaitable[Any], seconds: float) -> Any:
    try:
        return asyncio.run_coroutine_threadsafe(_within(value, seconds), loop).result()
    except concurrent.futures.CancelledError:
        raise TimeoutError("it was cancelled") from None


def _apart(value: Awaitable[Any], seconds: float) -> Any:
    """In an event loop and a thread of its own: this thread may be running a loop already."""
    answer: concurrent.futures.Future[Any] = concurrent.futures.Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            answer.set_result(context.run(asyncio.run, _within(value, seconds)))
        except BaseException as error:  # noqa: BLE001 - raised where the function was called
            answer.set_exception(error)

    thread = threading.Thread(target=work, name="revet-call", daemon=True)
    thread.start()
    thread.join()
    return answer.result()
