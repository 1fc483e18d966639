"""A unified diff taken apart: files, hunks and numbered lines, and beside each line what was said of it.

The format is that of GNU diff and git. Whatever does not fit it is kept as text: what a diff holds is hostile, too.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from revet.agents.evidence import SUSPICIOUS
from revet.schema import Finding

__all__ = ["DiffFile", "DiffLine", "parse_diff"]

HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@(.*)", re.DOTALL)

ESCAPE = re.compile(r'\\([0-3][0-7]{2}|[abfnrtv"\\])')
ESCAPES = dict(zip('abfnrtv"\\', '\a\b\f\n\r\t\v"\\', strict=True))

KINDS = {"+": "added", "-": "removed", " ": "kept"}


@dataclass(frozen=True)
class DiffLine:
    """One line. `kind` is ``added``, ``removed``, ``kept``, ``hunk`` or ``note``; numbers are from 1, None where the
    line is not in that version. A line is `suspect` where failing tests point at it and no critic says more."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None
    findings: tuple[Finding, ...] = ()
    suspect: bool = False


@dataclass
class DiffFile:
    """The lines of one file, and how many of them were added and removed."""

    path: str
    lines: list[DiffLine] = field(default_factory=list)

    @property
    def added(self) -> int:
        return sum(line.kind == "added" for line in self.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "removed" for line in self.lines)


def parse_diff(diff: str, findings: Sequence[Finding] = ()) -> list[DiffFile]:
    """The files of a diff in order. A finding stands at the line of the new version that its location names."""
    beside: dict[tuple[str, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.location is not None and finding.location.path is not None and finding.location.line is not None:
            beside[finding.location.path.removeprefix("./"), finding.location.line].append(finding)
    files: list[DiffFile] = []
    lines = diff.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    for heading, body in _split(lines):
        path = _path(heading)
        file = DiffFile(path)
        file.lines += [DiffLine("note", line) for line in heading if _tells(line)]
        file.lines += _line_ends(list(_numbered(body, path, beside)))
        files.append(file)
    return files


def _split(lines: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Heading and body of each file: a new file begins where a line outside a hunk says so."""
    heading: list[str] = []
    body: list[str] = []
    left_old = left_new = 0
    for number, line in enumerate(lines):
        inside = left_old > 0 or left_new > 0
        if not inside and _begins(line, lines[number + 1] if number + 1 < len(lines) else "", heading, body):
            if heading or body:
                yield heading, body
            heading, body = [line], []
            continue
        found = None if inside else HUNK.match(line)
        if found:
            left_old, left_new = int(found[2] or 1), int(found[4] or 1)
        elif inside:
            left_old -= line[:1] in ("-", " ", "")
            left_new -= line[:1] in ("+", " ", "")
        (body if body or found or inside else heading).append(line)
    if heading or body:
        yield heading, body


def _begins(line: str, following: str, heading: Sequence[str], body: Sequence[str]) -> bool:
    """True where a file begins: ``diff --git``, or ``---`` and ``+++`` that follow no such line."""
    if line.startswith("diff --git "):
        return True
    return line.startswith("--- ") and following.startswith("+++ ") and (bool(body) or not heading)


def _path(heading: Iterable[str]) -> str:
    """The path of the new version; of a file that is deleted, of the old one."""
    named: dict[str, str] = {}
    for line in heading:
        for sign in ("--- ", "+++ "):
            if line.startswith(sign):
                named[sign] = _unquoted(line[4:].partition("\t")[0])
        if line.startswith("diff --git "):
            named["git"] = _git_path(line.removeprefix("diff --git "))
    new, old = named.get("+++ ", ""), named.get("--- ", "")
    if new and new != "/dev/null":
        return new.removeprefix("b/")
    return old.removeprefix("a/") if old and old != "/dev/null" else named.get("git", "")


def _git_path(names: str) -> str:
    """The path in ``a/PATH b/PATH``, as both name the same file; of a rename the last that stands there."""
    half = len(names) // 2
    if names[half : half + 1] == " ":
        old, new = _unquoted(names[:half]), _unquoted(names[half + 1 :])
        if old.removeprefix("a/") == new.removeprefix("b/"):
            return new.removeprefix("b/")
    return names.rpartition(" b/")[2]


def _unquoted(name: str) -> str:
    """The name that git writes in C quotes, where a quote, a backslash or a control character is in it."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name
    return ESCAPE.sub(lambda found: ESCAPES.get(found[1]) or chr(int(found[1], 8)), name[1:-1])


def _tells(line: str) -> bool:
    """What a heading tells beyond the path: modes, renames, that a file is binary."""
    return bool(line.strip()) and not line.startswith(("diff --git ", "--- ", "+++ ", "index "))


def _line_ends(lines: list[DiffLine]) -> list[DiffLine]:
    """The lines of a file that ends each with CR LF, as Windows does, without the CR, and a note that says so. In any
    other file each CR is kept: there it is part of the difference."""
    own = [
        line for line, after in pairwise([*lines, None]) if line and line.kind in KINDS.values() and not _open(after)
    ]
    if not own or not all(line.text.endswith("\r") for line in own):
        return lines
    bare = [replace(line, text=line.text.removesuffix("\r")) if line.kind in KINDS.values() else line for line in lines]
    return [DiffLine("note", "Each line ends with CR LF."), *bare]


def _open(after: DiffLine | None) -> bool:
    """True of the note behind a last line that has no end at all."""
    return after is not None and after.kind == "note" and after.text.startswith("No newline")


def _numbered(body: Sequence[str], path: str, beside: dict[tuple[str, int], list[Finding]]) -> Iterator[DiffLine]:
    old = new = 0
    left_old = left_new = 0
    for line in body:
        found = HUNK.match(line) if left_old <= 0 and left_new <= 0 else None
        kind = KINDS.get(line[:1] or " ")
        if found:
            old, left_old = int(found[1]), int(found[2] or 1)
            new, left_new = int(found[3]), int(found[4] or 1)
            yield DiffLine("hunk", found[5].strip(), old, new)
        elif kind is None or (left_old <= 0 and left_new <= 0):
            yield DiffLine("note", line.removeprefix("\\ "))
        else:
            at_new = None if kind == "removed" else new
            said = beside.get((path, new), ()) if at_new is not None else ()
            claims = tuple(finding for finding in said if finding.category != SUSPICIOUS)
            at_old = None if kind == "added" else old
            yield DiffLine(kind, line[1:], at_old, at_new, claims, suspect=len(claims) < len(said))
            old, left_old = old + (kind != "added"), left_old - (kind != "added")
            new, left_new = new + (kind != "removed"), left_new - (kind != "removed")
