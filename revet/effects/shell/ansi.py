"""The escapes of ``$'…'``, ``echo -e`` and ``printf`` (bash manual 3.1.2.4)."""

from __future__ import annotations

import re

__all__ = ["ansi_c", "echo_escapes"]

_SIMPLE = {
    "a": 7,
    "b": 8,
    "e": 27,
    "E": 27,
    "f": 12,
    "n": 10,
    "r": 13,
    "t": 9,
    "v": 11,
    "\\": 92,
    "'": 39,
    '"': 34,
    "?": 63,
}
_ESCAPE = re.compile(
    r"\\(?:(?P<hex>x\{?[0-9A-Fa-f]{1,2}\}?)|u(?P<u>[0-9A-Fa-f]{1,4})|U(?P<U>[0-9A-Fa-f]{1,8})"
    r"|(?P<octal>[0-7]{1,3})|c(?P<control>.)|(?P<simple>[abeEfnrtv\\'\"?]))",
    re.DOTALL,
)
_ECHO = re.compile(
    r"\\(?:(?P<hex>x[0-9A-Fa-f]{1,2})|u(?P<u>[0-9A-Fa-f]{1,4})|U(?P<U>[0-9A-Fa-f]{1,8})"
    r"|0(?P<octal>[0-7]{0,3})|(?P<bare>[1-7][0-7]{0,2})|(?P<stop>c)|(?P<simple>[abeEfnrtv\\]))"
)


def _byte(found: re.Match[str]) -> bytes | None:
    groups = found.groupdict()
    for name in ("octal", "bare"):
        if groups.get(name) is not None:
            return bytes([int(groups[name] or "0", 8) & 0xFF])
    if groups["hex"] is not None:
        return bytes([int(groups["hex"].strip("x{}"), 16)])
    for name in ("u", "U"):
        if groups[name] is not None:
            code = int(groups[name], 16)
            return chr(code).encode("utf-8", "surrogatepass") if code < 0x110000 else b"?"
    if groups.get("control"):
        return bytes([ord(groups["control"]) & 0x1F])
    if groups["simple"] is not None:
        return bytes([_SIMPLE[groups["simple"]]])
    return None


def _decode(pattern: re.Pattern[str], text: str) -> str:
    if "\\" not in text:
        return text
    out = bytearray()
    at = 0
    for found in pattern.finditer(text):
        out += text[at : found.start()].encode("utf-8", "surrogatepass")
        at = found.end()
        byte = _byte(found)
        if byte is None:  # \c: nothing more is printed
            return out.decode("utf-8", "replace")
        out += byte
    out += text[at:].encode("utf-8", "surrogatepass")
    return out.decode("utf-8", "replace")


def ansi_c(text: str) -> str:
    """The value of ``$'text'``. It ends at a NUL, as C strings do."""
    return _decode(_ESCAPE, text).split("\0", 1)[0]


def echo_escapes(text: str) -> str:
    """What ``echo -e`` and the format of ``printf`` make of `text`."""
    return _decode(_ECHO, text)
