"""Search of the web as evidence: cached with time and source, replayed offline, patient with what fails."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError, RevetError
from revet.models.retry import Retries
from revet.schema import Evidence, Outcome, digest
from revet.tools._search.kept import Fetched, Missing, Passing, Store, moment
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.engines import Engine, Found, ask, engine_named
from revet.tools.observation import clip

__all__ = ["SearchWeb", "WebSearch"]

MOST_QUERY, MOST_SHOWN, MOST_TITLE, MOST_URL = 400, 200, 200, 2_000
MOST_RESULTS = 50
MOST_OBSERVED = 8_000
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class SearchWeb(BaseModel):
    """Search the web. You get titles, addresses and short texts of the pages that fit best."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, description="what to search for, in a few words")
    since: Literal["day", "week", "month", "year"] | None = Field(
        default=None, description="only pages of the last day, week, month or year"
    )
    region: str | None = Field(
        default=None, pattern=r"^[a-z]{2}-[a-z]{2}$", description="country and language, such as us-en or de-de"
    )
    skip: int = Field(default=0, ge=0, le=MOST_RESULTS, description="how many of the best results to pass over")
    exclude: tuple[str, ...] = Field(default=(), description="ids of results that are known already")


class WebSearch:
    """Searches the web with `engine`: ``ddgs`` by default, the address of a SearXNG server, or any callable.

    A call gives at most `results` results of at most `passage` characters. What was found is kept in `cache`, a folder
    or the URL of a PostgreSQL database (default: that of the agent's store, else the user's folder), and is fresh for
    `days`; `offline`, or with `replay` (a cache, by its file, folder or URL), only what is kept is found. Requests
    begin at least `interval` seconds apart, are tried again as `retries` says, and have `timeout` seconds each. One
    object serves any number of tasks at a time.
    """

    name = "web"
    arguments: type[BaseModel] | None = SearchWeb

    def __init__(
        self,
        engine: Engine | str | None = None,
        *,
        results: int = 5,
        passage: int = 400,
        cache: str | Path | None = None,  # text first: a URL that is read as an option is no path
        offline: bool = False,
        replay: str | Path | None = None,
        days: float = 7.0,
        megabytes: float = 256.0,
        interval: float = 1.0,
        concurrency: int = 2,
        retries: Retries | None = None,
        timeout: float = 40.0,
    ) -> None:
        if not 1 <= results <= MOST_RESULTS or passage < 40 or timeout <= 0:
            raise InputError(f"results must be 1 to {MOST_RESULTS}, passage at least 40, timeout above 0")
        self.engine = engine_named(engine)
        self.results, self.passage, self.timeout = results, passage, timeout
        retries = retries or Retries(attempts=3)
        self.terms = Terms(seconds=(timeout + retries.longest) * retries.attempts, keep="run")
        self._store = Store(
            folder=cache,
            replay=replay,
            offline=offline,
            days=days,
            megabytes=megabytes,
            interval=interval,
            concurrency=concurrency,
            retries=retries,
        )

    def keep_answers(self, url: str) -> None:
        """Keep answers in the PostgreSQL database at `url`, unless `cache` or `replay` named another place."""
        self._store.settle(url)

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing: what to search for is for a role to say."""
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The results, in ``data["results"]`` with their ids, and the time of the search. None is inconclusive."""
        start = time.monotonic()
        try:
            wanted = SearchWeb.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not searched: {error.errors()[0]['msg']}")
        query = " ".join(unicodedata.normalize("NFKC", UNSEEN.sub(" ", wanted.query)).split())[:MOST_QUERY].strip()
        if not query:
            return evidence_for(call, view, Outcome.error, "not searched: the query is blank")
        outcome, why = Outcome.inconclusive, ""
        try:
            fetched = await self._find(query, wanted)
            return self._told(call, view, wanted, fetched, time.monotonic() - start)
        except Missing as error:
            why = f"not searched: {error}: {clip(query, MOST_SHOWN)!r}"
        except Passing as error:
            outcome = Outcome.timeout if error.slow else outcome
            why = f"not found out: the search failed, {self._store.retries.attempts} times: {clip(str(error), 600)}"
        except RevetError:
            raise
        except Exception as error:  # noqa: BLE001 - any engine can be plugged in; what it raises is told
            why = f"not found out: the engine {_name(self.engine)} failed: {type(error).__name__}: {error}"
        data: dict[str, JsonValue] = {"results": [], "passages": []}
        return evidence_for(call, view, outcome, clip(why, 1_000), data=data, seconds=time.monotonic() - start)

    async def _find(self, query: str, wanted: SearchWeb) -> Fetched:
        limit = min(MOST_RESULTS, wanted.skip + len(wanted.exclude) + self.results)
        key = digest(
            _name(self.engine),
            getattr(self.engine, "settings", []),
            query.casefold(),
            wanted.region,
            wanted.since,
            length=32,
        )

        async def fetch() -> tuple[str, dict[str, JsonValue]]:
            try:
                async with asyncio.timeout(self.timeout):
                    found, unheard = await ask(self.engine, query, limit, region=wanted.region, since=wanted.since)
            except TimeoutError:
                raise Passing(f"no answer within {self.timeout:g} s", slow=True) from None
            except (ConnectionError, OSError) as error:
                raise Passing(f"{type(error).__name__}: {error}") from None
            results = _plain(found, self.passage)
            if not results and found.failed:
                raise Passing("; ".join(f"{name}: {why}" for name, why in found.failed.items()))
            body: dict[str, JsonValue] = {
                "query": query,
                "asked": limit,
                "results": [dict(each) for each in results],
                "failed": {str(name)[:60]: str(why)[:160] for name, why in found.failed.items()},
                "unheard": list(unheard),
            }
            return _name(self.engine), body

        def good(body: Mapping[str, JsonValue], age: float) -> bool:
            """Whole, and as many as are wanted. That nothing was found is believed for a day."""
            asked, results = body.get("asked"), body.get("results")
            enough = isinstance(asked, int) and asked >= limit
            return enough and not body.get("failed") and (bool(results) or age < 86_400)

        return await self._store.answer("search", key, fetch, good)

    def _told(self, call: ToolCall, view: View, wanted: SearchWeb, fetched: Fetched, seconds: float) -> Evidence:
        """What is found is told the same whether it was searched now or comes from the cache."""
        kept = fetched.kept
        known = kept.body.get("results")
        every = [each for each in known if isinstance(each, dict)] if isinstance(known, list) else []
        rest = [each for each in every if each.get("id") not in wanted.exclude]
        results: list[JsonValue] = list(rest[wanted.skip : wanted.skip + self.results])
        notes = _notes(kept.body)
        at = moment(kept.at)
        data: dict[str, JsonValue] = {
            "results": results,
            "passages": results,
            "at": at,
            "engine": kept.source,
            "cached": fetched.cached,
            "failed": kept.body.get("failed") or {},
        }
        if fetched.lost:
            data["not_kept"] = fetched.lost
        shown = clip(wanted.query, MOST_SHOWN)
        if not results:
            what = "nothing more" if wanted.skip or wanted.exclude else "nothing"
            text = f"{what} found for {shown!r} by {kept.source} at {at}{notes}"
            return evidence_for(call, view, Outcome.inconclusive, text, data=data, source=kept.source, seconds=seconds)
        lines = [f"[{each['title']}] {each['text']} ({each['url']})" for each in results if isinstance(each, dict)]
        text = clip("\n\n".join([*lines, f"(found by {kept.source} at {at}{notes})"]), MOST_OBSERVED)
        first = results[0]
        source = str(first["url"]) if isinstance(first, dict) else None
        return evidence_for(call, view, Outcome.passed, text, data=data, source=source, seconds=seconds)


