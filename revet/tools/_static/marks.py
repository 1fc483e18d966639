"""Comments that silence a checker. A draft that adds one is told so; it is checked as if it were not there."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from revet.tools._static.news import Fault, context_of

__all__ = ["silencers"]

MARK = re.compile(
    r"#\s*(?:(?:ruff|flake8):\s*)?(noqa|nosec|type:\s*ignore|pyright:\s*ignore|mypy:\s*[\w-]+|pylint:\s*disable"
    r"|pyre-(?:ignore|fixme))\b[^#]*",
    re.IGNORECASE,
)


def silencers(path: str, data: bytes) -> Iterator[Fault]:
    """A fault for each such comment in a Python file."""
    text = data.decode("utf-8", "replace")
    if not MARK.search(text):
        return
    lines = text.splitlines()
    for line, comment in _comments(text):
        if found := MARK.search(comment):
            mark = " ".join(found[0].lstrip("# ").split())
            yield Fault(path, line, "silenced", f"`{mark}` silences a checker", context_of(lines, line))


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comment, up to where the file can be read as Python."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError, ValueError):
        return
