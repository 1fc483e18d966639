"""A file of any kind and size as passages, piece by piece, so that memory stays bounded and reading can go on later."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from revet.tools._search.dumps import DUMPS, Broken, Mark, NoDump, articles, opened
from revet.tools._search.passages import HTML, MARKDOWN, SUFFIXES, Titles, blocks_of, passages, title_of
from revet.tools._search.reading import read_pdf

__all__ = ["LARGEST", "READ", "Piece", "Row", "is_dump", "pieces", "text_in"]

READ = (*SUFFIXES, ".pdf", *DUMPS)
"""The files that are read, by the ends of their names."""

LARGEST = 8 * 1024 * 1024
"""Bytes of a file that is read at once. Larger texts are read piece by piece, larger pages and PDFs not at all."""
LARGEST_PDF = 512 * 1024 * 1024
LONGEST_LINE = 64 * 1024
CHUNK = 256 * 1024
ENOUGH = 512
"""Passages of a piece of a dump."""
SNIFFED = 8192
BINARY = "it is binary, whatever its name says"


class Row(NamedTuple):
    """A passage, its line in the file (in the page, for a PDF) and its page, from 1."""

    title: str
    text: str
    line: int
    page: int | None = None


class Piece(NamedTuple):
    """Some passages, where the next piece begins, how much of the file is read (0 to 1), and what is wrong with it."""

    rows: list[Row]
    mark: Mark = Mark()
    share: float = 1.0
    problem: str | None = None


def is_dump(name: str) -> bool:
    return name.lower().endswith(DUMPS)


def pieces(path: Path, longest: int, mark: Mark) -> Iterator[Piece]:
    """The passages of a file that is read piece by piece or is no text, from `mark` on. Raises `OSError`."""
    name = path.name.lower()
    if is_dump(name):
        return _dump(path, longest, mark)
    if name.endswith(".pdf"):
        return iter([_pdf(path, longest)])
    if name.endswith(HTML):
        return iter([Piece([], problem=f"it has more than {LARGEST // 2**20} MB")])
    return _long(path, longest, mark)


def text_in(name: str, content: bytes, longest: int) -> Piece:
    """The passages of a text or a page that is small enough to be read at once."""
    text = _decoded(content)
    if text is None:
        return Piece([], problem=BINARY)
    text = text.replace("\r\n", "\n").replace("\0", "\ufffd")
    return Piece([Row(*found) for found in passages(name, text, longest)])


def _decoded(content: bytes) -> str | None:
    """The text; None for what is none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return None if b"\0" in content[:SNIFFED] else _eight_bits(content)


def _eight_bits(content: bytes) -> str:
    """As UTF-8; as Windows-1252, which older texts of Western languages are in, where most of it that is not ASCII
    is no UTF-8. A few bad bytes do not make another encoding of it.
    """
    text = content.decode("utf-8-sig", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for letter in text if letter > "\x7f") - bad if bad else 0
    return content.decode("cp1252", "replace") if bad > good else text


def _pdf(path: Path, longest: int) -> Piece:
    if path.stat().st_size > LARGEST_PDF:
        return Piece([], problem=f"it has more than {LARGEST_PDF // 2**20} MB")
    with path.open("rb") as file:
        read = read_pdf(file)
    titles = Titles(title_of(path.name))
    rows = [
        Row(found.title, found.text, found.line, part.page)
        for part in read.parts
        for found in titles.passages(blocks_of(part.text, headings=False), longest)
    ]
    return Piece(rows, problem=read.problem)


def _dump(path: Path, longest: int, mark: Mark) -> Iterator[Piece]:
    size = max(1, path.stat().st_size)
    rows: list[Row] = []
    titles = title_of(path.name.partition(".")[0])
    with opened(path) as (stream, raw):
        try:
            for article in articles(path, stream, mark):
                mark = article.mark
                blocks = blocks_of(article.text, headings=True)
                for found in Titles(article.title or titles).passages(blocks, longest):
                    rows.append(Row(found.title, found.text, article.line + found.line - 1))
                if len(rows) >= ENOUGH:
                    yield Piece(rows, mark, min(1.0, raw.tell() / size))
                    rows = []
        except NoDump as error:
            yield Piece(rows, mark, problem=f"it is no dump of articles: {error}")
            return
        except (Broken, EOFError, OSError, zlib.error) as error:
            why = "it ends in the middle" if isinstance(error, EOFError) else str(error)
            yield Piece(rows, mark, problem=f"it is broken: {why}; what stands before that is read")
            return
    yield Piece(rows, mark)


def _long(path: Path, longest: int, mark: Mark) -> Iterator[Piece]:
    """A long text, parted where paragraphs end, or after 256 KB if none does."""
    size = max(1, path.stat().st_size)
    headings = path.name.lower().endswith(MARKDOWN)
    titles = Titles(mark.document or title_of(path.name), mark.section)
    position, line = mark.position, mark.line
    with path.open("rb") as file:
        if b"\0" in file.read(SNIFFED):
            yield Piece([], problem=BINARY)
            return
        file.seek(position)
        while chunk := _chunk(file):
            text = _eight_bits(chunk).replace("\r\n", "\n")
            found = titles.passages(blocks_of(text.replace("\0", "\ufffd"), headings=headings), longest)
            rows = [Row(each.title, each.text, line + each.line - 1) for each in found]
            position, line = position + len(chunk), line + text.count("\n")
            yield Piece(rows, Mark(position, line, titles.document, titles.section), position / size)


def _chunk(file: IO[bytes]) -> bytes:
    lines: list[bytes] = []
    size = 0
    while line := file.readline(LONGEST_LINE):
        lines.append(line)
        size += len(line)
        if size >= CHUNK or (size >= CHUNK // 4 and not line.strip()):
            break
    return b"".join(lines)
