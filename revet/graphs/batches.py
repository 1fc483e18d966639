"""Group commit: what many tasks want written at the same time goes to the disk in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Generic[T]):
    """Gathers items while a batch is being written, and writes them as the next one, in the order of `put`.

    `write` runs in a thread, one batch at a time, and writes all of it or raises; then each item is written on its own,
    so that nobody fails for what is wrong with another's. For one event loop. No task does the writing: what ends all
    tasks of a loop (Ctrl-C) must not leave a thread behind that nobody waits for.
    """

    def __init__(self, write: Callable[[Sequence[T]], object]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._single: list[tuple[T, asyncio.Future[None]]] = []
        self._writing: asyncio.Future[object] | None = None

    async def put(self, item: T) -> None:
        """Returns when `item` is written. It is written even if the caller is cancelled meanwhile."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writing is None:
            self._write_next()
        await done

    async def drain(self) -> None:
        """Wait until everything is written, even if the caller is cancelled meanwhile."""
        cancelled: asyncio.CancelledError | None = None
        while self._writing is not None:
            try:
                await asyncio.wait([self._writing])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _write_next(self) -> None:
        if self._single:
            batch, self._single = self._single[:1], self._single[1:]
        else:
            batch, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, [item for item, _ in batch])
        self._writing.add_done_callback(partial(self._written, batch))

    def _written(self, batch: Sequence[tuple[T, asyncio.Future[None]]], writing: asyncio.Future[object]) -> None:
        error = writing.exception()
        self._writing = None
        if error is not None and len(batch) > 1:
            self._single = [*batch]
            self._write_next()
            return
        for _, done in batch:
            if done.done():
                continue
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(None)
        if self._single or self._waiting:
            self._write_next()
