"""Search over a folder of documents as evidence: passages with file and line, ranked by BM25 (SQLite FTS5).

It needs no network and no service. The folder is read as it lies on this machine, never as a draft would change it, so
no draft can plant what it is examined with.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from revet.errors import InputError
from revet.schema import Evidence, Outcome, digest
from revet.tools._search.cache import cache_home
from revet.tools._search.index import Hit, Index, State, TooSlow, documents, unusable
from revet.tools.base import ToolCall, View, evidence_for
from revet.tools.observation import clip

__all__ = ["CorpusSearch", "SearchWords"]

OPEN = 8
"""How many folders' indices are kept at a time."""
IN_MEMORY = 64 * 1024 * 1024
"""Bytes of documents, packed ones counted four times, up to which an index is kept in memory."""

MOST_WORDS = 64
MOST_SHOWN = 400
NAMED = 3
TOLD = 20
WORD = re.compile(r"[^\W_]+")
OPERATOR = re.compile(r"\b(?:site|filetype|inurl|intitle)\s*:\s*\S+", re.IGNORECASE)
# What is in most texts and most questions says nothing about which text answers the question.
_COMMON = (
    "a an and are as at be been by did do does for from had has have how in is it its of on or s t that the their "
    "these this those to was were what when where which who whom whose why will with"
)
COMMON = frozenset(_COMMON.split())


