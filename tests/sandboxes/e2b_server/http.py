"""Enough of HTTP/1.1 to be spoken to by a real client: chunked bodies both ways, broken connections.

Each connection carries one request, so that a client's pool holds none open: what a test finds open was left open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

__all__ = ["Dropped", "Request", "Response", "problem", "reply", "serve_connection"]

MOST_HEAD = 64 * 1024


class Dropped(Exception):
    """Raised by a handler to cut the connection without an answer."""


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass
class Response:
    status: int = 200
    body: bytes | AsyncIterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


def reply(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def problem(status: int, message: str, **headers: str) -> Response:
    """An error in the shape of the service's own: ``{"code": …, "message": …}``."""
    return reply({"code": status, "message": message}, status, **headers)


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    try:
        if (request := await read_request(reader)) is not None:
            await write_response(reader, writer, await handler(request))
    except (Dropped, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
        writer.transport.abort()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return Request(method, parts.path, query, headers, await read_body(reader, headers))


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        continue
    return bytes(body)


async def write_response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: Response) -> None:
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in {**response.headers, "Connection": "close"}.items()]
    if isinstance(response.body, bytes):
        if response.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(response.body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + response.body)
        await writer.drain()
        return
    writer.write("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode("latin-1"))
    await writer.drain()
    stream = asyncio.ensure_future(write_chunks(writer, response.body))
    # Whoever is not listening any more sends nothing; the end of what it sends is how that is noticed.
    gone = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait([stream, gone], return_when=asyncio.FIRST_COMPLETED)
        if not stream.done():
            raise Dropped
        stream.result()
    finally:
        for task in (stream, gone):
            task.cancel()
        await asyncio.wait([stream, gone])


async def write_chunks(writer: asyncio.StreamWriter, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
