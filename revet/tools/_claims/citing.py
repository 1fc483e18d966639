"""The citations of a text: ``[1]``, ``[title](url)``, footnotes, ``(file.md:12)``, bare addresses, author and year."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Literal, NamedTuple

from revet.tools._claims.split import FENCE

__all__ = ["Citation", "Entry", "citations", "masked", "references", "without_code", "without_references"]

Kind = Literal["number", "note", "url", "file", "author"]
MOST = 2_000


class Citation(NamedTuple):
    """``text[start:end]`` points somewhere: to a numbered reference, a note, an address, a file or an author."""

    start: int
    end: int
    kind: Kind
    key: str
    line: int | None = None


class Entry(NamedTuple):
    """One entry of the reference list: ``text[start:end]``, cited by `key`."""

    start: int
    end: int
    key: str
    text: str


_NAME = r"[^\W\d_][\w'’-]{1,40}"
_YEAR = r"(?:1[5-9]|20)\d\d[a-z]?"
URL = re.compile(r"https?://[^\s<>\"'“”\[\]{}|\\^`]{3,2000}", re.IGNORECASE)
LINKED = re.compile(
    r"\[(?P<label>[^\[\]\n]{1,300})\]\((?P<target>[^()\s]{1,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,500})?)\)"
)
NUMBERS = re.compile(r"(?<![\w!])\[(?P<list>\d{1,3}(?:\s?[,;–-]\s?\d{1,3}){0,20})\](?![(:\w])")
NUMBERS_AFTER_WORD = re.compile(r"(?<=[^\W_])\[(?P<list>\d{1,3}(?:\s?[,;–-]\s?\d{1,3}){0,20})\](?![(:\w\[])")
NOTE = re.compile(r"\[\^(?P<key>[^\]\s]{1,40})\](?!:)")
FILE = re.compile(
    r"(?<![\w/.:-])(?P<path>(?:[\w.-]{1,80}/){0,12}[\w-][\w.-]{0,80}\.[A-Za-z][A-Za-z0-9]{0,8})"
    r"(?::(?P<line>\d{1,7})(?:[-–:]\d{1,7})?|#L(?P<hash>\d{1,7})(?:-L?\d{1,7})?)(?!\w)"
)
IN_BRACKETS = re.compile(r"\((?P<all>[^()\n]{6,300})\)")
SEVERAL = rf"(?:\s(?:and|&|und|et|y)\s{_NAME}|,?\set\sal\.?)"
ONE_AUTHOR = re.compile(
    rf"\s*(?:see\s|e\.g\.,?\s|cf\.\s|vgl\.\s)?(?P<author>{_NAME})(?P<more>{SEVERAL})?,?\s(?P<year>{_YEAR})"
    r"(?:,\s?pp?\.\s?[\d–-]{1,12})?\s*"
)
AUTHOR = re.compile(rf"(?<!\w)(?P<author>{_NAME})(?P<more>{SEVERAL})?\s\((?P<year>{_YEAR})\)")
LIST = re.compile(
    r"^[ \t]{0,3}(?:#{1,6}[ \t]*|\*\*)?(?:references|sources|bibliography|works cited|footnotes|notes|literatur|"
    r"quellen|quellenverzeichnis|literaturverzeichnis|références|bibliographie|referencias|bibliografía|fuentes)"
    r"(?:\*\*)?[ \t]*:?(?:\*\*)?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
DEFINED = re.compile(r"^[ \t]{0,3}\[\^?(?P<key>[^\]\s]{1,40})\]:[ \t]*(?P<text>[^\n]*)$", re.MULTILINE)
INLINE = re.compile(r"`[^`\n]{1,300}`")
LISTED = re.compile(r"^[ \t]*(?:\[(?P<a>\d{1,3})\]|(?P<b>\d{1,3})[.)]|[-*•])[ \t]+(?P<text>\S[^\n]*)$", re.MULTILINE)


NO_STATEMENT = ("=", "∈", ":", "[", "{", "→", "<", ">", "+", "*", "×", "∪", "∩", "|")
NO_STATEMENT_AFTER = (" =", " ==", " +", " *", " ∪", " ∩", " →", "]", " ->", " in ")
AFTER = re.compile(r"\s*(?:[.,;:!?)\[]|\Z)|\s*\n|\s+(?=[\"“'(*_]?[A-Z])")
"""What follows a citation that ends a statement."""
LAST = re.compile(r"[^\W\d_]+\Z")
_BEFORE_VALUES = (
    "is are was were be equals equal returns return returned gives give gave list lists array arrays interval range "
    "matrix vector vectors set tuple index indices input inputs output outputs result results answer of to in from "
    "between and or with for as like than at by on has have the a an contains becomes get gets got yields prints "
    "print printed values numbers elements items nums row column point pair segment subarray sequence permutation i "
    "e g"
)
BEFORE_VALUES = frozenset(_BEFORE_VALUES.split())
"""Words before a value, where a citation would follow a statement."""
MOST_TOGETHER = 6


def references(text: str) -> list[Entry]:
    """The entries that the text itself lists: definitions (``[1]: …``), and the lines below such a heading.

    Entries without a number are numbered as they stand.
    """
    entries = {m["key"]: Entry(m.start(), m.end(), m["key"], m["text"].strip()) for m in DEFINED.finditer(text)}
    heading = None
    for heading in LIST.finditer(text):  # noqa: B007 - the last one
        pass
    if heading is not None:
        for number, found in enumerate(LISTED.finditer(text, heading.end()), 1):
            key = found["a"] or found["b"] or str(number)
            entries.setdefault(key, Entry(found.start(), found.end(), key, found["text"].strip()))
    return sorted(entries.values())


def without_references(text: str) -> str:
    """The text with its list of references blanked, so that what is left keeps its place."""
    end = max((m.start() for m in LIST.finditer(text)), default=len(text))
    if not any(entry.start >= end for entry in references(text)):
        end = len(text)
    body = text[:end] + re.sub(r"[^\n]", " ", text[end:])
    return DEFINED.sub(lambda found: " " * len(found[0]), body)


def citations(text: str) -> Iterator[Citation]:
    """Every citation of the text, in order, each part of it once. The list of references cites nothing."""
    entries = references(text)
    body = without_code(without_references(text))
    found = [*_links(body), *_numbers(body, entries), *_files(body), *_authors(body, entries)]
    found.sort(key=lambda each: (each.start, -each.end))
    end = last = -1
    for each in found[:MOST]:
        if each.start >= end or (each.kind in ("number", "author") and each.start == last):
            yield each
            end, last = max(end, each.end), each.start


def masked(text: str, cited: Iterable[Citation]) -> str:
    """The text with its citations blanked, and what links are put on kept: every other character keeps its place."""
    letters = list(without_references(text))
    for each in cited:
        link = LINKED.fullmatch(text, each.start, each.end)
        kept = range(*link.span("label")) if link else range(0)
        for place in range(each.start, each.end):
            if place not in kept:
                letters[place] = " "
    return "".join(letters)


def without_code(text: str) -> str:
    """The text with code blanked: an index in square brackets cites nothing."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        fenced = FENCE.match(line)
        code = bool(fence or fenced)
        if fenced and (not fence or fenced[1].startswith(fence)):
            fence = "" if fence else fenced[1]
        lines.append(_blank(line) if code else INLINE.sub(lambda found: _blank(found[0]), line))
    return "".join(lines)


