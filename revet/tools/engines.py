"""Search engines for `WebSearch`: several public ones through `ddgs`, an own SearXNG server, or any callable.

An engine is called with the query and the number of results wanted, and gives mappings with `title`, `url` and `text`.
It may be asynchronous, and may take the keywords `region` and `since`. What it raises is told as evidence.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from revet.errors import InputError, MissingDependency
from revet.tools._search.fetch import Rules, Unreadable, Wrong, fetch
from revet.tools._search.kept import Passing

__all__ = ["Ddgs", "Engine", "Found", "SearXng", "ask", "engine_named"]

BACKENDS = ("duckduckgo", "wikipedia", "brave", "mojeek", "startpage", "yahoo")
SINCE = {"day": "d", "week": "w", "month": "m", "year": "y"}
AT_A_TIME = 3
NONE_FOUND = "no results found"
MOST_WHY = 160


@dataclass(frozen=True)
class Found:
    """What an engine found. `failed` says which parts of it could not answer, and why; the results are then partial."""

    results: Sequence[Mapping[str, Any]]
    failed: Mapping[str, str] = field(default_factory=dict)


Results = Found | Sequence[Mapping[str, Any]]
Engine = Callable[..., Results | Awaitable[Results]]


class Ddgs:
    """The public search engines that `ddgs` asks. They are asked three at a time until there are enough results.

    `proxy` is taken from the environment (``DDGS_PROXY``, ``HTTPS_PROXY``) unless it is given. `timeout` is in seconds,
    for each of them; what does not answer in time is left out, and named.
    """

    name = "ddgs"

    def __init__(
        self,
        backends: Sequence[str] = BACKENDS,
        *,
        proxy: str | None = None,
        timeout: float = 10.0,
        region: str = "us-en",
        safesearch: str = "moderate",
    ) -> None:
        if not backends or timeout <= 0:
            raise InputError("name at least one backend, and a timeout above 0")
        if safesearch not in ("on", "moderate", "off"):
            raise InputError(f"safesearch is {safesearch!r}", hint="it is on, moderate or off")
        self.backends, self.proxy, self.timeout = tuple(backends), proxy, timeout
        self.region, self.safesearch = region, safesearch

    @property
    def settings(self) -> list[object]:
        """What else an answer depends on."""
        return [*self.backends, self.region, self.safesearch]

    async def __call__(self, query: str, limit: int, *, region: str | None = None, since: str | None = None) -> Found:
        """Raises `Passing` if none of them could answer."""
        names = _backends(self.backends)
        rankings: list[list[dict[str, Any]]] = []
        failed: dict[str, str] = {}
        for start in range(0, len(names), AT_A_TIME):
            some = names[start : start + AT_A_TIME]
            for name, answer in zip(some, await self._ask(some, query, limit, region, since), strict=True):
                if isinstance(answer, str):
                    failed[name] = answer
                else:
                    rankings.append(answer)
            if len({each.get("href") for ranking in rankings for each in ranking}) >= limit:
                break
        if not rankings:
            slow = all("timed out" in why for why in failed.values())
            raise Passing("; ".join(f"{name}: {why}" for name, why in failed.items()), slow=slow)
        return Found(_merged(rankings), failed)

    async def _ask(
        self, names: Sequence[str], query: str, limit: int, region: str | None, since: str | None
    ) -> list[list[dict[str, Any]] | str]:
        """What each of them finds, or why it cannot answer."""

        async def one(name: str) -> list[dict[str, Any]] | str:
            try:
                # Each has its own time limit; this one is for what ignores it.
                async with asyncio.timeout(self.timeout + 5):
                    return await asyncio.to_thread(self._one, name, query, limit, region, since)
            except TimeoutError:
                return "timed out"

        return await asyncio.gather(*map(one, names))

    def _one(
        self, name: str, query: str, limit: int, region: str | None, since: str | None
    ) -> list[dict[str, Any]] | str:
        import ddgs
        from ddgs.exceptions import DDGSException, TimeoutException

        how = {"region": region or self.region, "safesearch": self.safesearch, "timelimit": SINCE.get(since or "")}
        try:
            with ddgs.DDGS(proxy=self.proxy or _environment(), timeout=max(1, round(self.timeout))) as engine:
                found = engine.text(query, max_results=limit, backend=name, **how)
        except TimeoutException:
            return "timed out"
        except DDGSException as error:
            why = " ".join(str(error).split())
            return [] if NONE_FOUND in why.lower() else why[:MOST_WHY] or type(error).__name__
        return [{**each, "engine": name} for each in found]


class SearXng:
    """A SearXNG server (its format ``json`` must be enabled), at its address, such as ``http://localhost:8888``."""

    name = "searxng"

    def __init__(self, url: str, *, timeout: float = 20.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"{url!r} is no address of a SearXNG server", hint="it begins with http:// or https://")
        self.url, self.timeout = url.rstrip("/"), timeout

    @property
    def settings(self) -> list[object]:
        return [self.url]

    async def __call__(self, query: str, limit: int, *, region: str | None = None, since: str | None = None) -> Found:
        asked = {"q": query, "format": "json", "language": region.partition("-")[2] if region else ""}
        if since in ("day", "month", "year"):
            asked["time_range"] = since
        address = f"{self.url}/search?{urlencode({key: said for key, said in asked.items() if said})}"
        rules = Rules(seconds=self.timeout, allow_private=True, kinds=("application/json",))
        try:
            page = await asyncio.to_thread(fetch, address, rules)
            said = json.loads(page.body)
        except (Wrong, Unreadable, ValueError) as error:
            raise RuntimeError(f"{self.url}: {error} (is its format json enabled?)") from None
        results = said.get("results") if isinstance(said, dict) else None
        silent = said.get("unresponsive_engines") if isinstance(said, dict) else None
        failed = {str(each[0]): str(each[1]) for each in silent or () if isinstance(each, list) and len(each) > 1}
        return Found(results if isinstance(results, list) else [], failed)


