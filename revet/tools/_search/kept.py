"""Asking the web once: from the cache where it is fresh enough, else fetched, again after a passing failure, and kept.

What `WebSearch` and `ReadPage` have in common. When offline, only the cache answers.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar
from weakref import WeakValueDictionary

from pydantic import JsonValue

from revet.errors import InputError
from revet.models.limits import Limits
from revet.models.retry import Retries
from revet.store.place import url_of
from revet.tools._search.cache import DAY, Cache, Kept, NotKept, cache_home

if TYPE_CHECKING:
    from revet.tools._search.pg_cache import PgCache

__all__ = ["Fetched", "Missing", "Passing", "Store", "again", "moment"]

FILE = "web.sqlite"
T = TypeVar("T")


class Bounds(TypedDict):
    """How much is kept, see `Cache`."""

    most_bytes: int
    most_days: float


class Passing(Exception):
    """A failure that may pass. `wait` is how many seconds the other side asks to be left alone, None if it does not.

    `slow`: it took too long.
    """

    def __init__(self, message: str, *, wait: float | None = None, slow: bool = False) -> None:
        super().__init__(message)
        self.wait, self.slow = wait, slow


class Missing(Exception):
    """Nothing is kept, and nothing may be fetched."""


@dataclass(frozen=True)
class Fetched:
    """An answer, whether it came from the cache, and why it could not be kept (None if it was)."""

    kept: Kept
    cached: bool
    lost: str | None = None


class Store:
    """A cache with its rules. `replay` names a cache (its file, its folder, or a database by its URL) that alone
    answers, at any age.

    `folder` is where the cache lies (a folder, or the URL of a PostgreSQL database), by default that of the user, or
    the one that `settle` names; `days` is how long an answer is fresh. `offline`: only the cache answers. At most
    `concurrency` requests are under way, begun at least `interval` seconds apart.
    """

    def __init__(
        self,
        *,
        folder: Path | str | None,
        replay: Path | str | None,
        offline: bool,
        days: float,
        megabytes: float,
        interval: float,
        concurrency: int,
        retries: Retries,
    ) -> None:
        if days < 0 or interval < 0 or not megabytes > 0:
            raise InputError("days and interval must be 0 or more, megabytes above 0")
        self.offline = offline or replay is not None
        self.fresh, self.retries = days * DAY, retries
        self._limits = Limits(concurrency, 1 / interval if interval else None)
        self._turns: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = WeakValueDictionary()
        named = replay if replay is not None else folder
        self._unsettled = named is None
        # What is kept outlives its freshness, so that a run can be done again offline.
        self._bounds: Bounds = {"most_bytes": int(megabytes * 1024 * 1024), "most_days": max(90.0, 3 * days)}
        self.cache: Cache | PgCache
        url = None if named is None else url_of(named)
        if url is not None:
            self.cache = _cache_at(url, self._bounds, read_only=replay is not None)
            return
        if replay is not None:
            path = Path(replay).expanduser().resolve()
            path = path / FILE if path.is_dir() else path
            if not path.is_file():
                raise InputError(f"there is no cache {path} to replay", hint=f"name a {FILE} or the folder of one")
            self.cache = Cache(path, read_only=True)
            return
        place = Path(folder).expanduser().resolve() if folder is not None else cache_home()
        if place.exists() and not place.is_dir():
            raise InputError(f"the cache {place} is no folder", hint="name a folder")
        self.cache = Cache(place / FILE, **self._bounds)

    def settle(self, url: str) -> None:
        """Keep answers in the PostgreSQL database at `url`, if no cache was named. The first that is said counts."""
        if self._unsettled:
            self.cache, self._unsettled = _cache_at(url, self._bounds), False

    async def answer(
        self,
        kind: str,
        key: str,
        fetch: Callable[[], Awaitable[tuple[str, dict[str, JsonValue]]]],
        good: Callable[[Mapping[str, JsonValue], float], bool] = lambda body, age: True,
    ) -> Fetched:
        """What is kept under the key if it is fresh and `good` (given its age in seconds), else what `fetch` gives.

        `fetch` returns the source and the body. The same is fetched once, however many ask at a time. Raises `Missing`
        when offline, and what `fetch` raises when its retries are used up.
        """
        loop = id(asyncio.get_running_loop())
        turn = self._turns.setdefault((loop, kind, key), asyncio.Lock())
        async with turn:
            kept = await asyncio.to_thread(self._get, kind, key)
            age = time.time() - kept.at if kept else 0.0
            if kept and (self.offline or (age <= self.fresh and good(kept.body, age))):
                return Fetched(kept, cached=True)
            if self.offline:
                raise Missing(f"offline, and the cache {self.cache.shown} has no answer to it")
            source, body = await again(self.retries, lambda: self._limited(fetch))
            kept = Kept(at=time.time(), source=source, body=body)
            try:
                await asyncio.to_thread(self.cache.put, kind, key, kept)
            except NotKept as error:
                return Fetched(kept, cached=False, lost=str(error))
            return Fetched(kept, cached=False)

    def _get(self, kind: str, key: str) -> Kept | None:
        try:
            return self.cache.get(kind, key)
        except sqlite3.OperationalError as error:
            raise InputError(f"the cache {self.cache.shown} cannot be used: {error}", hint="name another") from None

    async def _limited(self, fetch: Callable[[], Awaitable[T]]) -> T:
        async with self._limits:
            return await fetch()


def _cache_at(url: str, bounds: Bounds, *, read_only: bool = False) -> PgCache:
    from revet.tools._search.pg_cache import PgCache

    return PgCache(url, **bounds, read_only=read_only)


async def again(retries: Retries, call: Callable[[], Awaitable[T]]) -> T:
    """What `call` returns, tried again after each `Passing` failure, unless the wait asked for is too long."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await call()
        except Passing as failure:
            if attempt >= retries.attempts or (failure.wait or 0.0) > retries.longest:
                raise
            pause = retries.wait(attempt, failure)
        await asyncio.sleep(pause)


def moment(at: float) -> str:
    """Seconds since 1970 as ``2026-11-21T10:00:00+00:00``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
