"""What the tests of `CorpusSearch` share: a search, what it found, and made-up dumps of an encyclopaedia."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from revet.schema import Evidence, Task
from revet.tools import CorpusSearch, ToolCall, View

__all__ = ["HEAD", "PAGE", "dump", "find", "found", "json_lines"]

HEAD = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" xml:lang="en">\n<siteinfo/>\n'
PAGE = "<page>\n<title>{}</title>\n<ns>{}</ns>\n<revision><text>{}</text></revision>\n</page>\n"


async def find(tool: CorpusSearch, query: str, **more: Any) -> Evidence:
    """What the tool finds; `more` are fields of the view."""
    call = ToolCall(tool="corpus", request=query, arguments={"query": query})
    return await tool.run(call, View(task=Task(goal="?"), run="r", **more))


def found(evidence: Evidence) -> list[dict[str, Any]]:
    return list(evidence.data["passages"])  # type: ignore[arg-type]


def dump(articles: int, words: int = 40) -> Iterator[str]:
    """A dump of Wikipedia. The n-th article is about zebra<n>."""
    yield HEAD
    for n in range(articles):
        text = f"'''Article {n}''' is about zebra{n}.\n\n== History ==\n" + f"word{n % 97} [[ship|sailed]] " * words
        yield PAGE.format(f"Article {n}", 0, text)
    yield "</mediawiki>\n"


def json_lines(articles: int) -> Iterator[str]:
    """The same as JSON, with longer articles."""
    for n in range(articles):
        yield json.dumps({"title": f"Article {n}", "text": f"About zebra{n}. " + f"word{n % 97} sailed. " * 160}) + "\n"
