"""Edits of text: unified diffs and search/replace, on bytes that are UTF-8.

A diff is applied without fuzz: every context and removed line must be there. What may be wrong are the line
numbers (if the context occurs once), the counts in the hunk headers, and line ends: a diff written with
``\\n`` applies to a file with ``\\r\\n``, and a missing newline at the end of the file stays missing unless
the diff says otherwise.
"""

from __future__ import annotations

import difflib
import itertools
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from revet.errors import EditDoesNotApply
from revet.schema import Replacement

__all__ = ["apply_diff", "apply_replacements", "split_lines"]

_BOM = "\ufeff"
_RANGES = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_REFUSED = {
    "GIT binary patch": "is binary; use write_file with data (base64)",
    "Binary files ": "is binary; use write_file with data (base64)",
    "rename from ": "renames a file; use write_file and delete_file",
    "copy from ": "copies a file; use write_file",
    "deleted file mode ": "deletes the file; use delete_file",
    "+++ /dev/null": "deletes the file; use delete_file",
    "new mode ": "changes permission bits; use write_file with mode",
    "new file mode 100755": "sets permission bits; use write_file with mode",
    "new file mode 120000": "makes a symlink, which no action can do",
}
_HEADERS = (
    "diff --git ",
    "index ",
    "--- ",
    "+++ ",
    "old mode ",
    "new file mode 100644",
    "similarity ",
    "Index: ",
)
_RULE = re.compile(r"=+\s*")  # below an `Index:` line
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_PREFIXED = re.compile(r"[a-z]/")  # a/ and b/, or what git's diff.mnemonicPrefix puts there


@dataclass
class _Line:
    sign: str  # " ", "-" or "+"
    text: str  # with its line end, if it has one


@dataclass
class _Hunk:
    header: str
    start: int | None  # 1-based line of the old file, None if the header gives none
    lines: list[_Line]

    @property
    def old(self) -> list[str]:
        return [line.text for line in self.lines if line.sign != "+"]


