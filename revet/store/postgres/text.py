"""Texts that PostgreSQL does not take, written so that it does: it refuses the character NUL, and UTF-8 has no halves
of surrogate pairs. Models and tools write both.
"""

from __future__ import annotations

import re

__all__ = ["escaped", "unescaped"]

# U+FFFE is no character, so texts do not hold it, nor those for private use that stand for digits after it; one that
# does has them escaped, too. So whoever looks for a text finds it in escaped ones where it is, and nowhere else.
_MARK, _FIRST = "\ufffe", 0x10FFE0
_DIGITS = f"[{chr(_FIRST)}-{chr(_FIRST + 15)}]"
_REFUSED = re.compile(f"[\x00{_MARK}\ud800-\udfff]|{_DIGITS}")
_ESCAPED = re.compile(f"{_MARK}({_DIGITS}{{6}})")


def escaped(text: str) -> str:
    """The text as it is kept. Most texts are kept as they are."""
    return _REFUSED.sub(lambda found: _MARK + "".join(chr(_FIRST + int(at, 16)) for at in f"{ord(found[0]):06x}"), text)


def unescaped(kept: str) -> str:
    """The text that was `escaped`."""
    if _MARK not in kept:
        return kept
    return _ESCAPED.sub(lambda found: chr(int("".join(f"{ord(at) - _FIRST:x}" for at in found[1]), 16)), kept)
