"""The workspace for a prompt: what files there are, and the contents of those that matter, within a budget.

They are shown as they were found, for that is what a draft's actions apply to. Links that leave the workspace are not
followed, and files that are likely to hold secrets are neither read nor named.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.agents.chat.fence import fence, label_of
from revet.agents.chat.show import cut, share
from revet.protected import named
from revet.sandboxes.view import View as Tree
from revet.schema import Changes
from revet.tools import facts_of
from revet.tools.base import View
from revet.tools.secret_files import is_secret

__all__ = ["Files", "is_secret", "look", "shown_diff"]

MOST_FILES, MOST_LISTED = 20_000, 400
MOST_BYTES = 4_000_000
LEAST, FRAME = 200, 120
PASSED_OVER = frozenset(
    {
        *(".git", ".hg", ".svn", ".revet", ".venv", "venv", "node_modules", "__pycache__", "site-packages"),
        *(".hypothesis", ".idea", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox", ".vscode"),
    }
)
_WORD = re.compile(r"[\w.+@-]+(?:/[\w.+@-]+)*")


def shown_diff(changes: Changes | None) -> str:
    """The diff without what it tells of files that hold secrets."""
    if changes is None:
        return ""
    hidden = [file.path for file in changes.files if is_secret(file.path)]
    if not hidden:
        return changes.diff
    sections = re.split(r"^(?=diff --git )", changes.diff, flags=re.MULTILINE)
    kept = [s for s in sections if not any(path in _header(s) for path in hidden)]
    return "".join([*kept, f"… the changes of {', '.join(hidden)} are not shown: they may hold secrets\n"])


def _header(section: str) -> str:
    """The first line, with what it writes in C quotes as it is (names with quotes, backslashes, control characters)."""
    special = {"n": "\n", "t": "\t", "r": "\r"}
    return re.sub(
        r"\\([0-7]{3}|.)",
        lambda match: chr(int(match[1], 8)) if match[1].isdigit() else special.get(match[1], match[1]),
        section.partition("\n")[0],
    )


@dataclass(frozen=True)
class Files:
    """What was found: each file's size by its path, in order. `more` says that not all was walked."""

    view: View
    sizes: dict[str, int]
    more: bool = False

    def listing(self, budget: int) -> str:
        """The paths with their sizes, those that may be changed first, fenced. Says how many are left out."""
        if not self.sizes:
            return "The workspace holds no files that can be shown."
        allowed = [path for path in self.sizes if self.view.allows(path)]
        rest = [path for path in self.sizes if not self.view.allows(path)]
        lines = [f"{path} ({self.sizes[path]:,} bytes), may be changed" for path in allowed]
        lines += [f"{path} ({self.sizes[path]:,} bytes)" for path in rest]
        shown: list[str] = []
        room = budget - FRAME
        for line in lines[:MOST_LISTED]:
            room -= len(line) + 1
            if room < 0 and shown:
                break
            shown.append(line)
        left = len(lines) - len(shown)
        if left or self.more:
            shown.append(f"… {'at least ' if self.more else ''}{left:,} more files not listed …")
        return fence("\n".join(shown), self.view.secret, "listing")

    def contents(self, asked: Sequence[str], budget: int) -> str:
        """What is asked for and what the evidence names, then what else may be changed as far as there is room."""
        first = list(dict.fromkeys([*map(self._path, asked), *self._named()]))[: max(1, budget // (LEAST + FRAME))]
        texts = [self._read(path) for path in first]
        shares = share([len(text) for text in texts], budget - FRAME * len(first))
        parts = [self._piece(*each) for each in zip(first, texts, shares, strict=True)]
        left = budget - sum(map(len, parts))
        for path in self._editable():
            if path not in first and self.sizes[path] + FRAME <= left:
                text = self._read(path)
                parts.append(self._piece(path, text, len(text)))
                left -= len(parts[-1])
        return "\n\n".join(parts)

    def _piece(self, path: str, text: str, most: int) -> str:
        label = f"file:{path}"
        said = cut(text, most)
        if label_of(label) != label:
            said = f"path: {path!r}\n{said}"
        note = "The middle of this file is left out; ask to read it for more.\n" if len(text) > most else ""
        return note + fence(said, self.view.secret, label)

    def _path(self, asked: str) -> str:
        """A path as the listing has it: relative and normal. One that leaves the workspace stays as it is."""
        short = os.path.normpath(asked.strip() or ".")
        root = f"{self.view.workspace}/"
        return short.removeprefix(root)

    def _read(self, path: str) -> str:
        """The text of a file, or in its place why there is none."""
        if is_secret(path):
            return "(not shown: by its name it may hold secrets)"
        assert self.view.workspace is not None
        tree = Tree(self.view.workspace)
        real = None if "\0" in path or path.startswith(("/", "..")) else tree.resolve(path)
        place = None if real is None or is_secret(real) else tree.find(real)
        if place is None:
            return "(there is no such file in the workspace)"
        try:
            data = _bytes(place)
        except OSError as error:
            return f"(cannot be read: {error.strerror})"
        if data is None:
            return "(not shown: it is no file, or too large)"
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return f"(not shown: {len(data):,} bytes that are not text)"
        return f"(not shown: {len(data):,} bytes that are not text)" if "\0" in text else text

    def _named(self) -> list[str]:
        """Files that findings, tests, tracebacks, the task's patterns or the goal name: editable ones first."""
        view = self.view
        found: dict[str, None] = {}
        for finding in view.critique.findings if view.critique else ():
            if finding.location and finding.location.path:
                found[finding.location.path] = None
        for evidence in view.evidence:
            facts = facts_of(evidence)
            for test in (t for t in facts.tests if t.bad) if facts else ():
                found |= dict.fromkeys([test.path] if test.path else [])
                found |= self._mentioned(f"{test.id} {test.traceback}")
            found |= self._mentioned(evidence.observation)
            found |= dict.fromkeys(facts.files.tests) if facts else {}
        found |= self._mentioned(view.task.goal)
        found |= {path: None for path in self.sizes if named(path, view.task.edit)}
        known = [path for path in found if path in self.sizes]
        return sorted(known, key=lambda path: not view.allows(path))

    def _mentioned(self, text: str) -> dict[str, None]:
        words = _WORD.findall(text.replace(f"{self.view.workspace}/", " ")[:200_000])
        return dict.fromkeys(word for word in (w.rstrip(".") for w in words) if word in self.sizes)

    def _editable(self) -> Iterable[str]:
        return (path for path in self.sizes if self.view.allows(path))


def look(view: View) -> Files | None:
    """Walk the workspace; None without one. Blocking: call it in a thread."""
    if view.workspace is None:
        return None
    sizes: dict[str, int] = {}
    pending = [""]
    while pending and len(sizes) < MOST_FILES:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(f"{view.workspace}/{folder}"), key=lambda entry: entry.name)
        except OSError:
            continue  # what this user cannot list is not there for the model either
        below = []
        for entry in entries:
            path = f"{folder}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in PASSED_OVER:
                    below.append(f"{path}/")
            elif entry.is_file(follow_symlinks=False) and not is_secret(path) and path.isprintable():
                sizes[path] = _size(entry)
        pending += reversed(below)
    return Files(view, sizes, more=bool(pending))


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:
        return 0


def _bytes(place: Path) -> bytes | None:
    """What a regular file of a bearable size holds."""
    held = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(held, "rb") as file:
        info = os.fstat(file.fileno())
        return file.read() if stat.S_ISREG(info.st_mode) and info.st_size <= MOST_BYTES else None