def split_lines(text: str) -> list[str]:
    """Lines with their ends, split at ``\\n`` alone (str.splitlines would split at form feeds and U+2028
    too).
    """
    lines = text.split("\n")
    ended = [line + "\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def apply_diff(data: bytes | None, diff: str, path: str | None = None) -> bytes:
    """The bytes after the unified `diff` of `path`; `data` is None for a file that does not exist and that the diff
    creates. A diff without file names is taken to be about `path`.

    EditDoesNotApply if the diff is malformed, does not match, or is about several files or another one.
    """
    hunks, creates = _parse(diff, path)
    if data is None:
        if creates and not hunks:
            return b""
        if len(hunks) != 1 or hunks[0].old:
            raise EditDoesNotApply("the file does not exist; use write_file to create it")
        return "".join(line.text for line in hunks[0].lines).encode("utf-8")
    if creates:
        raise EditDoesNotApply("the diff creates the file, but it exists; use write_file to replace it")
    text = _decode(data)
    mark = _BOM if text.startswith(_BOM) and not any(_BOM in "".join(hunk.old) for hunk in hunks) else ""
    lines = split_lines(text[len(mark) :])
    places = _locate_all(lines, hunks)
    if places is not None:
        result = _splice(lines, hunks, places, lenient=False)
    else:
        places = _locate_all([_bare(line) for line in lines], [_bared(hunk) for hunk in hunks], must=True)
        assert places is not None
        result = _splice(lines, hunks, places, lenient=True)
    return (mark + result).encode("utf-8")


def apply_replacements(data: bytes, replacements: Sequence[Replacement]) -> bytes:
    """The bytes after every replacement in order. EditDoesNotApply unless each occurs exactly `count` times.

    In a file whose lines all end with ``\\r\\n``, a search and replacement written with ``\\n`` mean
    ``\\r\\n``.
    """
    text = _decode(data)
    for number, item in enumerate(replacements, 1):
        search, replace = item.search, item.replace
        if _all_crlf(text) and "\r" not in search + replace:
            search, replace = search.replace("\n", "\r\n"), replace.replace("\n", "\r\n")
        found = len(re.findall(f"(?={re.escape(search)})", text))
        if found != item.count:
            raise EditDoesNotApply(_miscounted(text, search, number, found, item.count))
        if text.count(search) != found:
            raise EditDoesNotApply(f"replacement {number}: the occurrences of {_short(search)} overlap")
        text = text.replace(search, replace)
    return text.encode("utf-8")


def _miscounted(text: str, search: str, number: int, found: int, wanted: int) -> str:
    said = f"replacement {number}: {_short(search)} occurs {found} times, not {wanted}"
    if found:
        return f"{said}; give more of the surrounding text, or the right count"
    return f"{said}{_nearest([search.strip().splitlines()[0]] if search.strip() else [], text.splitlines())}"


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EditDoesNotApply(
            f"the file is not UTF-8 text (byte {error.start}); replace it whole with write_file and data (base64)"
        ) from error


def _all_crlf(text: str) -> bool:
    return "\n" in text and text.count("\n") == text.count("\r\n")


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _nearest(wanted: Sequence[str], lines: Sequence[str]) -> str:
    """A hint for the proposer: the line of the file that is most like the first one that was looked for."""
    close = difflib.get_close_matches(wanted[0], lines[:5000], n=1, cutoff=0.6) if wanted else []
    return f"; the nearest line is {lines.index(close[0]) + 1}: {_short(close[0])}" if close else ""


# --- parsing ------------------------------------------------------------------


def _parse(diff: str, path: str | None) -> tuple[list[_Hunk], bool]:
    """The hunks, and whether the diff says that it creates the file. Every line must be a header's or a hunk's."""
    lines = split_lines(diff)
    hunks: list[_Hunk] = []
    headers: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("@@"):
            hunk, at = _parse_hunk(lines, at)
            hunks.append(hunk)
            continue
        for start, why in _REFUSED.items():
            if line.startswith(start):
                raise EditDoesNotApply(f"the diff {why}")
        if line.startswith(_HEADERS):
            headers.append(line.rstrip("\r\n"))
        elif line.strip() and not _RULE.fullmatch(line):
            raise EditDoesNotApply(
                f"line {at + 1} of the diff, {_short(_bare(line))}, belongs to no header and no hunk;"
                " give the diff alone"
            )
        at += 1
    if any(sum(line.startswith(start) for line in headers) > 1 for start in ("diff --git ", "--- ", "+++ ")):
        raise EditDoesNotApply("the diff is about several files; use one edit_file for each")
    if path is not None:
        _check_names(headers, path)
    creates = any(line.startswith("new file mode ") or line.rstrip() == "--- /dev/null" for line in headers)
    if not hunks and not creates:
        raise EditDoesNotApply("the diff has no hunk; a hunk starts with a line like '@@ -1,3 +1,4 @@'")
    return hunks, creates


def _check_names(headers: Sequence[str], path: str) -> None:
    """Refuse a diff whose file names are others than `path`, with or without git's prefix."""
    wanted = posixpath.normpath(path)
    for line in headers:
        if line.startswith(("--- ", "+++ ")):
            name = _unquoted(line[4:].split("\t")[0].strip())
            fits = name in ("", "/dev/null") or wanted in (
                posixpath.normpath(name),
                posixpath.normpath(_PREFIXED.sub("", name, count=1)),
            )
        else:
            name = line.removeprefix("diff --git ")
            fits = name == line or '"' in name or name.endswith((f"/{wanted}", f" {wanted}"))
        if not fits:
            raise EditDoesNotApply(f"the diff is about {_short(name)}, not {_short(path)}; use one edit_file for each")


def _unquoted(name: str) -> str:
    """A file name out of the C quotes that git puts round one with odd characters."""
    if len(name) < 2 or not name.startswith('"') or not name.endswith('"'):
        return name
    plain = re.sub(rb"\\([0-7]{3}|.)", _unescaped, name[1:-1].encode("utf-8", "surrogatepass"))
    return plain.decode("utf-8", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPES.get(code, code)


def _parse_hunk(lines: list[str], at: int) -> tuple[_Hunk, int]:
    header = lines[at].rstrip("\r\n")
    ranges = _RANGES.match(header)
    hunk = _Hunk(header, int(ranges[1]) if ranges else None, [])
    first = at + 1
    counts = (int(ranges[2] or 1), int(ranges[4] or 1)) if ranges else None
    end = _end_by_count(lines, first, *counts) if counts else None
    if end is None:
        end = _end_by_shape(lines, first)
    for number in range(first, end):
        line = lines[number]
        if line.startswith("\\"):
            if hunk.lines:
                hunk.lines[-1].text = hunk.lines[-1].text.removesuffix("\n")
        elif line[0] in " +-":
            hunk.lines.append(_Line(line[0], line[1:] if line.endswith("\n") else line[1:] + "\n"))
        elif not line.strip("\r\n"):
            hunk.lines.append(_Line(" ", line))
        else:
            raise EditDoesNotApply(
                f"line {number + 1} of the diff starts with {line[0]!r}; lines of a hunk start with ' ', '+' or '-'"
            )
    if all(line.sign == " " for line in hunk.lines):
        raise EditDoesNotApply(f"the hunk {header!r} changes nothing")
    return hunk, end


def _end_by_count(lines: list[str], first: int, old: int, new: int) -> int | None:
    """Where the hunk ends by its header's counts, None if they do not fit what follows."""
    at = first
    while old > 0 or new > 0:
        sign = lines[at][0] if at < len(lines) else "@"
        if sign not in " +-\\\r\n":
            return None
        old -= sign in " -\r\n"
        new -= sign in " +\r\n"
        at += 1
    while at < len(lines) and lines[at].startswith("\\"):
        at += 1
    if old < 0 or new < 0 or (at < len(lines) and lines[at][0] in " +-" and not _starts_file(lines, at)):
        return None
    return at


def _end_by_shape(lines: list[str], first: int) -> int:
    """Where the hunk ends by the look of it: at the next hunk or file, less the blank lines before that."""
    at = first
    while at < len(lines) and not (
        lines[at].startswith(("@@", "diff --git ")) or (at > first and _starts_file(lines, at))
    ):
        at += 1
    while at > first and not lines[at - 1].strip("\r\n"):
        at -= 1
    return at


def _starts_file(lines: list[str], at: int) -> bool:
    return lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")


# --- applying ------------------------------------------------------------------


def _bare(line: str) -> str:
    return line.rstrip("\r\n")


def _bared(hunk: _Hunk) -> _Hunk:
    return _Hunk(hunk.header, hunk.start, [_Line(line.sign, _bare(line.text)) for line in hunk.lines])


def _locate_all(lines: list[str], hunks: list[_Hunk], *, must: bool = False) -> list[int] | None:
    """The index at which each hunk applies. If one does not: None, or EditDoesNotApply where it `must`."""
    places: list[int] = []
    for hunk in hunks:
        found = _matches(lines, hunk)
        if len(found) != 1:
            if not must and not found:
                return None
            raise EditDoesNotApply(_unplaced(lines, hunk, found))
        places.append(found[0])
    spans = sorted((place, place + len(hunk.old)) for place, hunk in zip(places, hunks, strict=True))
    if any(before[1] > after[0] for before, after in itertools.pairwise(spans)):
        raise EditDoesNotApply("two hunks of the diff change the same lines")
    return places


def _matches(lines: list[str], hunk: _Hunk) -> list[int]:
    """Where the hunk fits: at the line that it names, else wherever its old lines occur."""
    old = hunk.old
    if not old:
        # By the format, a hunk without old lines goes after the line that it names.
        fits = hunk.start is not None and hunk.start <= len(lines)
        return [hunk.start or 0] if fits or not lines else []
    if hunk.start is not None and lines[hunk.start - 1 : hunk.start - 1 + len(old)] == old and hunk.start:
        return [hunk.start - 1]
    return [at for at in range(len(lines) - len(old) + 1) if lines[at] == old[0] and lines[at : at + len(old)] == old]


def _unplaced(lines: list[str], hunk: _Hunk, found: list[int]) -> str:
    if found:
        where = ", ".join(str(at + 1) for at in found[:5])
        return f"the lines of hunk {hunk.header!r} occur {len(found)} times (at {where}); give more context"
    old = hunk.old
    if not old:
        return f"hunk {hunk.header!r} has no context lines and names no line of the file ({len(lines)} lines)"
    missing = next((line for line in old if line not in lines), None)
    if missing is None:
        return f"the lines of hunk {hunk.header!r} are in the file, but not in this order; copy them as they are"
    return (
        f"hunk {hunk.header!r} does not match: the file has no line {_short(_bare(missing))}"
        f"{_nearest([_bare(missing)], [_bare(line) for line in lines])}"
    )


def _splice(lines: list[str], hunks: list[_Hunk], places: list[int], *, lenient: bool) -> str:
    """The text with every hunk applied. Lenient: kept lines keep their ends, new ones take the file's."""
    crlf = _all_crlf("".join(lines))
    end = "\r\n" if crlf else "\n"
    out: list[str] = []
    at = 0
    for place, hunk in sorted(zip(places, hunks, strict=True), key=lambda pair: pair[0]):
        out += lines[at:place]
        at = place
        # An insertion without context says nothing about the file's line ends, so the file decides.
        follow_file = lenient or (crlf and not hunk.old and not any("\r" in line.text for line in hunk.lines))
        for line in hunk.lines:
            if line.sign == " ":
                out.append(lines[at])
            elif line.sign == "+":
                ended = lenient or line.text.endswith("\n")
                out.append(_bare(line.text) + end if follow_file and ended else line.text)
            at += line.sign != "+"
    reached_end = at >= len(lines)
    out += lines[at:]
    if lenient and out and reached_end:
        out = _as_ended(out, ended=not lines or lines[-1].endswith("\n"), crlf=crlf)
    if any(not line.endswith("\n") for line in out[:-1]):
        raise EditDoesNotApply("the diff adds lines after one that has no newline; remove and add that line too")
    return "".join(out)


def _as_ended(out: list[str], *, ended: bool, crlf: bool) -> list[str]:
    """`out` with every line ended, the last one as the file was."""
    end = "\r\n" if crlf else "\n"
    whole = [line if line.endswith("\n") else line + end for line in out]
    return whole if ended else [*whole[:-1], _bare(whole[-1])]
