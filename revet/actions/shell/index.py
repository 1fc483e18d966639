"""Git's index, as far as it takes to tell a refreshed one from a changed one (gitformat-index, versions 2 and 3)."""

from __future__ import annotations

import struct

__all__ = ["entries", "same_entries"]

HEAD = struct.Struct(">4sII")
# ctime, mtime (4 words), device, inode; mode; uid, gid, size; digest; flags
ENTRY = struct.Struct(">24xI12x20sH")
EXTENDED, ASSUMED_OR_STAGE = 0x4000, 0xB000
DIGEST = 20


def same_entries(one: bytes, other: bytes) -> bool:
    """Whether both list the same names with the same modes, contents and flags. False for what cannot be read."""
    listed = entries(one)
    return listed is not None and listed == entries(other)


def entries(data: bytes) -> list[tuple[bytes, int, bytes, int]] | None:
    """Name, mode, digest and flags of each entry; None if it is not an index of a known form."""
    try:
        signature, version, number = HEAD.unpack_from(data)
        if signature != b"DIRC" or version not in (2, 3):
            return None
        found, at = [], HEAD.size
        for _ in range(number):
            mode, digest, flags = ENTRY.unpack_from(data, at)
            start = at + ENTRY.size
            extra = 0
            if flags & EXTENDED:
                (extra,) = struct.unpack_from(">H", data, start)
                start += 2
            end = data.index(b"\0", start)
            found.append((data[start:end], mode, digest, flags & ASSUMED_OR_STAGE | extra << 16))
            at += (end - at + 8) // 8 * 8
        return found if at <= len(data) - DIGEST else None
    except (struct.error, ValueError):
        return None
