"""What a piece of evidence shows, by its shape: tests, passages, rows, pictures, or the text that the tool said.

`Evidence.data` is read by its shape and never trusted: whatever does not have it is left out, and the observation
always stands.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from revet.report.html.words import as_text, bounded
from revet.schema import Evidence

__all__ = ["Passage", "Rows", "Seen", "Test", "link", "pictures_of", "seen_in"]

BAD = ("failed", "error", "timeout")
MOST_TESTS, MOST_NAMES, MOST_PASSAGES, MOST_ROWS, MOST_COLUMNS, MOST_REASONS = 40, 1_000, 30, 50, 40, 20
LARGEST_PICTURE = 1_500_000
"""Characters of a picture, as base64."""

PICTURE = re.compile(r"data:image/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+={0,2}\Z")


@dataclass(frozen=True)
class Test:
    """One test that does not pass, and what it said."""

    __test__ = False

    name: str
    outcome: str
    where: str
    message: str
    expected: str
    actual: str
    detail: str


@dataclass(frozen=True)
class Passage:
    """One passage that a search found. `url` is a link only if `link` gave one."""

    title: str
    text: str
    source: str
    url: str | None


@dataclass(frozen=True)
class Rows:
    """The first rows and columns of a query's result, and how many rows there are (-1: not known)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    count: int
    more_columns: int


@dataclass(frozen=True)
class Seen:
    """Everything that is shown of a piece of evidence below its line. Equal evidence gives equal values, whatever the
    time it took."""

    tests: tuple[Test, ...]
    more_tests: int
    passing: str
    skipped: str
    integrity: tuple[str, ...]
    more_integrity: int
    passages: tuple[Passage, ...]
    more_passages: int
    rows: Rows | None
    pictures: tuple[str, ...]
    observation: str


def seen_in(evidence: Evidence) -> Seen:
    """What `evidence` shows. The observation of tests that are listed one by one is still there, to be folded."""
    data = evidence.data
    tests = [test for test in _mappings(data.get("tests")) if isinstance(test.get("outcome"), str)]
    tests += [{**each, "outcome": "error"} for each in _mappings(data.get("collect_errors"))]
    bad = [test for test in tests if test["outcome"] in BAD]
    integrity = data.get("integrity")
    broken = integrity if isinstance(integrity, list) else []
    passages = list(_mappings(data.get("passages")))
    return Seen(
        tests=tuple(_test(test) for test in bad[:MOST_TESTS]),
        more_tests=max(0, len(bad) - MOST_TESTS),
        passing=_names(test for test in tests if test["outcome"] in ("passed", "xfailed")),
        skipped=_names(test for test in tests if test["outcome"] in ("skipped", "xpassed")),
        integrity=tuple(as_text(each) for each in broken[:MOST_REASONS]),
        more_integrity=max(0, len(broken) - MOST_REASONS),
        passages=tuple(_passage(each) for each in passages[:MOST_PASSAGES]),
        more_passages=max(0, len(passages) - MOST_PASSAGES),
        rows=_rows(data),
        pictures=tuple(pictures_of(evidence)),
        observation=evidence.observation,
    )


def pictures_of(evidence: Evidence) -> Iterator[str]:
    """The pictures among the artefacts, as ``data:`` URLs of formats that cannot hold a script."""
    for artefact in evidence.artefacts:
        if len(artefact) <= LARGEST_PICTURE and PICTURE.match(artefact):
            yield artefact


def link(url: object) -> str | None:
    """`url` if following it can only open a page of the web: ``http`` or ``https`` with a host, and nothing unseen."""
    if not isinstance(url, str) or len(url) > 2_000 or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.hostname else None


def _mappings(value: object) -> Iterator[Mapping[str, object]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _test(test: Mapping[str, object]) -> Test:
    path, line = test.get("path"), test.get("line")
    where = f"{path}:{line}" if isinstance(path, str) and line else ""
    exception = f"{test['exception']}: " if isinstance(test.get("exception"), str) else ""
    message = _text(test.get("message"), 2_000)
    said = [_text(test.get("traceback"), 20_000)]
    said += [f"{name}:\n{_text(test.get(name), 5_000)}" for name in ("stdout", "stderr") if test.get(name)]
    return Test(
        name=_text(test.get("id"), 300) or "a test",
        outcome=str(test["outcome"]),
        where=where,
        message=message if message.startswith(exception) else exception + message,
        expected=_text(test.get("expected"), 2_000),
        actual=_text(test.get("actual"), 2_000),
        detail="\n".join(part for part in said if part),
    )


def _names(tests: Iterator[Mapping[str, object]]) -> str:
    """The names of tests, a line each."""
    names = [as_text(test.get("id", "a test")) for test in tests]
    more = [f"… and {len(names) - MOST_NAMES:,} more"] if len(names) > MOST_NAMES else []
    return "\n".join(names[:MOST_NAMES] + more)


def _passage(passage: Mapping[str, object]) -> Passage:
    url, path, line, page = (passage.get(name) for name in ("url", "path", "line", "page"))
    source = _text(url if url else path, 500)
    source += f", page {page}" if isinstance(page, int) else ""
    source += f":{line}" if isinstance(line, int) and not url else ""
    return Passage(_text(passage.get("title"), 300), _text(passage.get("text"), 4_000), source, link(url))


def _rows(data: Mapping[str, object]) -> Rows | None:
    columns, first, count = data.get("columns"), data.get("first"), data.get("rows")
    if not isinstance(columns, list) or not isinstance(first, list) or not columns:
        return None
    named = tuple(as_text(each, 80) for each in columns[:MOST_COLUMNS])
    rows = (row for row in first[:MOST_ROWS] if isinstance(row, list))
    cells = tuple(tuple(_cell(cell) for cell in row[: len(named)]) for row in rows)
    known = isinstance(count, int | float) and math.isfinite(count)
    number = int(count) if known and isinstance(count, int | float) else -1
    return Rows(named, cells, number, max(0, len(columns) - len(named)))


def _cell(value: object) -> str:
    return "null" if value is None else as_text(value, 200)


def _text(value: object, limit: int) -> str:
    if value is None:
        return ""
    return bounded(value if isinstance(value, str) else as_text(value, limit), limit)[0]
