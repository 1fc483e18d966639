"""Files of text as passages: short pieces with a title and the line that they begin at.

A passage ends where a paragraph or a heading does, and in a longer paragraph where a sentence does, so that the whole
of it fits into a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import NamedTuple

__all__ = ["HTML", "MARKDOWN", "SUFFIXES", "Block", "Passage", "Titles", "blocks_of", "passages", "title_of"]

MARKDOWN, HTML, PLAIN = (".md", ".markdown"), (".html", ".htm", ".xhtml"), (".txt", ".text", ".rst")
SUFFIXES = (*PLAIN, *MARKDOWN, *HTML)
"""The files of text that are read, by the ends of their names."""

HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*)$")
CLOSING = re.compile(r"(?:^|\s)#+$")
SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]?\s+")

# Any file must be read in a time that its length bounds. The parser begins again at each tag that has no end, so such
# tags are text, and comments and code, which it passes over, are taken out before it.
UNSEEN = re.compile(
    r"<(script|style)(?=[\s/>])(?:[^>]*/>|.*?(?:</\1[^>]*>|\Z))|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE
)
NO_TAG = re.compile(r"<(?![a-z/!?][^<>]*+>)", re.IGNORECASE)
# The parser asserts that marked sections are of a kind that it knows; others are read as text.
MARKED = re.compile(r"<!\[(?!(?:temp|cdata|ignore|include|rcdata|if|else|endif)(?![-_.\w]))", re.IGNORECASE)


class Block(NamedTuple):
    """A paragraph, or a heading (`level` 1 to 6), and the line that it begins at, from 1."""

    line: int
    text: str
    level: int = 0


class Passage(NamedTuple):
    title: str
    text: str
    line: int


class Titles:
    """The headings that stand above a passage: the document's, and the last one below it."""

    def __init__(self, document: str, section: str = "") -> None:
        self.document, self.section = document, section

    def passages(self, blocks: Iterable[Block], longest: int) -> Iterator[Passage]:
        """The passages of the blocks, which also say what stands above those that follow."""
        for block in blocks:
            if block.level == 1:
                self.document, self.section = block.text, ""
            elif block.level:
                self.section = block.text
            else:
                title = f"{self.document}: {self.section}" if self.section else self.document
                for line, piece in _pieces(block, longest):
                    yield Passage(title, piece, line)


def passages(name: str, content: str, longest: int) -> Iterator[Passage]:
    """The passages of a file, none longer than `longest` characters.

    `title` is the document's, and that of the section below it: ``Nick Park: Films``. A file without a heading is
    titled by its name.
    """
    suffix = PurePosixPath(name).suffix.lower()
    blocks = _html(content) if suffix in HTML else blocks_of(content, headings=suffix in MARKDOWN)
    yield from Titles(title_of(name)).passages(blocks, longest)


def title_of(name: str) -> str:
    """The title of a file that has none of its own."""
    return PurePosixPath(name).stem.replace("_", " ")


def blocks_of(content: str, *, headings: bool) -> Iterator[Block]:
    """Paragraphs are parted by blank lines; Markdown's headings are headings."""
    lines: list[str] = []
    start = 0
    for number, line in enumerate([*content.split("\n"), ""], 1):
        heading = HEADING.match(line) if headings else None
        if heading or not line.strip():
            if lines:
                yield Block(start, "\n".join(lines))
            lines = []
            title = CLOSING.sub("", heading[2].rstrip()).rstrip() if heading else ""
            if heading and title:
                yield Block(number, title, len(heading[1]))
            continue
        start = start if lines else number
        lines.append(line)


def _pieces(block: Block, longest: int) -> Iterator[tuple[int, str]]:
    """The block in pieces of at most `longest` characters, parted between sentences, else words, else anywhere."""
    start, counted, line = 0, 0, block.line
    while start < len(block.text):
        end = len(block.text)
        if end - start > longest:
            room = block.text[start : start + longest]
            ends = [match.end() for match in SENTENCE.finditer(room)]
            end = start + (ends[-1] if ends else (room.rfind(" ") + 1) or longest)
        piece = " ".join(block.text[start:end].split())
        if piece:
            skipped = len(block.text[start:end]) - len(block.text[start:end].lstrip())
            line += block.text.count("\n", counted, start + skipped)
            counted = start + skipped
            yield line, piece
        start = end


_BLOCKS = (
    "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
    "header hr li main nav ol p pre section table td th title tr ul"
)


class _Reader(HTMLParser):
    """The visible text of a page, as blocks. What is no HTML is read as far as it can be."""

    BLOCKS = frozenset(_BLOCKS.split())
    HIDDEN = frozenset(("script", "style", "template", "noscript"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._line, self._level, self._hidden = 1, 0, 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.BLOCKS:
            self.end_block()
            self._level = 1 if tag == "title" else int(tag[1]) if re.fullmatch(r"h[1-6]", tag) else 0
        self._hidden += tag in self.HIDDEN

    def handle_endtag(self, tag: str) -> None:
        if tag in self.BLOCKS:
            self.end_block()
            self._level = 0
        self._hidden = max(0, self._hidden - (tag in self.HIDDEN))

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        if not self._text and data.strip():
            self._line = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
        if self._text or data.strip():
            self._text.append(data)

    def end_block(self) -> None:
        text = " ".join("".join(self._text).split())
        if text:
            self.blocks.append(Block(self._line, text, self._level))
        self._text = []


def _html(content: str) -> list[Block]:
    reader = _Reader()
    seen = UNSEEN.sub(lambda match: "\n" * match[0].count("\n"), content)
    reader.feed(NO_TAG.sub("&lt;", MARKED.sub("&lt;![", seen)))
    reader.close()
    reader.end_block()
    return reader.blocks
