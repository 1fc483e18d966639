"""Reads pages as a browser does: their elements, their hidden fields, their text."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

__all__ = ["Seen", "hidden", "read"]

SILENT = ("script", "style", "title")


class Seen(HTMLParser):
    """`elements` counts the start tags; `text` is what stands between them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in SILENT:
            self.text += data


def read(page: str) -> Seen:
    seen = Seen()
    seen.feed(page)
    seen.close()
    return seen


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of the first form."""

    fields = _Fields()
    fields.feed(page)
    return fields.found


class _Fields(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden":
            self.found.setdefault(str(given["name"]), str(given["value"]))
