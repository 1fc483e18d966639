"""The code interpreter of a machine: contexts (each a Python that lives on), and code run in them."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.sandboxes.e2b_server.http import Request, Response, problem, reply
from tests.sandboxes.e2b_server.machine import Machine, MachineGone, OperationRefused

__all__ = ["serve_interpreter"]

KERNEL = Path(__file__).with_name("kernel.py").read_text("utf-8")


class Kernel:
    def __init__(self, machine: Machine, cwd: str) -> None:
        self.id, self.cwd = str(secrets.token_hex(8)), cwd
        self._machine = machine
        self._lock = asyncio.Lock()
        self._events = machine.start("python3", ["-c", KERNEL], cwd=cwd, stdin=True)
        self._buffer = b""
        self._pid = 0

    @property
    def shown(self) -> dict[str, str]:
        return {"id": self.id, "language": "python", "cwd": self.cwd}

    async def open(self) -> None:
        first = await anext(self._events)
        self._pid = first["start"]["pid"]

    async def run(self, code: str, envs: dict[str, str] | None) -> AsyncIterator[dict[str, Any]]:
        async with self._lock:
            order = json.dumps({"code": code, "envs": envs or {}}).encode() + b"\n"
            await self._machine.send_input(self._pid, order)
            done = False
            try:
                async for message in self._messages():
                    if message["type"] == "done":
                        done = True
                        return
                    yield message
            finally:
                if not done:  # nobody listens any more, or it died: a kernel in an unknown state is of no use
                    self._machine.kernels.pop(self.id, None)
                    await self.close()

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            *lines, self._buffer = self._buffer.split(b"\n")
            for line in lines:
                yield json.loads(line)
            event = await anext(self._events)
            if "end" in event:
                yield {"type": "error", "name": "KernelDied", "value": "the kernel died", "traceback": ""}
                return
            self._buffer += base64.b64decode(event.get("data", {}).get("stdout", ""))

    async def close(self) -> None:
        try:
            await self._machine.ask("signal", pid=self._pid, signal=9)
        except (MachineGone, OperationRefused):
            return


async def serve_interpreter(machine: Machine, request: Request) -> Response:
    if request.path == "/execute":
        return await execute(machine, request)
    parts = request.path.strip("/").split("/")
    if parts == ["contexts"] and request.method == "POST":
        wanted = request.json()
        if wanted.get("language", "python") != "python":
            return problem(500, f"no kernel for {wanted['language']}")
        kernel = Kernel(machine, wanted.get("cwd", "/home/user"))
        await kernel.open()
        machine.kernels[kernel.id] = kernel
        return reply(kernel.shown)
    if parts == ["contexts"]:
        return reply([kernel.shown for kernel in machine.kernels.values()])
    if parts[0] == "contexts" and (found := machine.kernels.get(parts[1])) is not None and request.method == "DELETE":
        del machine.kernels[parts[1]]
        await found.close()
        return Response(204)
    return problem(404, f"no such context: {request.path}")


async def execute(machine: Machine, request: Request) -> Response:
    wanted = request.json()
    if wanted.get("language") not in (None, "python"):
        return problem(500, f"no kernel for {wanted['language']}")
    name = wanted.get("context_id") or "default"
    kernel = machine.kernels.get(name)
    if kernel is None:
        if name != "default":
            return Response(404, f"Context {name} not found".encode())
        kernel = Kernel(machine, "/home/user")
        await kernel.open()
        machine.kernels[name] = kernel
    return Response(
        200, lines(kernel.run(wanted["code"], wanted.get("env_vars"))), {"Content-Type": "application/json"}
    )


async def lines(messages: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for message in messages:
        if message["type"] in ("stdout", "stderr"):
            message["timestamp"] = time.time_ns()
        yield json.dumps(message).encode() + b"\n"
