"""Takes tasks from where they come, a few at a time and in a thread: reading and checking keeps nothing waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Generic, TypeVar

__all__ = ["Feed"]

T = TypeVar("T")


class Feed(Generic[T]):
    """What is still to come of `tasks`, each with its place, from 0. Nothing is taken before it is asked for.

    `over` once all of it was taken, or nothing more can be: `error` is why.
    """

    def __init__(self, tasks: Iterable[T], threads: Executor) -> None:
        self._tasks, self._threads = enumerate(tasks), threads
        self.over = False
        self.error: Exception | None = None

    async def take(self, most: int) -> list[tuple[int, T]]:
        """The next ones, in their order: `most` of them, or fewer at the end."""
        if self.over:
            return []
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._next, most)

    def _next(self, most: int) -> list[tuple[int, T]]:
        found = []
        try:
            for each in self._tasks:
                found.append(each)
                if len(found) == most:
                    return found
        except Exception as error:  # noqa: BLE001 - whoever takes looks at it, once what was read is taken
            self.error = error
        self.over = True
        return found
