"""What serves a real machine from inside: the Connect protocol for commands and files, and ``/files``, ``/health``.

Messages are JSON, in the shapes of the service's protocol files: a unary call is one message each way; a stream is a
series of envelopes (a byte of flags, four of length, the message), closed by one with the flag 2.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from typing import Any

from tests.sandboxes.e2b_server.http import Request, Response, problem, reply
from tests.sandboxes.e2b_server.machine import Machine, MachineGone, OperationRefused

__all__ = ["gone", "serve_envd"]

END_OF_STREAM = 2
# How long a started command may run, as the client's deadline says.
DEADLINE = "connect-timeout-ms"
SIGNALS = {"SIGNAL_SIGKILL": 9, "SIGNAL_SIGTERM": 15}
HTTP_STATUS = {"not_found": 404, "invalid": 400, "already_exists": 409, "no_space": 507, "internal": 500}
CONNECT_CODE = {"invalid": "invalid_argument", "no_space": "resource_exhausted"}


def gone(machine_id: str) -> Response:
    """What the proxy in front of the machines says of one that is not there."""
    return reply({"sandboxId": machine_id, "message": "The sandbox was not found", "code": 502}, 502)


async def serve_envd(machine: Machine, request: Request) -> Response:
    if request.path == "/health":
        return Response(204)
    if request.headers.get("x-access-token") != machine.token:
        return problem(401, "invalid access token")
    if request.path == "/files":
        return await serve_files(machine, request)
    service, _, method = request.path.strip("/").partition("/")
    if request.headers.get("content-type", "").startswith("application/connect+json"):
        if (service, method) != ("process.Process", "Start"):
            return problem(501, f"{method} is not served here")
        return await start(machine, request)
    try:
        return reply(await unary(machine, service, method, request.json()))
    except OperationRefused as error:
        code = CONNECT_CODE.get(error.code, error.code)
        return reply({"code": code, "message": str(error)}, HTTP_STATUS[error.code])


async def unary(machine: Machine, service: str, method: str, message: dict[str, Any]) -> dict[str, Any]:
    if service == "process.Process":
        return await process_call(machine, method, message)
    if method == "Stat":
        return {"entry": await machine.ask("stat", path=message["path"])}
    if method == "ListDir":
        return {"entries": await machine.ask("list_dir", path=message["path"])}
    if method == "MakeDir":
        return {"entry": await machine.ask("make_dir", path=message["path"])}
    if method == "Remove":
        await machine.ask("remove", path=message["path"])
        return {}
    if method == "Move":
        return {"entry": await machine.ask("move", source=message["source"], destination=message["destination"])}
    raise OperationRefused("invalid", f"{method} is not served here")


async def process_call(machine: Machine, method: str, message: dict[str, Any]) -> dict[str, Any]:
    if method == "List":
        return {"processes": [{"pid": pid, "config": {}} for pid in await machine.ask("list")]}
    pid = message["process"]["pid"]
    if method == "SendInput":
        await machine.ask("input", pid=pid, data=message["input"]["stdin"])
    elif method == "CloseStdin":
        await machine.ask("close_stdin", pid=pid)
    elif method == "SendSignal":
        await machine.ask("signal", pid=pid, signal=SIGNALS[message["signal"]])
    else:
        raise OperationRefused("invalid", f"{method} is not served here")
    return {}


async def start(machine: Machine, request: Request) -> Response:
    (size,) = struct.unpack_from(">I", request.body, 1)
    message = json.loads(request.body[5 : 5 + size])
    process = message["process"]
    deadline = request.headers.get(DEADLINE)
    events = machine.start(
        process["cmd"],
        process.get("args", []),
        user=user_of(request),
        envs=process.get("envs"),
        cwd=process.get("cwd", ""),
        stdin=message.get("stdin", False),
    )
    body = envelopes(machine, events, None if deadline is None else int(deadline) / 1000)
    return Response(200, body, {"Content-Type": "application/connect+json"})


async def envelopes(
    machine: Machine, events: AsyncIterator[dict[str, Any]], seconds: float | None
) -> AsyncIterator[bytes]:
    last: dict[str, Any] = {}
    pid = 0
    try:
        async with asyncio.timeout(seconds):
            async for event in events:
                pid = event.get("start", {}).get("pid", pid)
                yield envelope(0, {"event": event})
    except TimeoutError:
        if pid:
            await machine.ask("signal", pid=pid, signal=9)
        last = {"error": {"code": "deadline_exceeded", "message": "the command ran out of time"}}
    except MachineGone:
        last = {"error": {"code": "unavailable", "message": "The sandbox was not found"}}
    except OperationRefused as error:
        last = {"error": {"code": CONNECT_CODE.get(error.code, error.code), "message": str(error)}}
    yield envelope(END_OF_STREAM, last)


def envelope(flags: int, message: dict[str, Any]) -> bytes:
    body = json.dumps(message).encode()
    return struct.pack(">BI", flags, len(body)) + body


def user_of(request: Request) -> str:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    return base64.b64decode(value).decode().partition(":")[0] if kind == "Basic" else "user"


async def serve_files(machine: Machine, request: Request) -> Response:
    try:
        if request.method == "GET":
            content = await machine.ask("read", path=request.query["path"])
            return Response(200, base64.b64decode(content), {"Content-Type": "application/octet-stream"})
        written = []
        for name, data in uploads(request):
            path = request.query.get("path") or name
            written.append(await machine.ask("write", path=path, data=base64.b64encode(data).decode()))
        return reply(written)
    except OperationRefused as error:
        return problem(HTTP_STATUS[error.code], str(error))


def uploads(request: Request) -> list[tuple[str, bytes]]:
    """The names and contents of an upload: one raw body, or the parts of a form."""
    kind, _, rest = request.headers["content-type"].partition("boundary=")
    if not kind.startswith("multipart/"):
        return [(request.query["path"], request.body)]
    found = []
    for part in request.body.split(b"--" + rest.strip('"').encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = head.partition(b'filename="')[2].partition(b'"')[0].decode()
        found.append((name, content.removesuffix(b"\r\n")))
    return found
