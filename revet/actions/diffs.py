"""The unified diff of staged changes: for reading, and for ``git apply`` where the files are text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from revet.actions.edits import split_lines
from revet.schema import FileState

__all__ = ["LIMIT", "Side", "render"]

LIMIT = 200_000
"""Characters of diff that are kept; the cut is marked."""

_CONTEXT = 3
_COMPARED = 2_000_000  # lines times lines; beyond this, a changed region is shown as replaced whole
_MODES = {"file": 0o100000, "symlink": 0o120000}


@dataclass(frozen=True)
class Side:
    """One side of a change: its state (None: absent) and its bytes (None: too large to show)."""

    state: FileState | None
    data: bytes | None


def render(changes: Iterable[tuple[str, Side, Side]]) -> str:
    """The diff of (path, before, after) in the order given, at most LIMIT characters and a line about the
    cut.
    """
    kept: list[str] = []
    size = cut_lines = cut_files = 0
    for path, before, after in changes:
        for number, line in enumerate(_file(path, before, after)):
            if cut_lines or size + len(line) > LIMIT:
                cut_lines += 1
                cut_files += number == 0
            else:
                kept.append(line)
                size += len(line)
    if cut_lines:
        kept.append(f"… diff cut at {LIMIT} characters: {cut_lines} more lines, {cut_files} more files\n")
    return "".join(kept)


def _file(path: str, before: Side, after: Side) -> Iterator[str]:
    old, new = before.state, after.state
    if old is not None and new is not None and old.type != new.type:
        # As git has it, a symlink that becomes a file is a deletion and a creation.
        yield from _file(path, before, Side(None, None))
        yield from _file(path, Side(None, None), after)
        return
    yield f"diff --git {_quoted('a/' + path)} {_quoted('b/' + path)}\n"
    if old is None and new is not None:
        yield f"new file mode {_mode(new)}\n"
    elif new is None and old is not None:
        yield f"deleted file mode {_mode(old)}\n"
    elif old is not None and new is not None and old.mode != new.mode:
        yield f"old mode {_mode(old)}\nnew mode {_mode(new)}\n"
    if old is not None and new is not None and old.sha256 == new.sha256:
        return
    names = ["/dev/null" if state is None else side + path for side, state in (("a/", old), ("b/", new))]
    texts = [_text(side) for side in (before, after)]
    if texts[0] is None or texts[1] is None:
        left, right = (name if name == "/dev/null" else _quoted(name) for name in names)
        yield f"Binary files {left} and {right} differ\n"
        return
    hunks = list(_hunks(split_lines(texts[0]), split_lines(texts[1])))
    if hunks:
        yield f"--- {_labelled(names[0])}\n"
        yield f"+++ {_labelled(names[1])}\n"
        yield from hunks


def _mode(state: FileState) -> str:
    return format(_MODES[state.type] | (state.mode if state.type == "file" else 0), "06o")


def _text(side: Side) -> str | None:
    if side.state is None:
        return ""
    if side.data is None or b"\0" in side.data:
        return None
    try:
        return side.data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _quoted(name: str) -> str:
    """The name as git writes it: in C quotes where a control character, quote or backslash is in it."""
    if not re.search(r'[\x00-\x1f\x7f"\\]', name):
        return name
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(special.get(c, f"\\{ord(c):03o}" if ord(c) < 32 or ord(c) == 127 else c) for c in name) + '"'


def _labelled(name: str) -> str:
    """The name in a ``---`` or ``+++`` line, where git ends one that holds a space with a tab."""
    quoted = _quoted(name)
    return quoted + "\t" if " " in name and quoted == name else quoted


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    matcher = difflib.SequenceMatcher(None, old, new)
    matcher.opcodes = _opcodes(old, new)  # type: ignore[attr-defined]
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        first, last = group[0], group[-1]
        if all(tag == "equal" for tag, *_ in group):
            continue
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from _signed(" ", old[a:b])
            else:
                yield from _signed("-", old[a:b])
                yield from _signed("+", new[c:d])


def _opcodes(old: Sequence[str], new: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    """difflib's opcodes, computed only between the first and the last line that differ."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(a) * len(b) > _COMPARED:
        middle = [("replace", 0, len(a), 0, len(b))]
    else:
        middle = [tuple(op) for op in difflib.SequenceMatcher(None, a, b).get_opcodes()]  # type: ignore[misc]
    shifted = [(tag, i + head, j + head, k + head, m + head) for tag, i, j, k, m in middle]
    whole = [("equal", 0, head, 0, head), *shifted]
    whole.append(("equal", len(old) - tail, len(old), len(new) - tail, len(new)))
    return [op for op in whole if op[1] != op[2] or op[3] != op[4]]


def _range(start: int, stop: int) -> str:
    """A hunk's range: the first line from 1 and the count; of no lines, the line before them."""
    count = stop - start
    return f"{start + 1}" if count == 1 else f"{start + (count > 0)},{count}"


def _signed(sign: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield sign + line if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
