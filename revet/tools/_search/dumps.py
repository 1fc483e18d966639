"""Dumps of whole encyclopaedias, article by article in bounded memory: MediaWiki's XML, and JSON Lines.

A dump may be packed with gzip or bzip2. Reading can go on after any article: `Mark` says where, in the unpacked bytes.
"""

from __future__ import annotations

import bz2
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from xml.parsers import expat

from revet.tools._search.wikitext import plain

__all__ = ["DUMPS", "Article", "Broken", "Mark", "NoDump", "articles", "opened"]

PACKED: dict[str, Callable[[IO[bytes], str], Any]] = {".gz": gzip.open, ".bz2": bz2.open}
KINDS = (".xml", ".jsonl", ".ndjson")
DUMPS = tuple(f"{kind}{packing}" for kind in KINDS for packing in ("", *PACKED))
"""The ends of the names of files that may be dumps."""

PIECE = 256 * 1024
MOST_ARTICLE = 4_000_000
LONGEST_LINE = 32 * 1024 * 1024
LONGEST_TAG = 16 * 1024 * 1024
TRIED = 50
TITLES, TEXTS = ("title", "name", "heading"), ("text", "contents", "content", "body", "abstract", "passage")
ROOT = b"<mediawiki>"


class NoDump(Exception):
    """The file holds no articles in a form that is known."""


class Broken(Exception):
    """From here on, the dump cannot be read."""


class Mark(NamedTuple):
    """Where to go on: after how many unpacked bytes, at which line, and below which headings."""

    position: int = 0
    line: int = 1
    document: str = ""
    section: str = ""


class Article(NamedTuple):
    """`text` begins at `line` of the unpacked file, headings as in Markdown. `mark` is where the next one begins."""

    title: str
    text: str
    line: int
    mark: Mark


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """The unpacked bytes of a file, and the file itself, whose place tells how much of it is read."""
    with path.open("rb") as raw:
        unpack = PACKED.get(path.suffix.lower())
        if unpack is None:
            yield raw, raw
            return
        with unpack(raw, "rb") as stream:
            yield stream, raw


def articles(path: Path, stream: IO[bytes], mark: Mark) -> Iterator[Article]:
    """The articles from `mark` on. Raises `NoDump`, `Broken`, and what unpacking raises (`OSError`, `EOFError`)."""
    if mark.position:
        stream.seek(mark.position)
    names = [suffix.lower() for suffix in path.suffixes[-2:]]
    return _wiki(stream, mark) if ".xml" in names else _lines(stream, mark)


class _Reader:
    """Follows the elements of a MediaWiki dump. Keeps one article at a time, cut where it is too long."""

    def __init__(self, mark: Mark) -> None:
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity
        self.ready: list[Article] = []
        self.depth = self.fed = 0
        self._base, self._line = mark.position, mark.line - 1
        self._said: dict[str, list[str]] = {}
        self._size, self._at, self._within = 0, 0, ""
        if mark.position:
            self.parser.Parse(ROOT, False)
            self._base -= len(ROOT)
            self.fed = len(ROOT)

    def feed(self, piece: bytes) -> None:
        self.fed += len(piece)
        self.parser.Parse(piece, not piece)
        if self.fed - self.parser.CurrentByteIndex > LONGEST_TAG:
            raise Broken("it holds a tag without an end")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth == 1 and name != "mediawiki":
            raise NoDump(f"its outermost element is {name[:40]!r}, not 'mediawiki'")
        if name == "page":
            self._said, self._size = {}, 0
        elif name in ("title", "ns", "text"):
            self._within, self._said[name] = name, []
            self._at = self.parser.CurrentLineNumber + self._line if name == "text" else self._at
        elif name == "redirect":
            self._said[name] = []

    def _end(self, name: str) -> None:
        self.depth -= 1
        if name == self._within:
            self._within = ""
        if name != "page":
            return
        said = {key: "".join(parts) for key, parts in self._said.items()}
        position = self._base + self.parser.CurrentByteIndex + len("</page>")
        mark = Mark(position, self.parser.CurrentLineNumber + self._line)
        told = said.get("ns", "0").strip() == "0" and "redirect" not in said
        text = plain(said.get("text", "")) if told else ""
        self.ready.append(Article(" ".join(said.get("title", "").split()), text, self._at, mark))
        self._said = {}

    def _text(self, text: str) -> None:
        if self._within and self._size < MOST_ARTICLE:
            self._said[self._within].append(text)
            self._size += len(text)

    def _entity(self, *_: object) -> None:
        raise Broken("it declares entities, which no dump does")


def _wiki(stream: IO[bytes], mark: Mark) -> Iterator[Article]:
    """Of the pages, those that are articles and no redirects; the others give an empty text."""
    reader = _Reader(mark)
    while True:
        piece = stream.read(PIECE)
        try:
            reader.feed(piece)
        except expat.ExpatError as error:
            yield from reader.ready
            if not mark.position and not reader.depth:
                raise NoDump(f"it is no XML: {error}") from None
            raise Broken(f"it is no XML any more: {error}") from None
        yield from reader.ready
        reader.ready.clear()
        if not piece:
            return


def _lines(stream: IO[bytes], mark: Mark) -> Iterator[Article]:
    """One article a line. Lines that hold none are passed over; a file that begins with many such is no dump."""
    position, number, found = mark.position, mark.line, bool(mark.position)
    while line := stream.readline(LONGEST_LINE):
        whole = line.endswith(b"\n")
        position += len(line)
        title, text = _told(line)
        found = found or bool(text)
        if not found and number - mark.line >= TRIED:
            break
        while line and not whole:  # the rest of a line that is too long
            line = stream.readline(LONGEST_LINE)
            whole = line.endswith(b"\n")
            position += len(line)
        yield Article(title, text, number, Mark(position, number + 1))
        number += 1
    if not found:
        raise NoDump(f"its lines are no objects with a text in {', '.join(TEXTS)}")


def _told(line: bytes) -> tuple[str, str]:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    title = next((said[name] for name in TITLES if isinstance(said.get(name), str)), "")
    text = next((joined for name in TEXTS if (joined := _joined(said.get(name)))), "")
    return " ".join(title.split())[:300], text[:MOST_ARTICLE]


def _joined(said: object, deep: int = 3) -> str:
    """A text, or the texts of a list of sentences or paragraphs."""
    if isinstance(said, str):
        return said.replace("\r\n", "\n").replace("\0", "\ufffd")
    if isinstance(said, list) and deep:
        return "\n".join(filter(None, (_joined(each, deep - 1) for each in said)))
    return ""