def engine_named(engine: Engine | str | None) -> Engine:
    """The engine: as given, ``ddgs`` (the default), or a SearXNG server by its address."""
    if engine is None or engine == "ddgs":
        return Ddgs()
    if isinstance(engine, str):
        return SearXng(engine)
    if not callable(engine):
        raise InputError(f"{engine!r} is no engine", hint="give a callable, 'ddgs', or a SearXNG address")
    return engine


async def ask(engine: Engine, query: str, limit: int, **more: str | None) -> tuple[Found, list[str]]:
    """What the engine finds, and those of the wishes in `more` that it knows nothing about."""
    wishes = {name: wish for name, wish in more.items() if wish is not None}
    taken = _keywords(engine)
    known = {name: wish for name, wish in wishes.items() if taken is None or name in taken}
    waiting = inspect.iscoroutinefunction(engine) or inspect.iscoroutinefunction(getattr(engine, "__call__", None))  # noqa: B004 - it may be an object with an asynchronous __call__
    answer: Any = engine(query, limit, **known) if waiting else await asyncio.to_thread(engine, query, limit, **known)
    if inspect.isawaitable(answer):
        answer = await answer
    found = answer if isinstance(answer, Found) else Found(answer)
    return found, sorted(wishes.keys() - known.keys())


def _keywords(engine: Engine) -> set[str] | None:
    """The names of the parameters; None if any keyword is taken, or nobody can tell."""
    try:
        parameters = inspect.signature(engine).parameters.values()
    except (TypeError, ValueError):
        return set()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return None
    return {each.name for each in parameters}


def _backends(names: Sequence[str]) -> list[str]:
    """Those that this `ddgs` has: they come and go with its releases."""
    try:
        from ddgs.engines import ENGINES
    except ImportError:
        raise MissingDependency("searching the web needs ddgs", hint="pip install ddgs") from None
    known = ENGINES.get("text", {})
    found = [name for name in names if name in known]
    if not found:
        raise InputError(f"ddgs has none of {', '.join(names)}", hint=f"it has {', '.join(sorted(known))}")
    return found


def _merged(rankings: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The first of each, then the second of each, and so on."""
    longest = max(map(len, rankings))
    return [ranking[place] for place in range(longest) for ranking in rankings if place < len(ranking)]


def _environment() -> str | None:
    known = urllib.request.getproxies()
    return known.get("https") or known.get("all") or known.get("http")
