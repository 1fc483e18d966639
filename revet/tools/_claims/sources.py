"""Where the passages come from that claims are held against: what tools found, and what the task gives.

Only what comes from outside the draft counts. What a draft's own program printed, or what a tool said of the draft,
would let it vouch for itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import JsonValue

from revet.errors import InputError
from revet.schema import Evidence, Task
from revet.tools._search.passages import SUFFIXES, passages
from revet.tools.base import View

__all__ = [
    "MOST_TEXT",
    "Source",
    "any_source",
    "file_in",
    "from_evidence",
    "gathered",
    "given",
    "in_file",
    "normal_url",
]

MOST_TEXT = 16_000_000
"""Characters of all passages together. More is left out, and that is told."""
MOST_FILE = 8 * 1024 * 1024
PASSAGE = 1_200
ONE_LINE = re.compile(r"[\w./\\ -]{1,200}\.[A-Za-z0-9]{1,9}\Z")
TEXT, PLACE = ("text", "snippet", "body", "content", "passage"), ("url", "href", "link", "path", "source", "file")


class Source(NamedTuple):
    """A passage: its text, where it is from, and the id of the evidence that holds it (none for what a task gives).

    `place` is an address or a path; `line` is where in the file the text begins.
    """

    text: str
    place: str = ""
    line: int | None = None
    title: str = ""
    evidence: str = ""
    number: int = 0

    @property
    def where(self) -> str:
        """``file.md:12``, an address, or the title."""
        place = self.place or self.title or "the sources"
        return f"{place}:{self.line}" if self.line is not None and not _is_url(place) else place


def gathered(view: View, also: Collection[str] = ()) -> list[Source]:
    """Every passage that this view's draft can be held against, each once: given ones first, then those found.

    `also` names tools whose whole observation counts as a passage.
    """
    known: dict[tuple[str, str], Source] = {}
    room = MOST_TEXT
    for source in _every(view, also):
        if (source.place, source.text) not in known and len(source.text) <= room:
            known[source.place, source.text] = source
            room -= len(source.text)
    return list(known.values())


def any_source(view: View, also: Collection[str] = ()) -> bool:
    """Whether there is any passage at all."""
    return next(_every(view, also), None) is not None


def _every(view: View, also: Collection[str]) -> Iterator[Source]:
    earlier = [e for attempt in view.attempts for e in attempt.evidence]
    yield from given(view.task, view.workspace)
    yield from from_evidence([*view.evidence, *view.baseline.values(), *earlier], also)


def from_evidence(evidence: Iterable[Evidence], also: Collection[str] = ()) -> Iterator[Source]:
    """The passages that tools found: ``data["passages"]``, else ``data["results"]``."""
    for each in {e.id: e for e in evidence}.values():
        found = each.data.get("passages") or each.data.get("results")
        listed = found if isinstance(found, list) else []
        for item in listed:
            if isinstance(item, dict) and (source := _source(item, each.id)):
                yield from _parts(source)
        if not listed and each.tool in also and each.observation.strip():
            yield from _parts(Source(each.observation, each.source or each.tool, evidence=each.id))


def given(task: Task, workspace: Path | None) -> Iterator[Source]:
    """What the task gives in ``inputs["sources"]``: texts, files of the workspace, or objects with a ``text``.

    Raises `InputError` for a file that cannot be read and for what is none of these.
    """
    told = task.inputs.get("sources")
    entries: Sequence[JsonValue] = told if isinstance(told, list) else [] if told is None else [told]
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, str) and ONE_LINE.match(entry) and workspace is not None:
            yield from in_file(workspace, entry, number)
        elif isinstance(entry, str):
            yield from _parts(Source(entry, f"source {number}", number=number))
        elif isinstance(entry, dict) and (source := _source(entry, "")):
            yield from _parts(source._replace(place=source.place or f"source {number}", number=number))
        else:
            raise InputError(
                f"inputs.sources of the task {task.id}: entry {number} is no source",
                hint="give a text, the path of a file in the workspace, or {title, url, text}",
            )


def in_file(workspace: Path, path: str, number: int = 0) -> Iterator[Source]:
    """The passages of a text file of the workspace, with their lines."""
    file = file_in(workspace, path)
    hint = "name a text file below the workspace"
    if file is None:
        raise InputError(f"inputs.sources: there is no file {path} in the workspace", hint=hint)
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_FILE).decode("utf-8-sig", "replace").replace("\0", "\ufffd")
    except OSError as error:
        raise InputError(f"inputs.sources: {path} cannot be read: {error.strerror}", hint=hint) from None
    name = path if PurePosixPath(path).suffix.lower() in SUFFIXES else f"{path}.txt"
    for found in passages(name, content, PASSAGE):
        yield Source(found.text, path, found.line, found.title, number=number)


def file_in(workspace: Path, path: str) -> Path | None:
    """The file, if it is one and lies in the workspace, links followed."""
    try:
        file = (workspace / path).resolve()
        return file if file.is_relative_to(workspace.resolve()) and file.is_file() else None
    except (OSError, ValueError):  # no name that a file could have
        return None


def normal_url(url: str) -> str:
    """An address without what does not tell pages apart: scheme, ``www.``, fragment, the slash at the end."""
    plain = re.sub(r"^[a-z]+://(?:www\.)?", "", url.strip(), flags=re.IGNORECASE).partition("#")[0]
    host, slash, path = plain.partition("/")
    return (host.lower() + slash + path).rstrip("/")


def _parts(source: Source) -> Iterator[Source]:
    """A long text in passages, so that what is shown of it is short."""
    if len(source.text) <= PASSAGE:
        yield source
        return
    first = source.line or 1
    for found in passages("source.txt", source.text, PASSAGE):
        yield source._replace(text=found.text, line=None if source.line is None else first + found.line - 1)


def _source(item: Mapping[str, JsonValue], evidence: str) -> Source | None:
    text = next((value for key in TEXT if isinstance(value := item.get(key), str) and value.strip()), None)
    if text is None:
        return None
    place = next((value for key in PLACE if isinstance(value := item.get(key), str)), "")
    line, title = item.get("line"), item.get("title")
    return Source(
        text,
        place,
        line if isinstance(line, int) and not isinstance(line, bool) and line > 0 else None,
        title if isinstance(title, str) else "",
        evidence,
    )


def _is_url(place: str) -> bool:
    return "://" in place
