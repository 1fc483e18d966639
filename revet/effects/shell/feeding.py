"""Which program an invocation runs, what runs it, and the words that ``find`` and ``xargs`` add to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from revet.effects.shell.model import Invocation, Parsed, Word
from revet.effects.shell.table import lookup

__all__ = ["filled", "name_of", "wrappers"]


def name_of(invocation: Invocation) -> str:
    """The program: without its folder, and without the ending of Windows."""
    if not invocation.argv or not invocation.argv[0].known:
        return ""
    name = invocation.argv[0].text
    name = name[:-4] if name.lower().endswith(".exe") and lookup(name) is None else name
    base = name.rpartition("/")[2]
    # A program of the workspace is not the one that the table means, whatever its name; wrappers of builds are known.
    if "/" in name and not name.startswith("/") and lookup("./" + base) is None:
        return name
    return base if "/" not in name or name.startswith("/") else "./" + base


def wrappers(invocation: Invocation) -> set[str]:
    """The programs that it is run by, without their options."""
    return {via.partition(" ")[0] for via in invocation.via}


def filled(invocation: Invocation, parsed: Parsed) -> Invocation:
    """What ``find`` or ``xargs`` adds to the words: names below the folders that the ``find`` before it starts from."""
    marks = [word for word in invocation.argv[1:] if word.text == "{}"]
    if not (invocation.appended or marks) or not {"find", "xargs", "fd", "parallel"} & wrappers(invocation):
        return invocation
    starts = _starts(invocation, parsed)
    added = tuple(Word(s.text.rstrip("/") + "/*" if s.text != "/" else "/*", s.known, glob=True) for s in starts)
    if not added:
        added = (Word("{}", known=False, glob=True),)
    words: list[Word] = []
    for word in invocation.argv:
        words += added if word.text == "{}" else [word]
    return replace(invocation, argv=(*words, *(added if invocation.appended and not marks else ())))


def _starts(invocation: Invocation, parsed: Parsed) -> tuple[Word, ...]:
    """The starting folders of the ``find`` that `invocation` gets its names from; empty if there is none."""
    at = next((n for n, other in enumerate(parsed.invocations) if other is invocation), 0)
    before = range(at - 1, -1, -1)
    if "find" in wrappers(invocation):
        source = next((n for n in before if name_of(parsed.invocations[n]) in ("find", "gfind")), None)
    else:
        source = invocation.piped_from if invocation.piped_from is not None else next(iter(before), None)
    seen: set[int] = set()
    while source is not None and source not in seen and 0 <= source < len(parsed.invocations):
        seen.add(source)
        other = parsed.invocations[source]
        name = name_of(other)
        if name in ("find", "ls", "fd", "git"):
            words = [] if name == "git" else list(_leading(other.argv[1:])) if name == "find" else []
            return tuple(words) or (Word("."),)
        if name not in ("grep", "sort", "head", "tail", "uniq", "egrep", "fgrep", "tac", "xargs"):
            return ()
        source = other.piped_from
    return ()


def _leading(words: Sequence[Word]) -> Iterator[Word]:
    for word in words:
        if word.text.startswith("-") and word.text in ("-H", "-L", "-P"):
            continue
        if word.text.startswith(("-", "(", "!", "\\(")):
            return
        yield word
