"""Texts that PostgreSQL does not take, written so that it does: it refuses the character NUL, and UTF-8 has no halves
of surrogate pairs. Models and tools write both.
"""

from __future__ import annotations

import re

__all__ = ["escaped", "unescaped"]

# U+FFFE is no character, so texts do not hold it; one that does has it escaped, too.
_MARK = "\ufffe"
_REFUSED = re.compile("[\x00\ufffe\ud800-\udfff]")
_ESCAPED = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def escaped(text: str) -> str:
    """The text as it is kept. Most texts are kept as they are."""
    return _REFUSED.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def unescaped(kept: str) -> str:
    """The text that was `escaped`."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), kept) if _MARK in kept else kept
