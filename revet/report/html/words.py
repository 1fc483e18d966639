"""Text of others, as a page may show it: bounded, and of characters that a person can see."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from revet.report.text import clean

__all__ = ["WIDEST", "as_text", "bounded", "moment", "shown", "told"]

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ufdd0-\ufdef"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters, direction marks, what has no width, and what is no character."""

WIDEST = 2_000
"""Characters of one line. A longer one is a file of another kind, not a line that somebody reads."""


def shown(text: str) -> str:
    """`text` with each character that cannot be seen replaced by its name: ``⟨U+202E⟩``. Newlines and tabs stay.

    Such a character can turn the order of reading round (CVE-2021-42574) or end a terminal's line: whoever decides
    about a draft is to see that it is there.
    """
    if text.isascii() and text.isprintable():
        return str(text)
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def bounded(text: str, limit: int) -> tuple[str, int]:
    """The beginning and the end of `text`, about `limit` characters in all, and how many were left out between.

    No line is longer than `WIDEST`; what is left out is said in a line of its own.
    """
    if len(text) > limit:
        head, tail = text[: limit * 2 // 3], text[len(text) - limit // 3 :]
        left = len(text) - len(head) - len(tail)
        text = f"{head}\n… {left:,} characters are left out …\n{tail}"
    else:
        left = 0
    if len(text) <= WIDEST:
        return text, left
    lines = text.split("\n")
    cut = [
        line if len(line) <= WIDEST else f"{line[:WIDEST]} … {len(line) - WIDEST:,} more characters" for line in lines
    ]
    return "\n".join(cut), left + sum(max(0, len(line) - WIDEST) for line in lines)


def told(text: str, limit: int = 20_000) -> str:
    """What a program wrote, bounded and without its colours and cursor movements, as a terminal would have shown it."""
    return clean(bounded(text, limit)[0])


def moment(when: datetime) -> str:
    """A time as the clock here shows it, with its zone: who reads a page may live by another clock."""
    local = when.astimezone()
    offset = local.utcoffset()
    return f"{local:%Y-%m-%d %H:%M:%S}" + (f" {timezone(offset)}" if offset is not None else "")


def as_text(value: object, limit: int = 300) -> str:
    """A value of JSON in a line: text as it is, the rest as JSON writes it."""
    import json

    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(bounded(text, limit)[0].split())
