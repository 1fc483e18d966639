"""MCP servers over standard streams, from helpful to hostile: ``python rude_server.py MODE``. Standard library only."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

MODE = sys.argv[1]
ANY = {"type": "object"}
NODE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
    "required": ["value"],
}
SCHEMAS: dict[str, Any] = {
    "recursive": {"type": "object", "properties": {"head": {"$ref": "#/$defs/node"}}, "$defs": {"node": NODE}},
    "ring": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "remote": {"type": "object", "properties": {"x": {"$ref": "http://192.0.2.1/schema.json"}}},
    "nonsense": {"type": 3, "properties": []},
    "names": {
        "type": "object",
        "properties": {n: {} for n in ("model_x", "json", "a-b", "a_b", "1", "class", "_u", "")},
    },
    "pattern": {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}},
    "bomb": {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d0"}},
        "$defs": {
            **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)},
            "d40": {"type": "integer"},
        },
    },
}


def say(message: Any) -> None:
    sys.stdout.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
    sys.stdout.flush()


def tell(request: Any, result: Any) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "result": result})


def tool(name: str, schema: Any = ANY) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}. " + "x" * 5000, "inputSchema": schema}


def tools(request: Any) -> None:
    cursor = (request.get("params") or {}).get("cursor")
    if MODE == "cycle":
        tell(request, {"tools": [tool("again")], "nextCursor": "a"})
    elif MODE == "endless":
        number = int(cursor or 0)
        tell(request, {"tools": [tool(f"t{number}")], "nextCursor": str(number + 1)})
    elif MODE == "schemas":
        tell(request, {"tools": [tool(name, schema) for name, schema in SCHEMAS.items()]})
    elif MODE == "nameless":
        tell(request, {"tools": [tool("a.b/c"), tool("a.b/c"), tool("a:b:c"), tool("…")]})
    elif MODE == "many":
        tell(request, {"tools": [tool(f"t{n}") for n in range(2000)]})
    elif MODE == "no tools":
        say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no such method"}})
    else:
        tell(request, {"tools": [tool("do")]})


def answered(request: Any, text: str = "done", **more: Any) -> None:
    tell(request, {"content": [{"type": "text", "text": text}], **more})


def dies(request: Any) -> None:
    sys.stderr.write("out of coffee\n")
    sys.stderr.flush()
    os._exit(3)


def floods(request: Any) -> None:
    while True:
        say({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}})


def never_ends_its_line(request: Any) -> None:
    while True:
        sys.stdout.write("x" * 65536)


def junk(request: Any) -> None:
    while True:
        say("Traceback: not JSON")


def logs(request: Any) -> None:
    say("a line that is no JSON-RPC, as some servers print")
    answered(request)


def answers_others(request: Any) -> None:
    for number in (12345, "seven"):
        say({"jsonrpc": "2.0", "id": number, "result": {"content": []}})
    answered(request)


def refuses(request: Any) -> None:
    say({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": "bad parameters"}})


def goes_deaf(request: Any) -> None:
    sys.stdin.close()
    time.sleep(600)


def asks(request: Any) -> None:
    for number, method in enumerate(("sampling/createMessage", "elicitation/create", "roots/list", "no/such")):
        say({"jsonrpc": "2.0", "id": f"s{number}", "method": method, "params": {}})
    heard = [json.loads(sys.stdin.readline()) for _ in range(4)]
    answered(request, json.dumps(["error" in each for each in heard]))


WAYS: dict[str, Any] = {
    "hang": lambda request: time.sleep(600),
    "die": dies,
    "flood": floods,
    "line": never_ends_its_line,
    "junk": junk,
    "log": logs,
    "malformed": lambda request: tell(request, {"content": 3, "isError": "perhaps"}),
    "other id": answers_others,
    "refuse": refuses,
    "huge": lambda request: answered(request, "y" * 3_000_000, structuredContent={"y": "y" * 3_000_000}),
    "deaf": goes_deaf,
    "asks": asks,
    "silent": lambda request: tell(request, {"content": []}),
    "pid": lambda request: answered(request, str(os.getpid())),
}


def call(request: Any) -> None:
    WAYS.get(request["params"]["arguments"].get("how"), answered)(request)


def main() -> None:
    if MODE == "mute":
        time.sleep(600)
    if MODE == "crash":
        sys.exit("no licence")
    for line in sys.stdin:
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            if MODE == "old":
                tell(
                    request,
                    {"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {"name": "x", "version": "1"}},
                )
                continue
            version = request["params"]["protocolVersion"]
            about = {"name": "rude", "version": "1"}
            tell(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about})
        elif method == "tools/list":
            tools(request)
        elif method == "tools/call":
            call(request)


if __name__ == "__main__":
    main()
