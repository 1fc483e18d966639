"""What a rendered page said of itself, as problems and in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from revet.schema import Location, Severity
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["address_of", "lines_of", "problems_of_page", "problems_of_plot"]

MOST, LONG = 12, 300
WEIGHTY = ("Script", "Stylesheet", "Document")


def problems_of_page(told: Mapping[str, Any], name: str, workspace: Path | None, blank: bool | None) -> list[Problem]:
    """What is wrong with a page. `name` is its path, or what it is called in an answer."""
    return [*_whole(told, name, blank), *_events(told, name, workspace), *_layout(told, name)]


def _whole(told: Mapping[str, Any], name: str, blank: bool | None) -> Iterator[Problem]:
    at = _at(name)
    if told.get("hung"):
        claim = f"{name} does not end loading: a script runs without end, or a resource never comes"
        yield Problem(claim=claim, category="render/hangs", location=at, confidence=0.9)
    if told.get("ended"):
        yield Problem(claim=f"{name} cannot be shown: {told['ended']}", category="render/ends", location=at)
    if blank:
        claim = f"{name} is blank: all of the picture has one colour"
        yield Problem(claim=claim, category="render/blank", location=at, confidence=0.8)
    if _count(told, "dialogs"):
        claim = f"{name} opens {_count(told, 'dialogs')} dialogs while it loads"
        yield Problem(claim=claim, severity=Severity.minor, category="render/dialogs", location=at)


def _events(told: Mapping[str, Any], name: str, workspace: Path | None) -> Iterator[Problem]:
    for each in _list(told, "exceptions"):
        path = _path(each.get("url"), workspace) or name
        line = each.get("line")
        where = Location(path=path, line=line if isinstance(line, int) and line > 0 else None) if _at(path) else None
        claim = f"an exception is not caught: {_text(each.get('text'))}"
        yield Problem(claim=claim, category="render/exception", location=where, confidence=0.9)
    for each in _list(told, "failed"):
        url = str(each.get("url"))
        if address_of(url).scheme in ("http", "https", "ws", "wss"):
            claim = f"{name} needs {_text(url)}, which was not fetched: there is no network here"
            yield Problem(claim=claim, severity=Severity.info, category="render/external", confidence=0.3)
        else:
            path = _path(url, workspace) or url
            claim = f"{name} asks for {_text(path)}, which cannot be loaded ({_text(each.get('why'))})"
            grave = Severity.major if each.get("kind") in WEIGHTY else Severity.minor
            yield Problem(claim=claim, severity=grave, category="render/resource", location=_at(name))
    for each in _list(told, "console"):
        if each.get("kind") in ("error", "assert"):
            claim = f"the console says, as an error: {_text(each.get('text'))}"
            yield Problem(claim=claim, severity=Severity.minor, category="render/console", location=_at(name))


def _layout(told: Mapping[str, Any], name: str) -> Iterator[Problem]:
    look = _look(told)
    width, wide = look.get("width"), look.get("wide")
    if isinstance(width, int) and isinstance(wide, int) and width > wide + 2:
        told_of = look.get("beyond")
        beyond = "; ".join(map(_text, told_of[:3])) if isinstance(told_of, list) else ""
        claim = f"{name} is wider than the window: {width} px of {wide}" + (f" ({beyond})" if beyond else "")
        yield Problem(
            claim=claim, severity=Severity.minor, category="render/overflow", location=_at(name), confidence=0.5
        )


def problems_of_plot(told: Mapping[str, Any], name: str, blank: bool) -> Iterator[Problem]:
    """What is wrong with a script that plots."""
    error = told.get("error")
    if isinstance(error, dict):
        line = error.get("line")
        where = Location(path=name, line=line if isinstance(line, int) and line > 0 else None) if _at(name) else None
        at = f" (line {line} of the answer's program)" if where is None and isinstance(line, int) else ""
        claim = f"the script ends with {_text(error.get('type'))}: {_text(error.get('text'))}{at}"
        yield Problem(claim=claim, category="render/exception", location=where)
    elif not _list_of_pairs(told):
        claim = f"{name} draws nothing: it saved no picture and left no figure open"
        yield Problem(claim=claim, category="render/nothing", location=_at(name), confidence=0.9)
    if blank:
        yield Problem(
            claim=f"{name} draws a blank picture", category="render/blank", location=_at(name), confidence=0.8
        )


def lines_of(told: Mapping[str, Any]) -> Iterator[str]:
    """What a page said, beside what was wrong: its title and size, and the console."""
    look = _look(told)
    if look:
        parts = f"{look.get('elements')} elements, {look.get('text')} characters of text"
        yield f"title {_text(look.get('title'))!r}, {parts}"
    for each in _list(told, "console"):
        yield f"console {_text(each.get('kind'))}: {_text(each.get('text'))}"
    more = _count(told, "console") - MOST
    if more > 0:
        yield f"console: and {more} more messages"


def _list(told: Mapping[str, Any], what: str) -> list[dict[str, Any]]:
    found = told.get(what)
    return [each for each in found if isinstance(each, dict)][:MOST] if isinstance(found, list) else []


def _list_of_pairs(told: Mapping[str, Any]) -> list[Any]:
    found = told.get("pictures")
    return found if isinstance(found, list) else []


def _look(told: Mapping[str, Any]) -> dict[str, Any]:
    look = told.get("look")
    return look if isinstance(look, dict) else {}


def _count(told: Mapping[str, Any], what: str) -> int:
    counts = told.get("counts")
    number = counts.get(what, 0) if isinstance(counts, dict) else 0
    return number if isinstance(number, int) else 0


def _text(value: object) -> str:
    return clip(" ".join(str(value).split()), LONG).encode("utf-8", "replace").decode()


def _path(url: object, workspace: Path | None) -> str | None:
    """The path in the workspace that a ``file:`` address names."""
    address = address_of(url)
    if address.scheme != "file" or workspace is None:
        return None
    place = Path(unquote(address.path))
    return str(place.relative_to(workspace)) if place.is_relative_to(workspace) else None


def address_of(url: object) -> SplitResult:
    """The parts of an address; none of what is no address, for a page may ask for anything."""
    try:
        return urlsplit(str(url))
    except ValueError:
        return urlsplit("")


def _at(name: str) -> Location | None:
    """The place, of a file; what is in an answer has none."""
    return None if name.startswith("the ") else Location(path=name)
