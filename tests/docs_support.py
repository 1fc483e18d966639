"""Reads the blocks of a Markdown page and runs them as a reader would.

What a comment right above a block says of it:

- ``<!-- exit: 1 -->``: its commands end with that status, not with 0;
- ``<!-- with: --seconds 5 -->``: words added to its commands when they are tested, to keep the tests short;
- ``<!-- file: PATH -->``: the block is the content of that file, for the commands below it;
- ``<!-- script: PATH -->``: the same, for the rules of a scripted model;
- ``<!-- needs: docker -->``: the block is tested, in a folder of its own, where a Docker engine answers;
- ``<!-- needs: postgres -->``: the same, where there is a PostgreSQL server, with an empty database in the place of
  ``postgresql://revet@localhost/runs``.

A page's commands run in order in one folder, beside a copy of the examples; each ``python`` block has a fresh one. A
``text`` block after a ``python`` block is its output.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ROOT", "Block", "Command", "blocks", "check_output", "commands", "copy_examples", "pages", "start"]

ROOT = Path(__file__).resolve().parents[1]
NOTE = re.compile(r"<!-- (exit|with|file|script|needs): (.+?) -->")
FENCE = re.compile(r"```(\w*)$")
SECONDS = 180
"""Far more than any block needs; a command that waits for an answer is ended."""

# What differs from run to run: ids of runs, seconds, dates. `…` stands for anything.
CHANGING = re.compile(r"…|-[a-hjkmnp-z2-9]{6}\b|\d+(?:\.\d+)? s\b|\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its fence; `notes` are what the comments above it say."""

    page: Path
    line: int
    language: str
    lines: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file whose content this block is."""
        return self.notes.get("file", self.notes.get("script"))

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    @property
    def status(self) -> int:
        return int(self.notes.get("exit", "0"))


@dataclass(frozen=True)
class Command:
    """A command line, taken apart, and the output that the page shows for it."""

    words: tuple[str, ...]
    shown: tuple[str, ...]


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Every fenced block of the page, with the notes that stand above it (blank lines may come between)."""
    notes: dict[str, str] = {}
    inside: list[str] | None = None
    start, language = 0, ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if inside is not None:
            if line == "```":
                yield Block(page, start, language, tuple(inside), notes)
                inside, notes = None, {}
            else:
                inside.append(line)
        elif found := FENCE.match(line):
            inside, start, language = [], number, found[1]
        elif found := NOTE.fullmatch(line):
            notes[found[1]] = found[2]
        elif line.strip():
            notes = {}
    assert inside is None, f"{page}:{start}: this block is not closed"


def commands(block: Block) -> list[Command]:
    """The lines that start with ``$``, each with the lines below it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.lines:
        if line.startswith("$ "):
            found.append((shlex.split(line[2:], comments=True), []))
        elif found:
            found[-1][1].append(line)
        else:
            raise AssertionError(f"{block.where}: the block does not start with a command")
    return [Command(tuple(words), tuple(shown)) for words, shown in found]


def copy_examples(folder: Path) -> Path:
    """The folder, with the examples in it."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".revet")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=ignored)
    return folder


def start(*words: str, folder: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments in `folder`, without a terminal, `text` on its standard input. What it says on
    stdout and stderr comes together.
    """
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"}
    if "DOCKER_HOST" in os.environ:
        env["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=env,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )


def check_output(shown: tuple[str, ...], output: str, where: str) -> None:
    """Each shown line is a line of the output, in this order; white space and what differs between runs aside."""
    lines = iter([_plain(line) for line in output.splitlines()])
    for line in shown:
        pattern = _pattern(_plain(line))
        if pattern.pattern and not any(pattern.fullmatch(real) for real in lines):
            raise AssertionError(
                f"{where}: the output has no such line (after those before it):\n{line}\n---\n{output}"
            )


def _plain(line: str) -> str:
    return " ".join(line.split())


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in CHANGING.split(line)))
