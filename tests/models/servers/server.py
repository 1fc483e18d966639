"""`ModelServer`: one server for the three protocols, in a thread of its own."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.models.servers import protocols
from tests.models.servers.answers import Answer, Asked, Fault, example
from tests.models.servers.answers import Call as ToolCall

__all__ = ["ModelServer", "answer_by_request"]

PROTOCOLS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing the socket then sends a reset."""

Answering = Callable[[Asked], Answer | Fault | str]


def answer_by_request(asked: Asked) -> Answer:
    """The shortest answer that fits what is asked for; an echo where no form is."""
    if asked.schema is not None:
        return Answer(text=json.dumps(example(asked.schema)))
    if asked.forced is not None:
        call = ToolCall(asked.forced, example(asked.tools[asked.forced]))
        return Answer(calls=(call,), finish="tools")
    return Answer(text=f"you said: {asked.last}")


class ModelServer:
    """`answer` says what each request gets. `faults` are used up first, one for each request; None is no fault.

    `asked` are the requests so far, and `most_at_once` is how many were under way together. Use it as a context
    manager; `url` is OpenAI's base URL (ends in ``/v1``) and `root` is Anthropic's.
    """

    def __init__(self, answer: Answering = answer_by_request, *, seconds: float = 0.0, port: int = 0) -> None:
        self.answer, self.seconds = answer, seconds
        self.faults: list[Fault | None] = []
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    @property
    def bodies(self) -> list[Any]:
        return [asked.body for asked in self.asked]

    def fail(self, *faults: Fault | None) -> None:
        """Let the next requests fail so, in this order."""
        with self._lock:
            self.faults.extend(faults)

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._open:
                _cut(connection)
        self._thread.join()

    # --- for the handler ---------------------------------------------------------------------------------------------

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def reply(self, asked: Asked) -> tuple[Answer | None, Fault | None]:
        """What to answer and how to fail, after the time that it takes."""
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            fault = self.faults.pop(0) if self.faults else None
        try:
            time.sleep(fault.seconds if fault is not None and fault.kind == "slow" else self.seconds)
            if fault is not None and fault.kind in ("status", "reset"):
                return None, fault
            said = self.answer(asked)
            if isinstance(said, Fault):
                return None, said
            return (Answer(text=said) if isinstance(said, str) else said), fault
        finally:
            with self._lock:
                self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    owner: ModelServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.owner.opened(self.connection)

    def finish(self) -> None:
        self.owner.closed(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if self.path == "/faults":
            self.owner.fail(*(Fault(**each) if each else None for each in body))
            return self._send(200, {"waiting": len(self.owner.faults)})
        protocol = PROTOCOLS.get(self.path)
        if protocol is None:
            return self._send(404, {"error": {"message": f"there is no {self.path}", "code": "not_found"}})
        asked = Asked(protocol, dict(self.headers), body)
        answer, fault = self.owner.reply(asked)
        if answer is None:
            assert fault is not None
            if fault.kind == "reset":
                return self._reset()
            return self._send(fault.status, protocols.error(protocol, fault), fault.headers.items())
        if body.get("stream") and (fault is None or fault.kind != "html"):
            return self._stream(asked, answer, fault)
        self._whole(asked, answer, fault)

    def _whole(self, asked: Asked, answer: Answer, fault: Fault | None) -> None:
        text = json.dumps(protocols.whole(asked, answer)).encode()
        match fault.kind if fault else None:
            case "truncated":
                self._head(200, "application/json", len(text))
                self.wfile.write(text[: len(text) // 2])
                self.close_connection = True
            case "invalid_json":
                self._send_bytes(200, "application/json", text[:-20] + b"]]]")
            case "html":
                self._send_bytes(200, "text/html", b"<html><body>Welcome to the proxy</body></html>")
            case _:
                self._send_bytes(200, "application/json", text)

    def _stream(self, asked: Asked, answer: Answer, fault: Fault | None) -> None:
        events = list(protocols.stream(asked, answer))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        kind = fault.kind if fault else None
        if kind == "invalid_json":
            events[1] = events[1].rstrip()[:-3] + "\n\n"
        if kind == "truncated":
            events = events[: max(1, len(events) // 2)]
        for event in events:
            data = event.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _send(self, status: int, data: Any, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._send_bytes(status, "application/json", json.dumps(data).encode(), headers)

    def _send_bytes(self, status: int, kind: str, data: bytes, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._head(status, kind, len(data), headers)
        self.wfile.write(data)

    def _head(self, status: int, kind: str, length: int, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.close()


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client has hung up already
