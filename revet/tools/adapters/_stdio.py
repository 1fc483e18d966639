"""The standard streams of an MCP server's process, with bounds: on its lines, on what it says unasked, on its end.

The MCP package's own transport believes the server: a line without end fills the memory, and what is written to
stderr goes to the terminal. What the messages mean is still the package's business.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from revet.tools.adapters._results import clean

__all__ = ["Watch", "process_streams"]

LONGEST_LINE = 16 * 1024 * 1024
MOST_BYTES, MOST_MESSAGES, MOST_JUNK = 64 * 1024 * 1024, 20_000, 1000
"""What a server may say between two things that it is told."""
KEPT = 2000
PATIENCE = 2.0
"""Seconds that a server has to end when it is told to."""


class Watch:
    """What is known of a server that fails: why its stream ended, what it wrote to stderr, what made no sense."""

    def __init__(self) -> None:
        self.reason = ""
        self.ended = False
        self._stderr, self._junk = b"", ""

    def end(self, reason: str) -> None:
        self.ended, self.reason = True, self.reason or reason

    def heard(self, stderr: bytes) -> None:
        self._stderr = (self._stderr + stderr)[-KEPT:]

    def senseless(self, line: bytes) -> None:
        self._junk = self._junk or line[:200].decode("utf-8", "replace").strip()

    def __str__(self) -> str:
        parts = [self.reason]
        parts += [f"it wrote what is no JSON-RPC: {self._junk!r}"] if self._junk else []
        stderr = self._stderr.decode("utf-8", "replace").strip()
        parts += [f"its stderr ends: {stderr[-600:]}"] if stderr else []
        return clean("; ".join(part for part in parts if part))


@asynccontextmanager
async def process_streams(
    command: Sequence[str], env: Mapping[str, str], cwd: Path | None, watch: Watch
) -> AsyncIterator[tuple[Any, Any]]:
    """The streams that a `ClientSession` reads and writes. The process and its children are gone afterwards.

    The server sees `env` and the few variables that any program needs, not the environment of this process.
    """
    import anyio
    from mcp.client.stdio import get_default_environment

    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**get_default_environment(), **env},
        cwd=cwd,
        limit=LONGEST_LINE,
        start_new_session=True,
    )
    to_session, incoming = anyio.create_memory_object_stream[Any](0)
    outgoing, from_session = anyio.create_memory_object_stream[Any](0)
    relay = _Relay(process, watch)
    tasks = [
        asyncio.ensure_future(relay.read(to_session)),
        asyncio.ensure_future(relay.write(from_session)),
        asyncio.ensure_future(relay.listen()),
    ]
    try:
        yield incoming, outgoing
    finally:
        await _end(process)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (to_session, incoming, outgoing, from_session):
            stream.close()
        process._transport.close()  # type: ignore[attr-defined]  # nothing public closes a pipe that is not read to its end


class _Relay:
    """Messages between a process and a session, counted."""

    def __init__(self, process: asyncio.subprocess.Process, watch: Watch) -> None:
        self._process, self._watch = process, watch
        self._messages = self._bytes = self._junk = 0

    async def read(self, to_session: Any) -> None:
        """Until the process ends its output, or says too much."""
        from mcp.shared.message import SessionMessage
        from mcp.types import JSONRPCMessage

        assert self._process.stdout is not None
        async with to_session:
            while line := await self._line(self._process.stdout):
                self._messages += 1
                self._bytes += len(line)
                if self._messages > MOST_MESSAGES or self._bytes > MOST_BYTES or self._junk > MOST_JUNK:
                    self._watch.end("it says more than anybody asked for")
                    return
                try:
                    message = JSONRPCMessage.model_validate_json(line)
                except ValueError:
                    if line.strip():
                        self._junk += 1
                        self._watch.senseless(line)
                    continue
                await to_session.send(SessionMessage(message))
            self._watch.end("it ended" if not self._watch.reason else "")

    async def write(self, from_session: Any) -> None:
        assert self._process.stdin is not None
        async with from_session:
            async for message in from_session:
                self._messages = self._bytes = self._junk = 0
                text = message.message.model_dump_json(by_alias=True, exclude_none=True)
                self._process.stdin.write(text.encode("utf-8", "replace") + b"\n")
                with suppress(ConnectionError):  # it has ended, which the reader finds out
                    await self._process.stdin.drain()

    async def listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(4096):
            self._watch.heard(piece)

    async def _line(self, stdout: asyncio.StreamReader) -> bytes:
        try:
            return await stdout.readline()
        except ValueError:
            self._watch.reason = f"it wrote a line of more than {LONGEST_LINE >> 20} MiB"
            return b""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and whatever it started: by closing its input, then by force."""
    if process.stdin is not None:
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), PATIENCE if number is not signal.SIGKILL else None)
            break
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
