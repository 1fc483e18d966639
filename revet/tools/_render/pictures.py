"""Pictures as they are kept with evidence: ``data:`` URLs, checked; and whether there is anything to be seen on one."""

from __future__ import annotations

import base64
import re
import struct
import zlib

__all__ = ["LARGEST", "is_blank", "is_picture"]

LARGEST = 2 << 20
"""Bytes of a picture as it is kept, base64 included."""

URL = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/]+={0,2})\Z")
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff"}
MOST_BYTES = 8 << 20


def is_picture(url: object) -> bool:
    """Whether it is a PNG or a JPEG that may be kept and shown. Its content is not decoded."""
    found = URL.match(url) if isinstance(url, str) and len(url) <= LARGEST else None
    if found is None:
        return False
    try:
        return base64.b64decode(found[2][:16]).startswith(MAGIC[found[1]])
    except ValueError:
        return False


def is_blank(png: object) -> bool | None:
    """Whether all pixels of a PNG (base64) have one colour; None where that cannot be told.

    Only what a browser writes is read: 8 bits a channel, not interlaced (Portable Network Graphics, 3rd edition).
    """
    try:
        data = base64.b64decode(png, validate=True) if isinstance(png, str) else b""
    except ValueError:
        return None
    if not data.startswith(MAGIC["png"]) or len(data) < 33:
        return None
    wide, high, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    channels = {0: 1, 2: 3, 6: 4}.get(colour)
    if depth != 8 or interlaced or channels is None or not 0 < (wide * channels + 1) * high <= MOST_BYTES:
        return None
    try:
        raw = zlib.decompressobj().decompress(_chunks(data), (wide * channels + 1) * high)
    except zlib.error:
        return None
    return _one_colour(raw, wide * channels, high, channels) if len(raw) == (wide * channels + 1) * high else None


def _chunks(data: bytes) -> bytes:
    """The compressed pixels."""
    found, place = [], 8
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"IDAT":
            found.append(data[place + 8 : place + 8 + length])
        place += length + 12
    return b"".join(found)


def _one_colour(raw: bytes, width: int, high: int, channels: int) -> bool:
    above = bytearray(width)
    first = b""
    for row in range(high):
        kind, *line = raw[row * (width + 1) : (row + 1) * (width + 1)]
        current = bytearray(line)
        for n in range(width) if kind else ():
            left = current[n - channels] if n >= channels else 0
            corner = above[n - channels] if n >= channels else 0
            current[n] = (current[n] + _predicted(kind, left, above[n], corner)) & 0xFF
        first = first or bytes(current[:channels])
        if current != first * (width // channels):
            return False
        above = current
    return True


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return up
    if kind == 3:
        return (left + up) // 2
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
