"""The control plane: machines are made, listed, given time, copied and killed by REST calls under an API key."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.sandboxes.e2b_server.envd import gone, serve_envd
from tests.sandboxes.e2b_server.http import Dropped, Request, Response, problem, reply
from tests.sandboxes.e2b_server.interpreter import serve_interpreter
from tests.sandboxes.e2b_server.machine import Machine, MachineGone

__all__ = ["Control", "Fault"]

ENVD_VERSION = "0.6.4"
ENVD_PORT, INTERPRETER_PORT = "49983", "49999"
TEMPLATES = ("code-interpreter-v1", "base")
PAGE = 100


@dataclass
class Fault:
    """What to do instead of answering: to the next `times` requests whose "METHOD /path" contains `match`.

    An HTTP `status` with a `message`; 0 cuts the connection; None only waits `seconds` and then answers as ever.
    """

    match: str
    status: int | None = None
    message: str = "told to fail"
    times: int = 1
    seconds: float = 0.0


class Control:
    """Answers every request. `seen` holds what was asked: "METHOD /path" and the body."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self.machines: dict[str, Machine] = {}
        self.images: dict[str, Path] = {}
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, bytes]] = []

    async def __call__(self, request: Request) -> Response:
        name = f"{request.method} {request.path}"
        self.seen.append((name, request.body))
        for fault in self.faults:
            if fault.times > 0 and fault.match in name:
                fault.times -= 1
                await asyncio.sleep(fault.seconds)
                if fault.status == 0:
                    raise Dropped
                if fault.status is not None:
                    return problem(fault.status, fault.message, **{"Retry-After": "0"})
        if "e2b-sandbox-id" in request.headers:
            return await self.to_machine(request)
        if request.headers.get("x-api-key") != self.key:
            return problem(401, "Invalid API key")
        return await self.route(request)

    async def to_machine(self, request: Request) -> Response:
        machine_id = request.headers["e2b-sandbox-id"]
        machine = self.machines.get(machine_id)
        if machine is None or machine.gone.is_set():
            return gone(machine_id)
        try:
            if request.headers["e2b-sandbox-port"] == INTERPRETER_PORT:
                return await serve_interpreter(machine, request)
            return await serve_envd(machine, request)
        except MachineGone:
            return gone(machine_id)

    async def route(self, request: Request) -> Response:
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        match request.method, *parts:
            case "POST", "v2", "sandboxes":
                return await self.create(request.json())
            case "GET", "v2", "sandboxes":
                return self.list(request.query)
            case "DELETE", "templates", image:
                return Response(204 if self.images.pop(image, None) else 404)
            case method, "sandboxes", machine_id, *rest:
                machine = self.machines.get(machine_id)
                if machine is None or machine.gone.is_set():
                    return problem(404, f"sandbox {machine_id} not found")
                return await self.one(machine, method, rest, request)
        return problem(404, f"no route {request.method} {request.path}")

    async def one(self, machine: Machine, method: str, rest: list[str], request: Request) -> Response:
        match method, *rest:
            case ("DELETE",):
                await machine.kill()
                return Response(204)
            case ("GET",):
                return reply(described(machine))
            case "POST", "timeout":
                machine.live_for(request.json()["timeout"])
                return Response(204)
            case "POST", "snapshots":
                name = request.json().get("name") or secrets.token_hex(8)
                image = self.folder / f"image-{secrets.token_hex(4)}"
                await machine.save(image)
                self.images[f"{name}:default"] = image
                return reply({"snapshotID": f"{name}:default", "names": [f"team/{name}:default"]}, 201)
        return problem(404, f"no route {method} {request.path}")

    async def create(self, wanted: dict[str, Any]) -> Response:
        template = wanted["templateID"]
        image = self.images.get(template)
        if image is None and template not in TEMPLATES:
            return problem(404, f"template '{template}' not found")
        folder = self.folder / f"machine-{secrets.token_hex(6)}"
        folder.mkdir(mode=0o755)
        machine = Machine(
            folder, template, wanted.get("metadata") or {}, wanted.get("envVars") or {}, wanted.get("timeout", 300)
        )
        self.machines[machine.id] = machine
        await machine.boot(image)
        made = {"templateID": template, "sandboxID": machine.id, "clientID": "local", "envdVersion": ENVD_VERSION}
        return reply({**made, "envdAccessToken": machine.token, "domain": None}, 201)

    def list(self, query: dict[str, str]) -> Response:
        wanted = {unquote(name): unquote(value) for name, value in parse_qsl(query.get("metadata", ""))}
        living = [m for m in self.machines.values() if not m.gone.is_set()]
        found = [m for m in living if wanted.items() <= m.metadata.items()]
        first = int(query.get("nextToken", "0"))
        page = found[first : first + int(query.get("limit", PAGE))]
        more = {"X-Next-Token": str(first + len(page))} if first + len(page) < len(found) else {}
        return reply([described(machine) for machine in page], **more)


def described(machine: Machine) -> dict[str, Any]:
    fixed = {"clientID": "local", "cpuCount": 2, "memoryMB": 512, "diskSizeMB": 1024, "state": "running"}
    return {
        **fixed,
        "templateID": machine.template,
        "sandboxID": machine.id,
        "startedAt": machine.started.isoformat(),
        "endAt": machine.ends.isoformat(),
        "envdVersion": ENVD_VERSION,
        "metadata": json.loads(json.dumps(machine.metadata)),
    }
