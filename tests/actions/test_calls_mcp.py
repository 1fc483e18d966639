"""Tools of a real MCP server as actions of drafts: held until the commit, called once, told as what became of them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from revet.actions import action, commit, mcp_action, undo
from revet.actions.calls import Functions, use
from revet.actions.calls.mcp import hinted
from revet.errors import CommitError, DraftError, InputError
from revet.schema import CallTool, Receipt, WriteFile
from revet.tools import McpServer, McpTool, Terms
from tests.actions.action_worlds import Desk, build, draft_of, look

pytest.importorskip("mcp", reason="pip install 'revet[mcp]'")

SERVER = """
import os, sys
from pathlib import Path
from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

server, book = FastMCP("office"), Path(sys.argv[1])

def note(line):
    with book.open("a") as file:
        file.write(line + "\\n")

@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def send(to: str, copies: int = 1) -> dict[str, int]:
    note(f"send {to} {copies}")
    return {"number": 7}

@server.tool(annotations=ToolAnnotations(destructiveHint=False))
def take_back(number: int) -> str:
    note(f"take back {number}")
    return "done"

@server.tool()
def refuse() -> str:
    raise ValueError("the office is closed")

@server.tool(annotations=ToolAnnotations(idempotentHint=True))
def vanish() -> str:
    note("vanish")
    os._exit(1)

server.run()
"""


@pytest.fixture
def tools(tmp_path: Path) -> Iterator[dict[str, McpTool]]:
    (tmp_path / "office.py").write_text(SERVER)
    command = [sys.executable, str(tmp_path / "office.py"), str(tmp_path / "book")]
    with McpServer(command, terms=Terms(seconds=20)) as server:
        yield {tool.name: tool for tool in server.tools()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "stage").mkdir()
    return Desk(build(tmp_path / "ws"), tmp_path / "stage")


def booked(desk: Desk) -> list[str]:
    book = desk.workspace.parent / "book"
    return book.read_text().splitlines() if book.exists() else []


def done(desk: Desk, functions: Functions, *actions: Any) -> Receipt:
    desk.functions = functions
    draft = draft_of(*actions)
    changes = desk.put(draft)
    assert booked(desk) == []
    with use(functions):
        return commit(desk.workspace, desk.layer, changes, transaction="t", draft=draft)


SEND = CallTool(name="send", arguments={"to": "ann", "copies": 2})


def test_called_once_at_the_commit_and_taken_back(desk: Desk, tools: dict[str, McpTool]) -> None:
    before = look(desk.workspace)

    async def recall(args: dict[str, Any], result: dict[str, Any]) -> None:
        await tools["take_back"].server.call("take_back", result, 20)

    functions = Functions([mcp_action(tools["send"], effects=["send"], undo=recall)])
    receipt = done(desk, functions, SEND, WriteFile(path="note", content="x"))
    assert booked(desk) == ["send ann 2"] and receipt.undoable and not receipt.irreversible
    with use(functions):
        undo(desk.workspace, "t")
    assert booked(desk) == ["send ann 2", "take back 7"] and look(desk.workspace) == before


def test_what_is_declared_wins_over_what_the_server_hints(tools: dict[str, McpTool]) -> None:
    assert tools["send"].hints["readOnlyHint"] is True
    hinted_only = mcp_action(tools["send"])
    assert hinted_only.effects == ("unknown",) and not hinted_only.reversible, "a server is not believed"
    assert mcp_action(tools["send"], effects=["send"]).effects == ("send",)
    assert mcp_action(tools["take_back"]).effects == ("remote_create",)
    assert mcp_action(tools["refuse"]).effects == ("remote_write", "remote_delete")
    assert hinted({"destructiveHint": True}) == hinted({})
    with pytest.raises(InputError, match="declares no effects"):
        mcp_action(tools["send"], effects=[])


def test_arguments_are_held_against_the_servers_schema(desk: Desk, tools: dict[str, McpTool]) -> None:
    desk.functions = Functions([mcp_action(tools["send"], effects=["send"])])
    with pytest.raises(DraftError, match="copies"):
        desk.put(draft_of(CallTool(name="send", arguments={"to": "ann", "copies": "many"})))
    assert booked(desk) == []


def test_an_error_of_the_server_takes_all_of_it_back(desk: Desk, tools: dict[str, McpTool]) -> None:
    before = look(desk.workspace)
    functions = Functions([mcp_action(tools["refuse"])])
    with pytest.raises(CommitError, match="the office is closed"):
        done(desk, functions, CallTool(name="refuse"), WriteFile(path="note", content="x"))
    assert look(desk.workspace) == before


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_server_that_dies_leaves_nobody_knowing(desk: Desk, tools: dict[str, McpTool], idempotent: bool) -> None:
    functions = Functions([mcp_action(tools["vanish"], effects=["send"], idempotent=idempotent)])
    receipt = done(desk, functions, CallTool(name="vanish"), WriteFile(path="note", content="x"))
    assert [effect.what for effect in receipt.uncertain] == ["vanish()"]
    assert booked(desk) == ["vanish"] * (2 if idempotent else 1), "only what is declared idempotent is tried again"
    assert (desk.workspace / "note").exists()


async def test_within_a_running_loop(tmp_path: Path, tools: dict[str, McpTool]) -> None:
    (tmp_path / "stage").mkdir()
    desk = Desk(build(tmp_path / "ws"), tmp_path / "stage")
    desk.functions = Functions([mcp_action(tools["send"], effects=["send"])])
    draft = draft_of(SEND)
    changes = await desk.stage(draft)
    with use(desk.functions):
        commit(desk.workspace, desk.layer, changes, transaction="t", draft=draft)
        await asyncio.to_thread(commit, desk.workspace, desk.layer, changes, transaction="u", draft=draft)
    assert booked(desk) == ["send ann 2"] * 2


def test_two_of_one_name() -> None:
    def one() -> None: ...

    def two() -> None: ...

    with pytest.raises(InputError, match="two actions one"):
        Functions([action(effects=["read"])(one), action(effects=["read"], name="one")(two)])
