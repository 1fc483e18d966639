"""Synchronous code that waits for asynchronous code, also where an event loop runs already (a notebook)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["wait"]

T = TypeVar("T")


def wait(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from synchronous code, whether or not this thread already runs an event loop.

    An interrupt (Ctrl-C, a notebook's stop button) cancels it, and is raised again when it has wound up.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    box: list[T | BaseException] = []
    begun: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Task[T]] | None] = queue.Queue()

    async def main() -> T:
        task = asyncio.ensure_future(make())
        begun.put((asyncio.get_running_loop(), task))
        return await task

    def work() -> None:
        whole = main()
        try:
            box.append(asyncio.run(whole))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            box.append(error)
        finally:
            whole.close()
            begun.put(None)  # what broke before it began is not waited for

    # In a copy of the context, as `asyncio.run` would: what traces this finds its parent.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="revet-run")
    thread.start()
    running = begun.get()
    try:
        thread.join()
    except BaseException:
        if running is not None:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it has ended meanwhile
                running[0].call_soon_threadsafe(running[1].cancel)
        thread.join()
        raise
    result = box[0]
    if isinstance(result, BaseException):
        raise result
    return result
