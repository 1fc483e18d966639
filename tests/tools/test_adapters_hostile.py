"""MCP servers that hang, die, flood, lie, or ask for something back: evidence, never a hang."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.errors import InputError
from revet.schema import Evidence, Outcome, Task
from revet.tools import McpServer, McpTool, Terms, ToolCall, View, as_tools

RUDE = Path(__file__).with_name("rude_server.py")
VIEW = View(task=Task(goal="x"), run="r")


def rude(mode: str, **more: Any) -> McpServer:
    return McpServer([sys.executable, "-S", str(RUDE), mode], **{"terms": Terms(seconds=10), **more})


@pytest.fixture(scope="module")
def server() -> Iterator[McpServer]:
    with rude("helpful") as server:
        yield server


async def done(tool: McpTool, **arguments: Any) -> Evidence:
    return await tool.run(ToolCall(tool=tool.name, request="do it", arguments=arguments), VIEW)


async def pid_of(tool: McpTool) -> int:
    return int((await done(tool, how="pid")).observation)


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


# --- calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "outcome", "says"),
    [
        ("log", Outcome.passed, "done"),
        ("other id", Outcome.passed, "done"),
        ("malformed", Outcome.inconclusive, "malformed"),
        ("refuse", Outcome.error, "bad parameters"),
        ("silent", Outcome.inconclusive, "no text"),
        ("asks", Outcome.passed, "[true, true, true, true]"),
        ("huge", Outcome.passed, "characters cut"),
        ("die", Outcome.inconclusive, "out of coffee"),
        ("flood", Outcome.inconclusive, "more than anybody asked for"),
        ("line", Outcome.inconclusive, "16 MiB"),
        ("junk", Outcome.inconclusive, "no JSON-RPC"),
    ],
)
async def test_whatever_a_server_does_is_evidence_and_the_next_call_works(
    server: McpServer, how: str, outcome: Outcome, says: str
) -> None:
    (tool,) = server.tools()
    evidence = await done(tool, how=how)
    assert evidence.outcome is outcome, evidence.observation
    assert says in evidence.observation and len(evidence.observation) < 9000
    assert len(evidence.model_dump_json()) < 100_000
    again = await done(tool)
    assert again.outcome is Outcome.passed and again.observation == "done"


async def test_arguments_that_no_message_can_hold_are_sent_mended(server: McpServer) -> None:
    (tool,) = server.tools()
    for value in ("half \ud800", float("inf"), 10**400, {"\udfff": ["\ud800"]}, "\x00"):
        assert (await done(tool, x=value)).outcome is Outcome.passed, value


@pytest.mark.parametrize("how", ["hang", "deaf"])
async def test_a_server_that_hangs_is_a_timeout_and_is_replaced(how: str) -> None:
    with rude("helpful", terms=Terms(seconds=0.5)) as server:
        (tool,) = server.tools()
        first = await pid_of(tool)
        assert await pid_of(tool) == first, "one connection is kept"
        evidence = await done(tool, how=how)
        assert evidence.outcome is Outcome.timeout and evidence.seconds < 5
        assert gone(first)
        assert await pid_of(tool) != first


async def test_a_closed_server_is_gone_and_opens_again(server: McpServer) -> None:
    (tool,) = server.tools()
    first = await pid_of(tool)
    await server.aclose()
    await server.aclose()
    assert gone(first)
    assert (await done(tool)).outcome is Outcome.passed


# --- beginnings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("mute", "did not answer within 0.5 s"),
        ("crash", "no licence"),
        ("old", "1999-01-01"),
        ("no tools", "no such method"),
    ],
)
def test_a_server_that_does_not_begin_is_an_input_error_with_the_reason(mode: str, says: str) -> None:
    with rude(mode, connect=0.5 if mode == "mute" else 10) as server, pytest.raises(InputError, match=says):
        server.tools()


def test_a_command_that_does_not_exist_is_told() -> None:
    with McpServer("no-such-command --x") as server, pytest.raises(InputError, match="no-such-command"):
        server.tools()
    with McpServer(url="http://127.0.0.1:9/mcp", connect=5) as server, pytest.raises(InputError, match="127"):
        server.tools()


@pytest.mark.parametrize(
    "given",
    [{}, {"command": "x", "url": "http://x"}, {"url": "ftp://x"}, {"command": "x", "connect": 0}, {"command": ""}],
)
def test_what_cannot_be_a_server_is_told(given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        McpServer(**given)


# --- what is offered ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("cycle", ["again"]),
        ("endless", [f"t{n}" for n in range(100)]),
        ("many", [f"t{n}" for n in range(500)]),
        ("nameless", ["a_b_c", "a_b_c_2", "tool"]),
    ],
)
def test_lists_that_go_round_or_never_end_are_heard_only_so_long(mode: str, names: list[str]) -> None:
    with rude(mode) as server:
        assert [tool.name for tool in server.tools()] == names


async def test_schemas_of_all_kinds(server: McpServer) -> None:
    """Recursive, senseless and hostile schemas: none loops, and what can be judged is judged."""
    deep: dict[str, Any] = {"value": 1}
    for number in range(50):
        deep = {"value": number, "next": deep}
    with rude("schemas") as offering:
        tools = {tool.name: tool for tool in offering.tools()}
        start = time.monotonic()
        assert (await done(tools["recursive"], head=deep)).outcome is Outcome.passed
        wrong = await done(tools["recursive"], head={"value": 1, "next": {"value": "x"}})
        assert wrong.outcome is Outcome.error and "head.next.value: 'x' is not of type" in wrong.observation
        for name in ("ring", "remote", "nonsense", "bomb"):
            assert (await done(tools[name], x="y")).outcome is Outcome.passed, name
        assert (await done(tools["pattern"], x="a" * 60 + "b")).outcome is Outcome.passed
        assert (await done(tools["names"], **{"a-b": 1, "class": 2, "": 3})).outcome is Outcome.passed
        assert time.monotonic() - start < 20
        for tool in tools.values():
            assert tool.arguments is not None
            shown = tool.arguments.model_json_schema()
            assert shown["type"] == "object" and len(shown["description"]) < 2500
        fields = tools["names"].arguments
        assert fields is not None and len(fields.model_fields) == 8


def test_tools_of_one_name_are_told_apart_by_their_servers() -> None:
    async def do() -> str:
        return "mine"

    with rude("helpful", name="one") as one, rude("helpful") as two:
        assert [tool.name for tool in as_tools([one, two])] == ["one_do", "rude_do"]
        assert [tool.name for tool in as_tools([do, two])] == ["do", "rude_do"]
        assert [tool.name for tool in as_tools([two])] == ["do"]
        with pytest.raises(InputError, match="two tools"):
            as_tools([two, rude("helpful")])
