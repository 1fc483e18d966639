"""How many requests may be under way at once, and how many may begin in a second; and when none may."""

from __future__ import annotations

import asyncio
import heapq
import random
import threading
import time
from weakref import WeakKeyDictionary

from revet.errors import InputError

__all__ = ["Limits", "ProviderLimits"]

SPREAD = 0.1
"""Those who wait for the end of a pause go on within so much of its length, and not all at once."""


class Limits:
    """An asynchronous context manager: waits for its turn on entry, and gives it back on exit, cancelled or not.

    `concurrency` counts in each event loop; `requests_per_second` in all of them together, evenly spaced.
    None is no limit. After `pause`, nobody's turn comes before that time is over.
    """

    def __init__(self, concurrency: int | None = None, requests_per_second: float | None = None) -> None:
        if concurrency is not None and concurrency < 1:
            raise InputError(f"concurrency is {concurrency}", hint="allow at least one request at a time")
        if requests_per_second is not None and not requests_per_second > 0:
            raise InputError(f"requests_per_second is {requests_per_second}", hint="it must be above 0")
        self._concurrency = concurrency
        self._spacing = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0
        self._resumed, self._spread = 0.0, 0.0
        self._given_back: list[float] = []
        self._lock = threading.Lock()
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def __aenter__(self) -> None:
        turns = self._of_this_loop()
        if turns is not None:
            await turns.acquire()
        try:
            await self._paused()
            await self._space()
            while await self._paused():  # it began while we waited: what was spaced before is not any more
                await self._space()
        except BaseException:
            if turns is not None:
                turns.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        turns = self._of_this_loop()
        if turns is not None:
            turns.release()

    def pause(self, seconds: float) -> None:
        """Let nothing begin for so long: the provider asked to be left alone. A longer pause is not cut short."""
        with self._lock:
            until = time.monotonic() + seconds
            if until > self._resumed:
                self._resumed, self._spread = until, SPREAD * seconds

    def _of_this_loop(self) -> asyncio.Semaphore | None:
        if self._concurrency is None:
            return None
        loop = asyncio.get_running_loop()
        with self._lock:
            return self._turns.setdefault(loop, asyncio.Semaphore(self._concurrency))

    async def _paused(self) -> bool:
        """Wait for the end of a pause; False if there is none."""
        waited = False
        while (left := self._resumed - time.monotonic()) > 0:
            await asyncio.sleep(left + random.uniform(0, self._spread))
            waited = True
        return waited

    async def _space(self) -> None:
        """Take the next free moment and wait for it. Whoever is cancelled while waiting leaves it to the next comer."""
        if not self._spacing:
            return
        with self._lock:
            now = time.monotonic()
            mine = self._moment(now)
        try:
            await asyncio.sleep(mine - now)
        except BaseException:
            with self._lock:
                heapq.heappush(self._given_back, mine)
            raise

    def _moment(self, now: float) -> float:
        while self._given_back:
            mine = heapq.heappop(self._given_back)
            if mine >= now:
                return mine
        mine = max(now, self._next)
        self._next = mine + self._spacing
        return mine


class ProviderLimits:
    """One `Limits` for each provider, for all of its models together and all libraries that are given these.

    An endpoint of one's own (`base_url`) is another provider than the one whose protocol it speaks.
    """

    def __init__(self, concurrency: int | None = None, requests_per_second: float | None = None) -> None:
        Limits(concurrency, requests_per_second)  # refuses what is none, before anything is asked
        self.concurrency, self.requests_per_second = concurrency, requests_per_second
        self._limits: dict[tuple[str, str | None], Limits] = {}
        self._lock = threading.Lock()

    def of(self, model: str, base_url: str | None = None) -> Limits:
        """Those of the provider of a model, named ``provider:name``."""
        with self._lock:
            key = model.partition(":")[0], base_url
            if key not in self._limits:
                self._limits[key] = Limits(self.concurrency, self.requests_per_second)
            return self._limits[key]
