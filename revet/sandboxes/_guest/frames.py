"""How a supervisor and its host talk: frames of one byte that says what it is, four bytes of length, the payload.

To the host, each frame ends with a tag of 16 bytes: BLAKE2b, keyed, over the frame's number, its kind and its
payload. A program that reaches the stream can break it and not forge it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FRAME = struct.Struct(">cI")
MAX_FRAME = 1 << 20
TAG = 16


class Gone(Exception):
    """The host has gone."""


class Trouble(Exception):
    """What the host is told: a kind that it acts on (full, broken), and words."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Host:
    """The frames from the host and to it."""

    def __init__(self, source: int, sink: int) -> None:
        self.source, self.sink = source, sink
        self.key = b""
        self.number = 0

    def receive(self) -> tuple[bytes, bytes]:
        """The next frame's kind and payload."""
        kind, size = FRAME.unpack(self._exactly(FRAME.size))
        if size > MAX_FRAME:
            raise Trouble("broken", "a frame is too long")
        return kind, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = os.read(self.source, size)
            if not part:
                raise Gone
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def send(self, kind: bytes, payload: bytes = b"") -> None:
        tag = seal(self.key, self.number, kind, payload)
        self.number += 1
        left = memoryview(FRAME.pack(kind, len(payload)) + payload + tag)
        try:
            while left:
                left = left[os.write(self.sink, left) :]
        except BrokenPipeError:
            raise Gone from None

    def tell(self, kind: bytes, what: Any) -> None:
        self.send(kind, json.dumps(what).encode("ascii"))


def seal(key: bytes, number: int, kind: bytes, payload: bytes) -> bytes:
    """The tag of the frame with this number, counted from 0."""
    return hashlib.blake2b(number.to_bytes(8, "big") + kind + payload, key=key, digest_size=TAG).digest()
