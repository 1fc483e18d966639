"""The attached standard streams of a container, over the socket that the SDK opens: asyncio, whatever it runs over.

The engine mixes stdout and stderr into one stream: eight bytes say which of them follows, and how much of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
from typing import Any

__all__ = ["Stream"]

HEADER = struct.Struct(">B3xI")
STDERR = 2
CHUNK = 1 << 18
MOST_WORDS = 1 << 14


class Stream:
    """What goes to a container's stdin, and what comes from its stdout; the first part of its stderr is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._left, self._kind = 0, 0
        self._words = bytearray()

    @classmethod
    async def open(cls, raw: Any) -> Stream:
        """Take over the socket that `attach_socket` returned."""
        plain = plain_socket(raw)
        plain.setblocking(False)
        return cls(*await asyncio.open_connection(sock=plain, limit=CHUNK))

    async def send(self, data: bytes) -> None:
        """Send it all. Silent if the container has ended: what it said at its end is still to be received."""
        with contextlib.suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    async def receive(self) -> bytes:
        """The next part of stdout; empty at the end."""
        while True:
            out = self._parse()
            if out:
                return out
            try:
                data = await self._reader.read(CHUNK)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._buffer += data

    def _parse(self) -> bytes:
        """What of stdout is in the buffer."""
        out = bytearray()
        while self._buffer:
            if not self._left:
                if len(self._buffer) < HEADER.size:
                    break
                self._kind, self._left = HEADER.unpack_from(self._buffer)
                del self._buffer[: HEADER.size]
            piece = self._buffer[: self._left]
            del self._buffer[: len(piece)]
            self._left -= len(piece)
            if self._kind != STDERR:
                out += piece
            elif len(self._words) < MOST_WORDS:
                self._words += piece
        return bytes(out)

    def words(self) -> str:
        """What came on stderr, to follow a sentence."""
        said = self._words.decode("utf-8", "replace").strip()
        return f": {said}" if said else ""

    def close(self) -> None:
        self._writer.transport.abort()


def plain_socket(raw: Any) -> socket.socket:
    """A socket of our own that stands for the SDK's, which is closed or, where it is not a plain one, relayed."""
    inner = getattr(raw, "_sock", raw)
    if type(inner) is socket.socket:
        ours = socket.socket(fileno=os.dup(inner.fileno()))
        close(raw)
        return ours
    ours, theirs = socket.socketpair()
    for source, sink in ((inner, theirs), (theirs, inner)):
        threading.Thread(target=relay, args=(source, sink, raw), daemon=True, name="revet-docker-stream").start()
    return ours


def relay(source: Any, sink: Any, raw: Any) -> None:
    """Pass on what comes until an end, then end both."""
    try:
        while data := source.recv(CHUNK):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            close(each)
        close(raw)


def close(raw: Any) -> None:
    """Close the SDK's socket, and the response that it came with."""
    for each in (getattr(raw, "_response", None), raw):
        if each is not None:
            with contextlib.suppress(OSError, ValueError):
                each.close()
