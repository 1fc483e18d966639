"""The process in which queries are examined: started when needed, asked one thing at a time, ended when it is late.

It is a plain child process and no sandbox session: what runs in it is Revet's own code and the database engines, it
must reach the database wherever that is, and it stays up for many queries. Model-written SQL gets at nothing there but
the database: engines are opened for reading alone, and the process may write no file.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

__all__ = ["Child"]

START = Path(__file__).parent / "start.py"
STARTING = 30.0
"""Seconds that the first answer may take longer, for the imports."""

ROOM = 3 * 1024 * 1024 * 1024
"""Address space beyond what one query may use, for the interpreter, libraries and caches."""

LARGEST = 4 * 1024 * 1024
CHUNK = 1 << 16


class Child:
    """Answers requests (see `revet.tools._sql.examine`). Safe to use from several threads; they take turns."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any] | str:
        """The answer; or why there is none: ``late`` (the process was ended), ``ended`` (by itself)."""
        line = json.dumps(request).encode("ascii") + b"\n"
        with self._lock:
            fresh = self._process is None or self._process.poll() is not None
            process = self._started() if fresh else self._process
            assert process is not None and process.stdin is not None and process.stdout is not None
            over = time.monotonic() + seconds + (STARTING if fresh else 0.0)
            answer = _sent(process.stdin, line, over) or _read(process.stdout, over)
            if isinstance(answer, str):
                self._stop()
                return answer
            return answer

    def close(self) -> None:
        """End the process. The next request starts another."""
        with self._lock:
            self._stop()

    def _started(self) -> subprocess.Popen[bytes]:
        self._stop()
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-s", str(START), str(self._memory + ROOM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        self._process, self._end = process, weakref.finalize(self, _ended, process)
        return process

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = None


def _environment() -> dict[str, str]:
    """What the interpreter and the PostgreSQL client need of the host's environment."""
    kept = {key: value for key, value in os.environ.items() if key.startswith(("PG", "LC_")) or key in ("LANG", "HOME")}
    path = os.pathsep.join(each for each in sys.path if each)
    return {**kept, "PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": path, "PYTHONUTF8": "1"}


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _sent(stream: IO[bytes], line: bytes, over: float) -> str | None:
    """None when all is written."""
    place = 0
    while place < len(line):
        left = over - time.monotonic()
        if left <= 0 or not _ready(stream, select.POLLOUT, left):
            return "late"
        try:
            place += os.write(stream.fileno(), line[place : place + CHUNK])
        except BlockingIOError:
            continue
        except OSError:
            return "ended"
    return None


def _ready(stream: IO[bytes], event: int, seconds: float) -> bool:
    """Whether it can be written or read in time. By `poll`, for `select` fails from the 1024th open file on."""
    waiting = select.poll()
    waiting.register(stream, event)
    return bool(waiting.poll(seconds * 1000))


def _read(stream: IO[bytes], over: float) -> dict[str, Any] | str:
    held = bytearray()
    while not held.endswith(b"\n"):
        left = over - time.monotonic()
        if left <= 0 or not _ready(stream, select.POLLIN, left):
            return "late"
        chunk = os.read(stream.fileno(), CHUNK)
        if not chunk or len(held) > LARGEST:
            return "ended"
        held += chunk
    answer: dict[str, Any] = json.loads(held)
    return answer