def _blank(text: str) -> str:
    return "".join(each if each in "\r\n" else " " for each in text)


def _links(text: str) -> Iterator[Citation]:
    for match in LINKED.finditer(text):
        target = match["target"]
        if match.start() and text[match.start() - 1] == "!":
            continue
        file = FILE.fullmatch(target)
        if URL.match(target):
            yield Citation(match.start(), match.end(), "url", target)
        elif file:
            yield Citation(match.start(), match.end(), "file", file["path"], int(file["line"] or file["hash"]))
        elif re.fullmatch(r"[\w./-]+\.\w{1,9}", target):
            yield Citation(match.start(), match.end(), "file", target)
    for match in URL.finditer(text):
        address = match[0].rstrip(".,;:!?*_")
        address = address[:-1] if address.endswith(")") and "(" not in address else address
        yield Citation(match.start(), match.start() + len(address), "url", address)


def _numbers(text: str, entries: list[Entry]) -> Iterator[Citation]:
    known = {entry.key for entry in entries}
    for form in (NUMBERS, NUMBERS_AFTER_WORD):
        for match in form.finditer(text):
            numbers = _listed(match["list"])
            listed = known.issuperset(map(str, numbers))
            if _cites(text, match, numbers, listed=listed, glued=form is NUMBERS_AFTER_WORD):
                for number in numbers:
                    yield Citation(match.start(), match.end(), "number", str(number))
    for match in NOTE.finditer(text):
        yield Citation(match.start(), match.end(), "note", match["key"])


def _cites(text: str, match: re.Match[str], numbers: list[int], *, listed: bool, glued: bool) -> bool:
    """False for an interval, a list of values, a matrix and an index.

    Numbers that the text lists are citations wherever a value cannot stand. Others are only where a statement ends.
    """
    before = text[max(0, match.start() - 40) : match.start()].rstrip()
    if before.endswith(NO_STATEMENT) or text.startswith(NO_STATEMENT_AFTER, match.end()):
        return False
    if listed:
        return True
    if glued or not all(a < b for a, b in pairwise([0, *numbers])) or len(numbers) > MOST_TOGETHER:
        return False
    word = LAST.search(before)
    return (
        bool(before) and AFTER.match(text, match.end()) is not None and not (word and word[0].lower() in BEFORE_VALUES)
    )


def _listed(numbers: str) -> list[int]:
    """``1, 3-5`` is 1, 3, 4, 5."""
    found: list[int] = []
    for part in re.split(r"[,;]", numbers):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        found += range(ends[0], ends[-1] + 1) if ends and ends[-1] - ends[0] < 30 else ends
    return found


def _files(text: str) -> Iterator[Citation]:
    for match in FILE.finditer(text):
        yield Citation(match.start(), match.end(), "file", match["path"], int(match["line"] or match["hash"]))


def _authors(text: str, entries: list[Entry]) -> Iterator[Citation]:
    """Authors with a year. A single name beside a year may be a place or a work, unless it is in the list."""
    for group in IN_BRACKETS.finditer(text):
        for part in group["all"].split(";"):
            found = ONE_AUTHOR.fullmatch(part)
            if found and _is_author(found, entries):
                yield Citation(group.start(), group.end(), "author", f"{found['author']} {found['year']}")
    for found in AUTHOR.finditer(text):
        if _is_author(found, entries):
            yield Citation(found.start(), found.end(), "author", f"{found['author']} {found['year']}")


def _is_author(found: re.Match[str], entries: list[Entry]) -> bool:
    name = found["author"]
    return name[0].isupper() and (bool(found["more"]) or any(name in entry.text for entry in entries))