class SearchWords(BaseModel):
    """Search a collection of documents. You get the passages that fit the words best, with their titles and places."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, description="words that the passage should hold")
    skip: int = Field(default=0, ge=0, description="how many of the best results to pass over; for a repeated query")
    exclude: tuple[str, ...] = Field(default=(), description="ids of passages that are known already")


class _Search(NamedTuple):
    """What a search came to. `slow` says that it was given up."""

    hits: list[Hit]
    state: State
    slow: str | None = None


class CorpusSearch:
    """Searches the documents below `folder` (default: the task's workspace): text, Markdown, HTML, PDF, and dumps of
    encyclopaedias (MediaWiki's XML, JSON Lines; packed with gzip or bzip2 or not).

    A call gives at most `results` passages of at most `passage` characters. The index of a small folder is kept in
    memory, that of a large one in the user's cache, and any in the folder `cache` where that is given; files that are
    new, changed or gone are noticed at each search. One search reads new files for at most `patience` seconds and then
    finds what there is; the next one goes on. `secrets`: read also files that by their names may hold secrets. One
    object serves any number of tasks at a time.
    """

    name = "corpus"
    arguments: type[BaseModel] | None = SearchWords

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        cache: Path | str | None = None,
        results: int = 3,
        passage: int = 400,
        patience: float = 300.0,
        secrets: bool = False,
    ) -> None:
        self.folder = Path(folder).expanduser().resolve() if folder is not None else None
        self.cache = Path(cache).expanduser().resolve() if cache is not None else None
        if self.folder is not None and not self.folder.is_dir():
            raise InputError(f"there is no folder {folder}", hint="name the folder that holds the texts to search")
        if results < 1 or passage < 40:
            raise InputError("results must be at least 1, and passage at least 40 characters")
        if not patience > 0:
            raise InputError("patience must be above 0 seconds")
        self.results, self.passage, self.patience, self.secrets = results, passage, patience, secrets
        self._open: OrderedDict[Path, Index] = OrderedDict()
        self._lock = threading.Lock()

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing: what to search for is for a role to say. Raises `InputError` if there is no folder to search."""
        self._where(view)
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The passages found, in ``data["passages"]`` with their ids. Nothing found is inconclusive.

        While files are read, ``view.emit("indexing", {"tool", "path", "share"})`` says how far it is.
        """
        try:
            wanted = SearchWords.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not searched: {error.errors()[0]['msg']}")
        folder = self._where(view)
        start = time.monotonic()
        deadline = start + min(self.patience, view.remaining * 0.8)
        left = threading.Event()
        loop = asyncio.get_running_loop()

        def tell(path: str, share: float) -> None:
            def say() -> None:
                if not left.is_set():
                    view.emit("indexing", {"tool": self.name, "path": path, "share": round(share, 4)})

            with suppress(RuntimeError):  # the loop has been closed, so nobody listens
                loop.call_soon_threadsafe(say)

        def stop() -> str | None:
            why = "the time for reading it was up" if time.monotonic() > deadline else None
            return "the search was given up" if left.is_set() else why

        try:
            search = await asyncio.to_thread(self._find, folder, wanted, stop, tell)
        finally:
            left.set()
        return self._told(call, view, wanted, search, time.monotonic() - start)

    async def index(self, tell: Callable[[str, float], None] = lambda path, share: None) -> dict[str, int]:
        """Read the folder now, to its end, however long that takes: worth it before the first search of a dump.

        `tell` hears, about once a second and in another thread, which file is being read and how much of it is (0 to
        1). Returns how many files and passages there are. If it is interrupted, the next call goes on.
        """
        if self.folder is None:
            raise InputError("there is no folder to read", hint="name one: CorpusSearch(folder)")
        left = threading.Event()
        try:
            return await asyncio.to_thread(self._read, self.folder, lambda: "given up" if left.is_set() else None, tell)
        finally:
            left.set()

    def close(self) -> None:
        """Free the indices. The next search makes them again."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _where(self, view: View) -> Path:
        folder = self.folder or view.workspace
        if folder is None:
            raise InputError(
                f"there is no folder to search for the task {view.task.id}",
                hint="name one (CorpusSearch(folder), or the recipe's option `folder`), or give the task a workspace",
            )
        return folder

    def _told(self, call: ToolCall, view: View, wanted: SearchWords, search: _Search, seconds: float) -> Evidence:
        hits, state, slow = search
        passages: list[JsonValue] = [_data(hit) for hit in hits]
        data: dict[str, JsonValue] = {"passages": passages}
        if state.unread:
            some = [{"path": path, "reason": reason} for path, reason in state.unread[:TOLD]]
            data["unread"] = {"count": len(state.unread), "files": [dict(each) for each in some]}
        if state.pending:
            data["pending"] = state.pending
        notes = _notes(state, nothing=not hits)
        if hits:
            text = "\n\n".join([*map(_shown, hits), *([f"({'; '.join(notes)})"] if notes else [])])
            source = _place(hits[0])
            return evidence_for(call, view, Outcome.passed, text, data=data, source=source, seconds=seconds)
        shown = clip(wanted.query, MOST_SHOWN)
        what = "nothing more" if wanted.skip or wanted.exclude else "nothing"
        text = f"not found out: {slow} for {shown!r}; ask for rarer words" if slow else f"{what} found for {shown!r}"
        text += f" ({'; '.join(notes)})" if notes else ""
        return evidence_for(
            call, view, Outcome.timeout if slow else Outcome.inconclusive, text, data=data, seconds=seconds
        )

    def _find(
        self, folder: Path, wanted: SearchWords, stop: Callable[[], str | None], tell: Callable[[str, float], None]
    ) -> _Search:
        """The hits. In a thread; one search at a time updates the index."""
        terms = _terms(wanted.query)
        if not terms:
            return _Search([], State())
        with self._lock:
            index = self._index(folder)
            try:
                state = index.refresh(stop, tell)
                match = " OR ".join(index.telling(terms))
                hits = index.search(match, limit=self.results, skip=wanted.skip, exclude=wanted.exclude)
            except TooSlow as error:
                return _Search([], state, str(error))
            except sqlite3.DatabaseError as error:
                self._open.pop(folder).close()
                raise unusable(index.database, error) from None
            return _Search(hits, state)

    def _read(self, folder: Path, stop: Callable[[], str | None], tell: Callable[[str, float], None]) -> dict[str, int]:
        with self._lock:
            index = self._index(folder)
            try:
                while index.refresh(stop, tell).pending and not stop():
                    pass  # another process reads: it was waited for, and is again
                return index.count()
            except sqlite3.DatabaseError as error:
                self._open.pop(folder).close()
                raise unusable(index.database, error) from None

    def _index(self, folder: Path) -> Index:
        index = self._open.pop(folder, None)
        if index is None:
            index = Index(folder, self.passage, self._database(folder), secrets=self.secrets)
        self._open[folder] = index
        while len(self._open) > OPEN:
            self._open.popitem(last=False)[1].close()
        return index

    def _database(self, folder: Path) -> Path | None:
        """The file of the index; None to keep it in memory."""
        if self.cache is None and not _is_large(folder):
            return None
        cache = self.cache or cache_home()
        if self.cache is not None and cache.is_relative_to(folder):
            raise InputError(f"the cache {cache} lies in the folder that is searched", hint="take a cache outside it")
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the cache {cache} cannot be used: {error.strerror}", hint="name a folder") from None
        return cache / f"corpus-{digest(str(folder), self.passage, self.secrets, length=16)}.sqlite"


def as_match(query: str) -> str | None:
    """The query for FTS5: any of the terms, each quoted, so that no text is a syntax error. None without a word."""
    return " OR ".join(_terms(query)) or None


def _terms(query: str) -> list[str]:
    """What is looked for: each word, quoted for FTS5.

    Two telling words that stand side by side are also looked for as a phrase (as in Metzler and Croft's sequential
    dependence model, SIGIR 2005). Operators of web searches (``site:``) are left out, and so are words that say
    nothing, unless there are no others.
    """
    said = WORD.findall(OPERATOR.sub(" ", query).lower())
    words = list(dict.fromkeys(said))
    telling = [word for word in words if word not in COMMON] or words
    pairs = dict.fromkeys(f"{a} {b}" for a, b in itertools.pairwise(said) if not {a, b} & COMMON)
    return [f'"{term}"' for term in (*telling[:MOST_WORDS], *list(pairs)[: MOST_WORDS // 2])]


def _is_large(folder: Path) -> bool:
    total = 0
    for path, size, _ in documents(folder):
        total += size * (4 if path.lower().endswith((".gz", ".bz2")) else 1)
        if total > IN_MEMORY:
            return True
    return False


def _notes(state: State, *, nothing: bool) -> list[str]:
    """What a reader must know of the documents that were not searched."""
    notes = [f"not all is read yet: {state.pending}"] if state.pending else []
    if nothing and state.left_out:
        notes.append(f"{state.left_out} files are too large, too many or oddly named, and were not read")
    if nothing and state.secret:
        notes.append(f"{state.secret} files may hold secrets by their names, and were not read")
    # That some XML or JSON is no dump is worth saying only to somebody who misses something.
    unread = [each for each in state.unread if nothing or "no dump" not in each[1]]
    if unread:
        named = ", ".join(f"{clip(path, 100)}: {clip(reason, 160)}" for path, reason in unread[:NAMED])
        more = f", and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
        notes.append(f"not read: {named}{more}")
    return notes


def _data(hit: Hit) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = hit._asdict()
    return told if hit.page is not None else {key: value for key, value in told.items() if key != "page"}


def _place(hit: Hit) -> str:
    return f"{hit.path}:{hit.line}" if hit.page is None else f"{hit.path}, page {hit.page}"


def _shown(hit: Hit) -> str:
    return f"[{hit.title}] {hit.text} ({_place(hit)})"