def _notes(body: Mapping[str, JsonValue]) -> str:
    failed, unheard = body.get("failed"), body.get("unheard")
    notes = ""
    if isinstance(failed, dict) and failed:
        notes += f"; not all could be asked: {', '.join(f'{name} ({why})' for name, why in failed.items())}"
    if isinstance(unheard, list) and unheard:
        notes += f"; the engine does not know {', '.join(map(str, unheard))}, so that was not heeded"
    return notes


def _plain(found: Found, longest: int) -> list[dict[str, JsonValue]]:
    """The results with an address of the web, each once, in plain text of bounded length."""
    results: dict[str, dict[str, JsonValue]] = {}
    for each in found.results:
        if not isinstance(each, Mapping):
            continue
        url = _first(each, ("url", "href", "link"), MOST_URL).replace(" ", "%20")
        if not url.lower().startswith(("http://", "https://")) or url in results:
            continue
        told: dict[str, JsonValue] = {
            "id": digest(url),
            "title": _first(each, ("title", "name"), MOST_TITLE) or url[:MOST_TITLE],
            "url": url,
            "text": _first(each, ("text", "body", "content", "snippet", "description"), longest),
        }
        engine = _first(each, ("engine",), 60)
        results[url] = {**told, "engine": engine} if engine else told
    return list(results.values())[:MOST_RESULTS]


def _first(each: Mapping[str, Any], names: Sequence[str], longest: int) -> str:
    """The first of the fields that holds a text, on one line, at most so long."""
    for name in names:
        said = each.get(name)
        if isinstance(said, str) and said.strip():
            return " ".join(UNSEEN.sub(" ", said[: longest * 4]).split())[:longest].strip()
    return ""


def _name(engine: Engine) -> str:
    return str(getattr(engine, "name", None) or getattr(engine, "__name__", None) or type(engine).__name__)
