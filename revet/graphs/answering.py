"""A program that answers in a person's place, while a run goes on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

from revet.graphs import events
from revet.graphs.notebook import unheard
from revet.graphs.questions import Answering, Expire
from revet.schema import Run
from revet.tools.adapters._threads import in_thread

__all__ = ["Approver", "answered", "last_of"]

Approver: TypeAlias = "Callable[[events.Asked], Answering | Awaitable[Answering | None] | None]"
"""Asks a person: is shown what is asked, and gives the answer; None if there is none, and the run goes on waiting."""


async def last_of(
    stream: AsyncGenerator[events.Event, None], hear: Callable[[events.Event], None] = unheard
) -> tuple[Run, events.Asked | None]:
    """The record that a stream ends with, and what is asked, if it waits. `hear` is told each event."""
    run: Run | None = None
    asked: events.Asked | None = None
    async with aclosing(stream) as said:
        async for event in said:
            hear(event)
            run = event.run if isinstance(event, events.Finished) else run
            asked = event if isinstance(event, events.Asked) else asked
    assert run is not None
    return run, asked


async def answered(approve: Approver, asked: events.Asked, seconds: float | None) -> Answering | None:
    """What the person says; that time is over, if they take too long."""
    try:
        async with asyncio.timeout(seconds) as limit:
            said: Any = approve(asked) if inspect.iscoroutinefunction(approve) else await in_thread(approve, asked)
            answer: Answering | None = await said if inspect.isawaitable(said) else said
            return answer
    except TimeoutError:
        if not limit.expired():
            raise  # the callback's own
        return Expire()
