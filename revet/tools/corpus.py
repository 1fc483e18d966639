"""Search over a folder of texts as evidence: passages with file and line, ranked by BM25 (SQLite FTS5).

It needs no network and no service. The folder is read as it lies on this machine, never as a draft would change it, so
no draft can plant what it is examined with.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from revet.errors import InputError
from revet.schema import Evidence, Outcome, digest
from revet.tools._index import Hit, Index, unusable
from revet.tools.base import ToolCall, View, evidence_for
from revet.tools.observation import clip

__all__ = ["CorpusSearch", "SearchWords"]

OPEN = 8
"""How many folders' indices are kept at a time."""

MOST_WORDS = 64
MOST_SHOWN = 400
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


class CorpusSearch:
    """Searches the texts, Markdown and HTML files below `folder` (default: the task's workspace).

    A call gives at most `results` passages of at most `passage` characters. The index is kept in memory, or in the
    folder `cache`; files that are new, changed or gone are noticed at each search. One object serves any number of
    tasks at a time.
    """

    name = "corpus"
    arguments: type[BaseModel] | None = SearchWords

    def __init__(
        self, folder: Path | str | None = None, *, cache: Path | str | None = None, results: int = 3, passage: int = 400
    ) -> None:
        self.folder = Path(folder).expanduser().resolve() if folder is not None else None
        self.cache = Path(cache).expanduser().resolve() if cache is not None else None
        if self.folder is not None and not self.folder.is_dir():
            raise InputError(f"there is no folder {folder}", hint="name the folder that holds the texts to search")
        if results < 1 or passage < 40:
            raise InputError("results must be at least 1, and passage at least 40 characters")
        self.results, self.passage = results, passage
        self._open: OrderedDict[Path, Index] = OrderedDict()
        self._lock = threading.Lock()

    def plan(self, view: View) -> Sequence[ToolCall]:
        """Nothing: what to search for is for a role to say. Raises `InputError` if there is no folder to search."""
        self._where(view)
        return []

    async def run(self, call: ToolCall, view: View) -> Evidence:
        """The passages found, in ``data["passages"]`` with their ids. Nothing found is inconclusive."""
        try:
            wanted = SearchWords.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, f"not searched: {error.errors()[0]['msg']}")
        folder = self._where(view)
        start = time.monotonic()
        hits, left_out = await asyncio.to_thread(self._find, folder, wanted)
        seconds = time.monotonic() - start
        if not hits:
            what = "nothing more" if wanted.skip or wanted.exclude else "nothing"
            text = f"{what} found for {clip(wanted.query, MOST_SHOWN)!r}"
            text += f" ({left_out} files are too large, too many or oddly named, and were not read)" if left_out else ""
            return evidence_for(call, view, Outcome.inconclusive, text, data={"passages": []}, seconds=seconds)
        return evidence_for(
            call,
            view,
            Outcome.passed,
            "\n\n".join(map(_shown, hits)),
            data={"passages": [hit._asdict() for hit in hits]},
            source=f"{hits[0].path}:{hits[0].line}",
            seconds=seconds,
        )

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

    def _find(self, folder: Path, wanted: SearchWords) -> tuple[list[Hit], int]:
        """The hits, and how many files the index left out. In a thread; one search at a time updates the index."""
        match = as_match(wanted.query)
        if match is None:
            return [], 0
        with self._lock:
            index = self._index(folder)
            try:
                index.refresh()
                found = index.search(match, limit=self.results, skip=wanted.skip, exclude=wanted.exclude)
            except sqlite3.DatabaseError as error:
                self._open.pop(folder).close()
                raise unusable(self._database(folder), error) from None
            return found, index.left_out

    def _index(self, folder: Path) -> Index:
        index = self._open.pop(folder, None) or Index(folder, self.passage, self._database(folder))
        self._open[folder] = index
        while len(self._open) > OPEN:
            self._open.popitem(last=False)[1].close()
        return index

    def _database(self, folder: Path) -> Path | None:
        if self.cache is None:
            return None
        if self.cache.is_relative_to(folder):
            raise InputError(
                f"the cache {self.cache} lies in the folder that is searched", hint="take a cache folder outside it"
            )
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"the cache {self.cache} cannot be used: {error.strerror}", hint="name a folder") from None
        return self.cache / f"corpus-{digest(str(folder), self.passage, length=16)}.sqlite"


def as_match(query: str) -> str | None:
    """The query for FTS5: any of the words, each quoted, so that no text is a syntax error. None without a word.

    Operators of web searches (``site:``) are left out, and so are words that say nothing, unless there are no others.
    """
    words = list(dict.fromkeys(WORD.findall(OPERATOR.sub(" ", query).lower())))
    telling = [word for word in words if word not in COMMON] or words
    return " OR ".join(f'"{word}"' for word in telling[:MOST_WORDS]) or None


def _shown(hit: Hit) -> str:
    return f"[{hit.title}] {hit.text} ({hit.path}:{hit.line})"
