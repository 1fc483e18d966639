"""`revet mcp`: a real client, over the standard streams of a real process."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="pip install 'revet[mcp]'")

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client

pytestmark = pytest.mark.sandbox

Connect = Callable[..., AbstractAsyncContextManager[ClientSession]]


@asynccontextmanager
async def connect(workspace: Path, person: Any = None) -> AsyncIterator[ClientSession]:
    words = ["-m", "revet", "mcp", "--workspace", str(workspace)]
    server = StdioServerParameters(command=sys.executable, args=words, env={"HOME": str(workspace.parent)})
    async with (
        stdio_client(server) as (read, write),
        ClientSession(read, write, elicitation_callback=person) as session,
    ):
        await session.initialize()
        yield session


async def use(session: ClientSession, name: str, **arguments: Any) -> Any:
    result = await session.call_tool(name, arguments)
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text if result.isError else json.loads(content.text)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    workspace = tmp_path / "shop"
    workspace.mkdir()
    (workspace / "prices.txt").write_text("tea 3\n")
    return workspace


async def test_an_action_is_checked(shop: Path) -> None:
    async with connect(shop) as session:
        assert {each.name for each in (await session.list_tools()).tools} == {"check_action", "stage", "commit", "undo"}
        allowed = await use(session, "check_action", action={"kind": "run_command", "command": "ls"})
        denied = await use(session, "check_action", action={"kind": "run_command", "command": "rm -rf /"})
        odd = await use(session, "check_action", action={"kind": "dance"})
    assert allowed["decision"] == "allow" and denied["decision"] == "deny" and odd["decision"] != "allow"


async def test_actions_are_staged_committed_and_taken_back(shop: Path) -> None:
    actions = [
        {"kind": "write_file", "path": "menu.txt", "content": "tea\n"},
        {"kind": "run_command", "command": "sed -i s/3/4/ prices.txt && cat menu.txt prices.txt"},
    ]
    async with connect(shop) as session:
        staged = await use(session, "stage", actions=actions)
        assert staged["decision"] == "allow", staged["reasons"]
        assert {each["path"] for each in staged["changes"]["files"]} == {"menu.txt", "prices.txt"}
        assert "tea 4" in staged["changes"]["commands"][0]["stdout"]
        assert not (shop / "menu.txt").exists()
        receipt = await use(session, "commit", stage=staged["stage"])
        assert (shop / "prices.txt").read_text() == "tea 4\n" and (shop / "menu.txt").read_text() == "tea\n"
        assert (await use(session, "commit", stage=staged["stage"]))["id"] == receipt["id"]
        undone = await use(session, "undo", receipt=receipt["id"])
    assert undone["undone_at"]
    assert (shop / "prices.txt").read_text() == "tea 3\n" and not (shop / "menu.txt").exists()


async def test_what_is_not_as_it_was_is_not_committed(shop: Path) -> None:
    async with connect(shop) as session:
        staged = await use(session, "stage", actions=[{"kind": "run_command", "command": "sed -i s/3/4/ prices.txt"}])
        (shop / "prices.txt").write_text("tea 3\ncake 3\n")
        refused = await use(session, "commit", stage=staged["stage"])
    assert "stage it again" in refused and (shop / "prices.txt").read_text() == "tea 3\ncake 3\n"


DELETES = [{"kind": "run_command", "command": "rm -rf ../shop/*"}]


@pytest.mark.parametrize("approve", [True, False])
async def test_a_person_at_the_client_is_asked(shop: Path, approve: bool) -> None:
    asked: list[str] = []

    async def person(_context: Any, request: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(request.message)
        return types.ElicitResult(action="accept", content={"approve": approve})

    async with connect(shop, person) as session:
        staged = await use(session, "stage", actions=DELETES, goal="List the files.")
        assert staged["decision"] == "ask"
        told = await use(session, "commit", stage=staged["stage"])
    assert len(asked) == 1 and "run rm -rf ../shop/*" in asked[0] and "-tea 3" in asked[0]
    assert (shop / "prices.txt").exists() is not approve
    assert approve or "needs a person" in told


async def test_what_no_commit_would_carry_out_is_denied(shop: Path) -> None:
    async with connect(shop) as session:
        staged = await use(session, "stage", actions=[{"kind": "run_command", "command": "git push origin feature"}])
        refused = await use(session, "commit", stage=staged["stage"])
    assert staged["decision"] == "deny" and "would not happen" in staged["reasons"][0]
    assert "was denied" in refused


async def test_a_person_who_says_nothing_has_not_approved(shop: Path) -> None:
    async def person(_context: Any, _request: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={})

    async with connect(shop, person) as session:
        staged = await use(session, "stage", actions=DELETES, goal="List the files.")
        assert "none has approved it" in await use(session, "commit", stage=staged["stage"])
    assert (shop / "prices.txt").exists()


async def test_a_client_that_cannot_ask_is_refused(shop: Path) -> None:
    async with connect(shop) as session:
        staged = await use(session, "stage", actions=DELETES, goal="List the files.")
        assert "needs a person" in await use(session, "commit", stage=staged["stage"])
    assert (shop / "prices.txt").exists()


async def test_what_cannot_be_staged_is_told(shop: Path) -> None:
    async with connect(shop) as session:
        assert "no actions" in await use(session, "stage", actions=[])
        assert "actions.0" in await use(session, "stage", actions=[{"kind": "dance"}])
        assert "nothing is staged" in await use(session, "commit", stage="x")
        assert "no commit" in await use(session, "undo", receipt="x")
