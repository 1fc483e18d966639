"""Reading a page of the web, or a PDF, as evidence: the passages that fit a question, with the page's address.

What a page says is data. It is read as text in bounded time; nothing in it is run, and no address inside this machine's
own network is read unless that is allowed.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlunsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.models.retry import Retries
from revet.schema import Evidence, Outcome, digest
from revet.tools._search.cache import Kept
from revet.tools._search.fetch import Page, Rules, Unreadable, Wrong, checked, fetch
from revet.tools._search.kept import Fetched, Missing, Passing, Store, moment
from revet.tools._search.passages import passages
from revet.tools._search.reading import Part, Read, read_page, read_pdf
from revet.tools.base import Terms, ToolCall, View, evidence_for
from revet.tools.corpus import as_match
from revet.tools.observation import clip

__all__ = ["PageToRead", "ReadPage"]

MOST_TEXT = 1_000_000
MOST_SHOWN = 200
MOST_OBSERVED = 8_000
TOKENIZER = "porter unicode61 remove_diacritics 2"
BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a]")


class PageToRead(BaseModel):
    """Read a page of the web, or a PDF. You get the passages of it that fit your question, or its beginning."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=4_000, description="the address, with http:// or https://")
    question: str = Field(default="", max_length=2_000, description="what you want to know; empty: from its beginning")
    skip: int = Field(default=0, ge=0, description="how many passages to pass over; to read on")


class ReadPage:
    """Reads pages. A call gives at most `results` passages of at most `passage` characters.

    A page may have `megabytes`, take `timeout` seconds and redirect `redirects` times. `allow_private` allows addresses
    inside one's own network. The text is kept in `cache`, a folder or the URL of a PostgreSQL database (default: that
    of the agent's store, else the user's folder), and is fresh for `days`; `offline` or with `replay`, only what is
    kept is read.
    """

    name = "page"
    arguments: type[BaseModel] | None = PageToRead

    def __init__(
        self,
        *,
        results: int = 5,
        passage: int = 800,
        cache: str | Path | None = None,  # text first: a URL that is read as an option is no path
        offline: bool = False,
        replay: str | Path | None = None,
        days: float = 7.0,
        megabytes: float = 8.0,
        timeout: float = 20.0,
        redirects: int = 5,
        allow_private: bool = False,
        interval: float = 0.2,
        concurrency: int = 4,
        retries: Retries | None = None,
    ) -> None:
        if results < 1 or passage < 40 or timeout <= 0 or megabytes <= 0 or redirects < 0:
            raise InputError("results must be at least 1, passage at least 40; timeout and megabytes above 0")
        self.results, self.passage = results, passage
        self.rules = Rules(
            most_bytes=int(megabytes * 1024 * 1024),
            seconds=timeout,
            redirects=redirects,
            allow_private=allow_private,
        )
        retries = retries or Retries(attempts=3)
        self.terms = Terms(seconds=(timeout + 60 + retries.longest) * retries.attempts, keep="run")
        self._store = Store(
            folder=cache,
            replay=replay,
            offline=offline,
            days=days,
            megabytes=256,
            interval=interval,
            concurrency=concurrency,
            retries=retries,
        )

    def keep_answers(self, url: str) -> None:
        """Keep answers in the PostgreSQL database at `url`, unless `cache` or `replay` named another place."""
        self._store.settle(url)

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing: which page to read is for a role to say."""
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The passages, in ``data["passages"]`` with their ids. What cannot be read is told with the reason."""
        start = time.monotonic()
        try:
            wanted = PageToRead.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not read: {error.errors()[0]['msg']}")
        try:
            fetched = await self._fetch(wanted.url)
        except Wrong as error:
            outcome, why = Outcome.error, f"not read: {error}"
        except (Unreadable, Missing) as error:
            outcome, why = Outcome.inconclusive, f"not read: {error}"
        except Passing as error:
            outcome = Outcome.timeout if error.slow else Outcome.inconclusive
            why = f"not read, though tried {self._store.retries.attempts} times: {error}"
        else:
            found = await asyncio.to_thread(self._fitting, fetched.kept, wanted)
            return self._told(call, view, wanted, fetched, found, time.monotonic() - start)
        text = clip(f"{why} ({clip(wanted.url, MOST_SHOWN)})", 1_000)
        return evidence_for(call, view, outcome, text, data={"passages": []}, seconds=time.monotonic() - start)

    async def _fetch(self, url: str) -> Fetched:
        """The text of the page. Raises `Wrong`, `Unreadable`, `Missing` or `Passing`."""
        address = urlunsplit(checked(url))

        async def get() -> tuple[str, dict[str, JsonValue]]:
            page = await asyncio.to_thread(fetch, address, self.rules)
            read = await asyncio.to_thread(text_of, page)
            if not read.parts:
                raise Unreadable(read.problem or "there is no text on it")
            parts: list[JsonValue] = [{"text": part.text, "page": part.page} for part in read.parts]
            problem = read.problem
            if page.cut:
                problem = f"only its first {self.rules.most_bytes:,} bytes are read"
            title = next((part.title for part in read.parts if part.title), "")
            return page.url, {"title": title, "kind": page.kind, "parts": parts, "problem": problem}

        key = digest(address, self.rules.most_bytes, length=32)
        return await self._store.answer("page", key, get)

    def _fitting(self, kept: Kept, wanted: PageToRead) -> list[dict[str, JsonValue]]:
        """The passages that fit the question best, in their order on the page; without a question, the first."""
        title = str(kept.body.get("title") or kept.source)
        every: list[dict[str, JsonValue]] = []
        said = kept.body.get("parts")
        for part in said if isinstance(said, list) else []:
            if not isinstance(part, dict):
                continue
            number = part.get("page")
            for found in passages("page.md", str(part.get("text", "")), self.passage):
                section = "" if found.title == "page" else found.title.removeprefix("page: ")
                every.append(
                    {
                        "id": digest(kept.source, number, found.text),
                        "title": f"{title}: {section}" if section and section != title else title,
                        "text": found.text,
                        "url": kept.source,
                        "page": number,
                        "line": found.line,
                    }
                )
        match = as_match(wanted.question) if wanted.question.strip() else None
        chosen = _best(every, match) if match is not None else list(range(len(every)))
        return [every[index] for index in sorted(chosen[wanted.skip : wanted.skip + self.results])]

    def _told(
        self,
        call: ToolCall,
        view: View,
        wanted: PageToRead,
        fetched: Fetched,
        found: Sequence[Mapping[str, JsonValue]],
        seconds: float,
    ) -> Evidence:
        kept, at = fetched.kept, moment(fetched.kept.at)
        problem = kept.body.get("problem")
        note = f"(read at {at}{f'; {problem}' if problem else ''})"
        data: dict[str, JsonValue] = {
            "passages": [dict(each) for each in found],
            "title": kept.body.get("title"),
            "url": kept.source,
            "at": at,
            "cached": fetched.cached,
            "problem": problem,
        }
        if fetched.lost:
            data["not_kept"] = fetched.lost
        if not found:
            more = " more" if wanted.skip else ""
            about = f" of {clip(wanted.question, MOST_SHOWN)!r}" if wanted.question.strip() else ""
            text = f"the page {clip(kept.source, MOST_SHOWN)} says nothing{more}{about} {note}"
            return evidence_for(call, view, Outcome.inconclusive, text, data=data, source=kept.source, seconds=seconds)
        lines = [_shown(each) for each in found]
        text = clip("\n\n".join([f"{kept.source} {note}", *lines]), MOST_OBSERVED)
        return evidence_for(call, view, Outcome.passed, text, data=data, source=kept.source, seconds=seconds)


