"""Functions that are not asynchronous, run beside the event loop."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
    """What the function returns or raises, from a thread of its own that sees the same context variables.

    No thread can be stopped: where this is cancelled, the function goes on to its end and nobody hears of it. It does
    not keep the process from ending, as one of the event loop's own pool would.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            result = context.run(function, *args, **kwargs)
        except (StopIteration, SystemExit, KeyboardInterrupt) as error:  # no future can hold these
            tell(_failed, RuntimeError(f"it raised {type(error).__name__}: {error}"))
        except BaseException as error:  # noqa: BLE001 - it is raised where the function was called
            tell(_failed, error)
        else:
            tell(_returned, result)

    def tell(how: Callable[[asyncio.Future[T], Any], None], what: object) -> None:
        try:
            loop.call_soon_threadsafe(how, answer, what)
        except RuntimeError:  # the loop has ended: nobody waits
            return

    threading.Thread(target=work, daemon=True, name="revet-tool").start()
    return await answer


def _returned(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _failed(answer: asyncio.Future[T], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
