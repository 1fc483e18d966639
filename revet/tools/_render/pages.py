"""What there is to be drawn in a draft: HTML and SVG files that it writes, those in its answer, and plots."""

from __future__ import annotations

import fnmatch
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from revet.schema import FileChange, digest
from revet.tools.base import View
from revet.tools.constraints import text_of
from revet.tools.python import program_of

__all__ = ["LONGEST", "WHOLE", "Page", "matches", "pages_of"]

Kind = Literal["html", "svg", "plot"]

BLOCK = re.compile(r"^[ \t]*```[ \t]*(html|svg|xml)\b[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE | re.I)
WHOLE = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+)?(html|svg)\b", re.DOTALL | re.I)
STANDS_ALONE = re.compile(r"""<svg\b[^>]*\sxmlns\s*=""", re.I)
PLOTS = re.compile(r"^\s*(?:import|from)\s+(?:matplotlib|seaborn|pylab)\b", re.MULTILINE)
LONGEST = 2 << 20


class Page(NamedTuple):
    """One thing to be drawn: the `path` of a staged file, or the `text` of the answer."""

    kind: Kind
    path: str | None = None
    text: str | None = None

    @property
    def request(self) -> str:
        """What a tool call says of it; it tells pages of one draft apart."""
        if self.path is not None:
            return f"draw {self.path}"
        named = {"html": "the page", "svg": "the picture", "plot": "the plot"}[self.kind]
        return f"draw {named} in the answer ({digest(self.text or '')})"


def pages_of(view: View, patterns: Sequence[str], scripts: Sequence[str]) -> list[Page]:
    """Everything there is to be drawn, files first, in the order of their paths."""
    files = sorted(view.changes.files, key=lambda file: file.path) if view.changes else []
    found = [page for file in files if (page := _file(file, patterns, scripts)) is not None]
    return [*found, *_in_answer(view)]


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path, or its last part, fits one of the patterns."""
    name = path.rpartition("/")[2]
    return any(fnmatch.fnmatchcase(part, pattern) for pattern in patterns for part in (path, name))


def _file(file: FileChange, patterns: Sequence[str], scripts: Sequence[str]) -> Page | None:
    if file.after is None or file.after.type != "file":
        return None
    if matches(file.path, scripts):
        return Page("plot", file.path)
    if matches(file.path, patterns):
        return Page("svg" if file.path.lower().endswith(".svg") else "html", file.path)
    return None


def _in_answer(view: View) -> Iterator[Page]:
    text = text_of(view.draft) if view.draft is not None else None
    if view.draft is None or text is None or len(text) > LONGEST:
        return
    whole = WHOLE.match(text)
    if whole:
        yield Page(_kind(text), text=text)
    for block in BLOCK.finditer(text):
        code = textwrap.dedent(block[2])
        if block[1].lower() == "html" or WHOLE.match(code):
            yield Page(_kind(code), text=code)
    program = program_of(view.draft)
    if program is not None and PLOTS.search(program):
        yield Page("plot", text=program)


def _kind(text: str) -> Kind:
    """An SVG that is no document, without a namespace, is one that stands in a page: that is how it is drawn."""
    whole = WHOLE.match(text)
    alone = text.lstrip().startswith("<?xml") or STANDS_ALONE.search(text)
    return "svg" if whole and whole[1].lower() == "svg" and alone else "html"