def text_of(page: Page) -> Read:
    """The text of what was fetched, by what it is rather than by what it is called. Blocking."""
    head = page.body[:1024].lstrip()
    if head.startswith(b"%PDF-"):
        if page.cut:
            return Read([], f"it is a PDF of more than {len(page.body):,} bytes, which cannot be read in part")
        return read_pdf(page.body, seconds=60, most=MOST_TEXT)
    if page.kind in ("text/html", "application/xhtml+xml") or (
        not page.kind and re.match(rb"<(?:!doctype|html|head|body)", head, re.IGNORECASE)
    ):
        return _html(page)
    if page.kind == "application/pdf" or BINARY.search(page.body[:4096]):
        return Read([], "it is no text, whatever it is called")
    return Read([Part(_decoded(page)[:MOST_TEXT])] if page.body.strip() else [], None)


def _html(page: Page) -> Read:
    """Its main text; where the usual reader breaks on it, all visible text."""
    read = read_page(page.body, page.charset, most=MOST_TEXT)
    if any(part.text.strip() for part in read.parts) or not page.body.strip():
        return read
    blocks = [found.text for found in passages("page.html", _decoded(page), 2_000)]
    return Read([Part("\n\n".join(blocks)[:MOST_TEXT])] if blocks else [], read.problem or "there is no text on it")


def _decoded(page: Page) -> str:
    try:
        return page.body.decode(page.charset or "utf-8-sig", "replace").replace("\0", "\ufffd")
    except (LookupError, UnicodeError):  # no such charset, or one that is none of text
        return page.body.decode("utf-8", "replace").replace("\0", "\ufffd")


def _best(every: Sequence[Mapping[str, JsonValue]], match: str) -> list[int]:
    """The indices of the passages that hold a word of the question, best first."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"CREATE VIRTUAL TABLE words USING fts5(title, text, tokenize='{TOKENIZER}')")
        rows = ((index, each["title"], each["text"]) for index, each in enumerate(every))
        db.executemany("INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)", rows)
        order = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words, 0.5, 1.0), rowid"
        return [int(row[0]) for row in db.execute(order, (match,))]


def _shown(each: Mapping[str, JsonValue]) -> str:
    place = f" (page {each['page']})" if each.get("page") else ""
    return f"[{each['title']}]{place} {each['text']}"
