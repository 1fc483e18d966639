"""A real Docker engine for tests, what it has of ours, and a way to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.errors import HostError
from revet.sandboxes.docker import build, connect, default_tag
from revet.sandboxes.owners import OWNER

__all__ = ["Wire", "engine", "ours"]

# Read before a test puts its own wire in the engine's place. A remote engine has no socket; then the wire's test fails.
SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
NO_ENGINE = "no Docker engine answers: apt-get install docker.io && dockerd &"


@contextlib.contextmanager
def engine() -> Iterator[Any]:
    """A client of an engine that has our image. Skips where there is none, and says what to do."""
    try:
        client = connect()
    except HostError:
        pytest.skip(NO_ENGINE)
    try:
        if not client.images.list(name=default_tag()):
            build(client)
        yield client
    finally:
        client.close()


def ours(client: Any, owner: str = "") -> list[str]:
    """The containers and volumes of this process, or of the one with that label."""
    start = owner or f"{os.getpid()}/"
    containers = client.api.containers(all=True, filters={"label": OWNER})
    volumes = client.api.volumes(filters={"label": OWNER})["Volumes"] or ()
    found = [each["Id"] for each in containers if each["Labels"][OWNER].startswith(start)]
    return found + [each["Name"] for each in volumes if each["Labels"][OWNER].startswith(start)]


class Wire:
    """A socket that leads to the engine's until it is cut: an engine that stops in the middle."""

    def __init__(self, place: Path) -> None:
        self.url = f"unix://{place}"
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(place))
        self._server.listen(64)
        self._lock = threading.Lock()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def cut(self) -> None:
        """Close every connection, and answer no more."""
        with self._lock:
            ends, self._ends = [self._server, *self._ends], []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in ends:
            end.close()

    def _start(self, work: Any, *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(SOCKET)
            with self._lock:
                self._ends += [near, far]
            self._start(self._pass, near, far)
            self._start(self._pass, far, near)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
