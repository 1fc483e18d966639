"""Real MCP servers, over standard streams and over HTTP: one connection, errors, pictures, and in the loop."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from revet.agents import Scripted
from revet.errors import InputError, MissingDependency
from revet.graphs import Agent
from revet.schema import Critique, Draft, Evidence, Outcome, RunOutcome, Task, Verdict
from revet.tools import McpServer, McpTool, Terms, ToolCall, View

KIND = Path(__file__).with_name("kind_server.py")
TASK = Task(goal="x")
ORDER = {"item": "box", "inside": [{"item": "cup", "count": 2, "inside": [{"item": "spoon"}]}]}


def kind() -> McpServer:
    return McpServer([sys.executable, str(KIND)], terms=Terms(seconds=20))


@pytest.fixture(scope="module")
def stdio() -> Iterator[McpServer]:
    with kind() as server:
        yield server


@pytest.fixture(scope="module")
def http() -> Iterator[McpServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, str(KIND), str(port)], stderr=subprocess.DEVNULL) as process:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        with McpServer(url=f"http://127.0.0.1:{port}/mcp", terms=Terms(seconds=20)) as server:
            yield server
        process.kill()


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest) -> McpServer:
    found: McpServer = request.getfixturevalue(request.param)
    return found


def named(server: McpServer) -> dict[str, McpTool]:
    return {tool.name: tool for tool in server.tools()}


async def done(tool: McpTool, **arguments: Any) -> Evidence:
    return await tool.run(ToolCall(tool=tool.name, request="do it", arguments=arguments), View(task=TASK, run="r"))


async def test_a_tool_answers_with_text_and_structure(server: McpServer) -> None:
    assert [*named(server)] == ["total", "picture", "fails", "asks", "leaves"]
    assert server.name == "shop"
    evidence = await done(named(server)["total"], order=ORDER)
    assert evidence.outcome is Outcome.passed and '"count": 4' in evidence.observation
    assert isinstance(evidence.data["result"], dict) and evidence.data["result"]["count"] == 4
    again = await done(named(server)["total"], order=ORDER)
    assert again.data == evidence.data, "one process answers all calls"


async def test_arguments_are_checked_before_anything_is_sent(server: McpServer) -> None:
    wrong = await done(named(server)["total"], order={"item": "box", "inside": [{"count": 1}]})
    assert wrong.outcome is Outcome.error and "order.inside.0: 'item' is a required property" in wrong.observation
    arguments = named(server)["total"].arguments
    assert arguments is not None
    assert arguments.model_json_schema()["properties"]["order"] == {"$ref": "#/$defs/Order"}


async def test_pictures_are_artefacts_and_faults_are_errors(server: McpServer) -> None:
    shown = await done(named(server)["picture"])
    assert shown.observation == "a pixel:\n(picture 1)"
    assert [each[:22] for each in shown.artefacts] == ["data:image/png;base64,"]
    failed = await done(named(server)["fails"])
    assert failed.outcome is Outcome.error and "out of stock" in failed.observation


async def test_a_server_that_asks_for_something_back_is_refused(server: McpServer) -> None:
    asked = await done(named(server)["asks"])
    assert asked.outcome is Outcome.error and "not supported" in asked.observation


async def test_a_server_that_crashes_is_started_again() -> None:
    with kind() as server:
        tools = named(server)
        first = await done(tools["total"], order=ORDER)
        left = await done(tools["leaves"])
        assert left.outcome is Outcome.inconclusive and "is gone" in left.observation
        second = await done(tools["total"], order=ORDER)
        assert second.outcome is Outcome.passed and second.data != first.data


class Calls:
    """A critic that has one tool called."""

    name = "calls"

    async def criticise(self, view: View) -> Critique:
        if view.draft is not None:
            seen = await view.use(ToolCall(tool="total", request="count", arguments={"order": ORDER}))  # type: ignore[dict-item]
            assert "4" in seen.observation, seen
        return Critique(critic=self.name, verdict=Verdict.accept)


def test_an_agent_takes_a_server_and_its_tools_outlive_the_event_loop(stdio: McpServer, tmp_path: Path) -> None:
    """Each run has an event loop of its own; the connection is the same."""
    planned = named(stdio)["picture"].renamed("pixel").planned(lambda view: [{}] if view.draft else [])
    proposer = Scripted([Draft(author="a", answer="4")])
    agent = Agent(proposer, tools=[stdio, planned], critics=[Calls()], sandbox=None, store=tmp_path)
    assert [*agent.tools] == ["total", "picture", "fails", "asks", "leaves", "pixel"]
    found = []
    for _ in range(2):
        run = agent.run(TASK)
        assert run.outcome is RunOutcome.answered
        assert [e.tool for e in run.evidence] == ["pixel", "total"] and run.evidence[0].artefacts
        found.append(run.evidence[1].data["result"])
    assert found[0] == found[1], "with the same process"


class Hostile(BaseHTTPRequestHandler):
    """Greets as a server does, then answers calls as the path says."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["method"].startswith("notifications/"):
            return self.reply(202, b"")
        result: Any = {"tools": [{"name": "do", "inputSchema": {"type": "object"}}]}
        if request["method"] == "initialize":
            about = {"name": "hostile", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": about}
        if request["method"] == "tools/call":
            return getattr(self, self.path.strip("/"))(request["id"])
        return self.reply(200, json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode())

    def do_GET(self) -> None:
        self.reply(405, b"")

    do_DELETE = do_GET

    def hang(self, number: int) -> None:
        time.sleep(5)

    def broken(self, number: int) -> None:
        self.reply(500, b"oh no")

    def forgotten(self, number: int) -> None:
        self.reply(404, b"")

    def elsewhere(self, number: int) -> None:
        self.send_response(307)
        self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()

    def junk(self, number: int) -> None:
        self.reply(200, b"{not json")

    def page(self, number: int) -> None:
        self.reply(200, b"<html>", "text/html")

    def flood(self, number: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: " + b"x" * 1_000_000)
        except OSError:
            self.close_connection = True

    def reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is written to the terminal."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("how", "outcomes"),
    [
        ("hang", {Outcome.timeout}),
        ("broken", {Outcome.inconclusive}),
        ("forgotten", {Outcome.inconclusive}),
        ("elsewhere", {Outcome.inconclusive}),
        ("junk", {Outcome.timeout}),
        ("page", {Outcome.timeout}),
        ("flood", {Outcome.timeout, Outcome.inconclusive}),
    ],
)
async def test_whatever_a_server_answers_over_http_is_evidence(
    hostile: str, how: str, outcomes: set[Outcome], caplog: pytest.LogCaptureFixture
) -> None:
    with McpServer(url=f"{hostile}/{how}", terms=Terms(seconds=1)) as server:
        (tool,) = server.tools()
        for _ in range(2):
            evidence = await done(tool)
            assert evidence.outcome in outcomes, evidence.observation
            assert evidence.observation and evidence.seconds < 5
            assert how != "page" or "Unexpected content type" in evidence.observation


def test_an_address_that_is_no_mcp_server_is_told(hostile: str) -> None:
    with McpServer(url=f"{hostile}/x", connect=5) as server:
        assert [tool.name for tool in server.tools()] == ["do"]
    with McpServer(url="http://127.0.0.1:1/", connect=5) as server, pytest.raises(InputError, match="offers no tools"):
        server.tools()


def test_without_the_package_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with kind() as server, pytest.raises(MissingDependency, match=r"pip install 'revet\[mcp\]'"):
        server.tools()
