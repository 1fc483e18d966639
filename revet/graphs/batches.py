"""Group commit: what many tasks want written at the same time goes to the disk in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Generic[T]):
    """Gathers items while a batch is being written, and writes them as the next one, in the order of `put`.

    `write` runs in a thread, one batch at a time, and writes all of it or raises. For one event loop.
    """

    def __init__(self, write: Callable[[Sequence[T]], object]) -> None:
        self._write = write
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def put(self, item: T) -> None:
        """Returns when `item` is written. It is written even if the caller is cancelled meanwhile."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())
        await done

    async def drain(self) -> None:
        """Wait until everything is written."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await asyncio.to_thread(self._write, [item for item, _ in batch])
                except Exception as error:  # noqa: BLE001 - raised in whoever waits for it
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
        finally:
            self._writing = None
