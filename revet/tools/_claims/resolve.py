"""What a citation points to: the passages behind an address, a file, a number or an author, or why there are none."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.errors import InputError
from revet.schema import Evidence, Task
from revet.tools._claims.citing import URL, Citation, Entry
from revet.tools._claims.sources import Source, file_in, in_file, normal_url
from revet.tools._claims.words import unaccented

__all__ = ["Places", "Resolved"]

NEAR = 3
"""A cited line may be so many lines away from what it is cited for."""
MOST_FILES = 50
PATH = re.compile(r"[\w./-]{1,200}\.[A-Za-z]\w{0,8}(?=[\s:#,;)]|\Z)")


@dataclass(frozen=True)
class Resolved:
    """`found` are the numbers of the sources it points to. `problem` says what is wrong with the citation itself.

    `seen` is False for an address that nobody has opened in this run; without `problem` and `found`, nobody can tell.
    """

    found: frozenset[int] = frozenset()
    problem: str = ""
    seen: bool = True
    entry: str | None = None


class Places:
    """Where citations can lead: the sources, the text's own list of references, and the workspace's files.

    `written` are files that the draft makes itself: what is in them is not known here.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        entries: Sequence[Entry],
        *,
        task: Task,
        evidence: Sequence[Evidence] = (),
        workspace: Path | None = None,
        written: Sequence[str] = (),
    ) -> None:
        self.sources, self.entries = list(sources), {entry.key: entry for entry in entries}
        self.workspace, self._written = workspace, frozenset(written)
        self._numbered = sorted({source.number for source in sources if source.number})
        self._order = list(dict.fromkeys(source.place for source in sources if source.place))
        said = [task.goal, *(e.observation for e in evidence), *(e.source or "" for e in evidence)]
        self._addresses = {normal_url(found[0].rstrip(".,;:!?)*_")) for text in said for found in URL.finditer(text)}
        self._addresses |= {normal_url(source.place) for source in sources if "://" in source.place}
        self._read: dict[str, bool] = {}

    def of(self, citation: Citation) -> Resolved:
        if citation.kind == "url":
            return self._address(citation.key)
        if citation.kind == "file":
            return self._file(citation.key, citation.line)
        entry = self.entries.get(citation.key)
        if citation.kind == "author":
            return self._author(citation.key)
        if entry is not None:
            return self._entry(entry)
        if citation.kind == "number" and not self.entries:
            return self._numbered_source(int(citation.key))
        named = f"[^{citation.key}]" if citation.kind == "note" else f"[{citation.key}]"
        return Resolved(problem=f"{named} is not in the list of references")

    def _address(self, address: str) -> Resolved:
        wanted = normal_url(address)
        found = self._at(lambda source: "://" in source.place and normal_url(source.place) == wanted)
        if found or wanted in self._addresses:
            return Resolved(found)
        looked = "it is not among what was found" if self._addresses else "nothing was looked up"
        return Resolved(problem=f"{address} was never seen: {looked}", seen=False)

    def _file(self, path: str, line: int | None) -> Resolved:
        plain = path.removeprefix("./")
        if not any(_same_path(source.place, plain) for source in self.sources) and not self._add(plain):
            told = self.workspace is not None and plain not in self._written
            return Resolved(problem=f"there is no file {path}" if told else "")
        here = self._at(lambda source: _same_path(source.place, plain))
        if line is None:
            return Resolved(here)
        last = self._lines(plain)
        if last is not None and line > last:
            return Resolved(here, problem=f"{path} has {last} lines, and no line {line}")
        return Resolved(frozenset(n for n in here if self._near(n, line)) or here)

    def _near(self, number: int, line: int) -> bool:
        source = self.sources[number]
        if source.line is None:
            return False
        # White space is made one space in a passage, so its length in lines is only known to be about this.
        return source.line - NEAR <= line <= source.line + NEAR + len(source.text) // 60

    def _add(self, path: str) -> bool:
        """Take a file of the workspace among the sources, if it is one."""
        if self.workspace is None or len(self._read) >= MOST_FILES:
            return False
        if path not in self._read:
            self._read[path] = file_in(self.workspace, path) is not None
            if self._read[path]:
                try:
                    self.sources += in_file(self.workspace, path)
                except InputError:  # it may not be read
                    self._read[path] = False
        return self._read[path]

    def _lines(self, path: str) -> int | None:
        file = file_in(self.workspace, path) if self.workspace is not None else None
        if file is None:
            return None
        try:
            with file.open("rb") as opened:
                return sum(1 for _ in opened)
        except OSError:  # it is only in the evidence, or may not be read
            return None

    def _entry(self, entry: Entry) -> Resolved:
        """An entry of the text's own list: by its address, its file, its author and year, or its title."""
        address, file = URL.search(entry.text), PATH.search(entry.text)
        if address:
            found = self._address(address[0].rstrip(".,;:!?)*_"))
            return Resolved(found.found, found.problem, found.seen, entry.key)
        if file and not file[0][0].isdigit():
            found = self._file(file[0], None)
            if found.found:
                return Resolved(found.found, entry=entry.key)
        return Resolved(self._titled(entry.text), entry=entry.key)

    def _author(self, key: str) -> Resolved:
        name, _, year = key.rpartition(" ")
        for entry in self.entries.values():
            if name in entry.text and year in entry.text:
                return self._entry(entry)
        found = self._at(
            lambda source: name in f"{source.title} {source.text}" and year in f"{source.title} {source.text}"
        )
        if found or not (self.entries or self.sources):
            return Resolved(found)
        return Resolved(problem=f"{name} ({year}) is neither in the list of references nor in what was found")

    def _numbered_source(self, number: int) -> Resolved:
        """Without a list of its own, a number is that of the task's sources, else of the places found, in order."""
        if self._numbered:
            found = self._at(lambda source: source.number == number)
            return Resolved(found) if found else Resolved(problem=f"[{number}] is none of the task's sources")
        if not self._order:
            return Resolved(problem=f"[{number}] points to nothing: there is no list of references")
        if number > len(self._order):
            return Resolved(problem=f"[{number}] points to nothing: there are {len(self._order)} sources")
        return Resolved(frozenset(range(len(self.sources))))

    def _titled(self, text: str) -> frozenset[int]:
        said = unaccented(text)
        return self._at(lambda source: len(source.title) > 5 and unaccented(source.title) in said)

    def _at(self, holds: Callable[[Source], bool]) -> frozenset[int]:
        return frozenset(number for number, source in enumerate(self.sources) if holds(source))


def _same_path(place: str, path: str) -> bool:
    return place == path or (bool(place) and place.endswith(f"/{path}"))
