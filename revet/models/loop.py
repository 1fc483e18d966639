"""The event loop on which chat models of other libraries are called, whoever asks.

Their clients keep connections that belong to the loop that opened them, often in caches shared by a whole process,
and fail when another loop uses them. So each such call is made on one loop, in a thread of its own, that lives as long
as the process.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["elsewhere"]

T = TypeVar("T")

LAST_WAIT = 5.0
"""Seconds that the process waits at its end for what is still under way to be cancelled."""

_lock = threading.Lock()
_served: tuple[int, asyncio.AbstractEventLoop] | None = None
"""The process that serves it, and the loop."""


async def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on the models' loop and wait for it. Cancelling the wait cancels the work.

    It runs in a copy of the caller's context, so that tracing and callbacks find their parents.
    """
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, _models_loop()))


def _models_loop() -> asyncio.AbstractEventLoop:
    """The loop; started at the first call, and again in a forked process, which has no thread that serves it."""
    global _served
    with _lock:
        if _served is None or _served[0] != os.getpid():
            started: Future[asyncio.AbstractEventLoop] = Future()
            thread = threading.Thread(target=_serve, args=(started,), name="revet-models", daemon=True)
            thread.start()
            _served = os.getpid(), started.result()
            atexit.register(_stop, _served[1], thread, os.getpid())
        return _served[1]


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        started.set_result(loop)
        loop.run_forever()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, process: int) -> None:
    if process == os.getpid() and thread.is_alive():
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LAST_WAIT)
