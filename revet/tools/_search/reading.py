"""Documents that are more than text, read in a process of their own, within bounds of time and memory."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, NamedTuple

__all__ = ["DOCUMENTS", "Part", "Read", "read_page", "read_pdf"]

DOCUMENTS = "pip install 'revet[documents]'"
SCRIPT = Path(__file__).with_name("extract.py")
SECONDS = 120
MOST = 8_000_000
"""Characters of one document. More are not read, and that is said."""


class Part(NamedTuple):
    """A page of a PDF (`page` from 1), or the whole of a web page (None)."""

    text: str
    page: int | None = None
    title: str = ""


class Read(NamedTuple):
    """What could be read, and what is wrong with the rest; None if that is all of it."""

    parts: list[Part]
    problem: str | None


def read_pdf(source: IO[bytes] | bytes, seconds: int = SECONDS, most: int = MOST) -> Read:
    """The pages of a PDF that hold text. Blocking."""
    if importlib.util.find_spec("pypdf") is None:
        return Read([], f"PDF cannot be read: {DOCUMENTS}")
    return _ask(["pdf", str(most), str(seconds)], source, seconds)


def read_page(content: bytes, charset: str | None, seconds: int = 30, most: int = MOST) -> Read:
    """The main text of a web page. Blocking."""
    return _ask(["page", str(most), str(seconds), *([charset] if charset else [])], content, seconds)


def _ask(words: list[str], source: IO[bytes] | bytes, seconds: int) -> Read:
    command = [sys.executable, "-P", str(SCRIPT), *words]
    how: dict[str, Any] = {"input": source} if isinstance(source, bytes) else {"stdin": source}
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds + 10, check=False, **how
        )
    except subprocess.TimeoutExpired as expired:
        return _told(expired.stdout or b"", f"it takes more than {seconds} s to read")
    why = None if done.returncode == 0 else f"its reader was ended ({seconds} s or 2 GB were too little for it)"
    return _told(done.stdout, why)


def _told(output: bytes, problem: str | None) -> Read:
    parts = []
    for line in output.splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # cut off in the middle
            continue
        if "problem" in said:
            problem = str(said["problem"])
        else:
            parts.append(Part(_whole(said["text"]), said.get("page"), _whole(said.get("title", ""))))
    return Read(parts, problem)


def _whole(text: object) -> str:
    """Without halves of characters, which no database and no prompt can hold."""
    return str(text).encode("utf-8", "replace").decode()
