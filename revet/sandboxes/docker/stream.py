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

from revet.errors import SandboxBroken

__all__ = ["QUIET", "Stream"]

HEADER = struct.Struct(">B3xI")
STDERR = 2
CHUNK = 1 << 18
MOST_WORDS = 1 << 14
MOST_AHEAD = 1 << 22
"""What is read at most while something is sent."""
QUIET = 60.0
"""Seconds that a container may take to accept a part of what it is sent, and to answer what is not a program."""


class Stream:
    """What goes to a container's stdin, and what comes from its stdout; the first part of its stderr is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()
        self._left, self._kind = 0, 0
        self._words = bytearray()
        self._ended = False

    @classmethod
    async def open(cls, raw: Any) -> Stream:
        """Take over the socket that `attach_socket` returned."""
        plain = plain_socket(raw)
        plain.setblocking(False)
        return cls(*await asyncio.open_connection(sock=plain, limit=CHUNK))

    async def send(self, data: bytes) -> None:
        """Send it all. Silent if the container has ended: what it said at its end is still to be received.

        SandboxBroken if the container does not take it in `QUIET` seconds: it is stopped, or paused.
        """
        if self._ended:
            return
        self._writer.write(data)
        drain = asyncio.ensure_future(self._writer.drain())
        try:
            async with asyncio.timeout(QUIET):
                await self._read_until(drain)
        except TimeoutError:
            raise SandboxBroken(f"the container took nothing of what it was sent for {QUIET:.0f} s") from None
        finally:
            drain.cancel()
            await asyncio.gather(drain, return_exceptions=True)

    async def _read_until(self, drain: asyncio.Future[None]) -> None:
        """Read ahead until `drain` is done, or the stream has ended, which nothing else may tell."""
        while not drain.done() and not self._ended:
            if len(self._buffer) > MOST_AHEAD:
                await asyncio.wait([drain])
                return
            reading = asyncio.ensure_future(self._read())
            try:
                await asyncio.wait([drain, reading], return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()  # it takes nothing, or has put what it took into the buffer
                await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()

    async def _read(self) -> None:
        """Put what comes next into the buffer."""
        try:
            data = await self._reader.read(CHUNK)
        except OSError:
            data = b""
        self._buffer += data
        self._ended = not data

    async def receive(self) -> bytes:
        """The next part of stdout; empty at the end."""
        while True:
            out = self._parse()
            if out:
                return out
            if self._ended:
                return b""
            await self._read()

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
