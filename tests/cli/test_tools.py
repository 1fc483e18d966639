"""`revet tools`, and `--tool` of `revet run` and `revet fix`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from revet.batch.agents import SharedAgents
from revet.errors import InputError
from revet.graphs import Agent
from revet.store import Store
from revet.taskfile import settings_from, tool_choices
from revet.tools import CorpusSearch, McpServer, StaticChecks
from tests.cli.fakes import World, task_file

Revet = Callable[..., Result]


def test_tools_are_listed_with_their_options(world: World, revet: Revet, monkeypatch: pytest.MonkeyPatch) -> None:
    from revet.tools.registry import TOOLS

    monkeypatch.setattr("revet.tools.registry.TOOLS", {name: TOOLS[name] for name in ("tests", "static")})
    lines = revet("tools").stdout.splitlines()
    assert lines[0] == "tests: Runs the task's checks."
    assert max(map(len, lines)) <= 80
    assert lines[-5:] == [
        "  needs   nothing; for types mypy: pip install 'revet[types]'",
        "  select=… (a list)",
        "  types=… (true or false or auto; default auto)",
        "  seconds=… (a number; default 60.0)",
        "  required=… (true or false; default false)",
    ]
    assert "" in lines


def test_the_tools_of_a_run_are_those_of_the_file_and_of_the_command_line(
    world: World, revet: Revet, tmp_path: Path
) -> None:
    path = task_file(tmp_path, {"id": "a", "tools": ["coverage", {"static": {"seconds": 9}}]}, {"id": "b"})
    assert revet("run", path, "--tool", "static:types=true,required=true", "--tool", "python").exit_code == 0
    found = [[(tool.name, tool.options) for tool in settings.tools] for settings in world.settings]
    above = [("static", {"types": True, "required": True}), ("python", {})]
    assert found == [[("coverage", {}), *above], above]


def test_fix_takes_tools_too(world: World, revet: Revet, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("x = 1\n")
    assert revet("fix", tmp_path / "p", "--edit", "a.py", "--tool", "static").exit_code == 0
    assert [tool.name for tool in world.settings[0].tools] == ["static"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("statik", "did you mean static?"),
        ("claims:search=corpsu", "--tool claims: search: the task has no tool 'corpsu'\n  → did you mean corpus?"),
        ("sql:database=sqlite:/nowhere/x.db", "--tool sql: database: there is no file /nowhere/x.db"),
        ("static:secnds=3", "--tool static: secnds: the tool static has no such option\n  → did you mean seconds?"),
        ("static:seconds=soon", "--tool static: seconds: must be a number, but is the text 'soon'"),
        ("static:seconds", "--tool static"),
        ("static={", "no JSON after `=`"),
        ("python:seconds=-1", "--tool python: seconds must be positive"),
    ],
)
def test_a_wrong_tool_is_told_before_anything_is_run(
    world: World, revet: Revet, tmp_path: Path, word: str, said: str
) -> None:
    result = revet("run", task_file(tmp_path, {"id": "a"}), "--tool", word)
    assert result.exit_code == 2
    assert said in result.stderr
    assert world.log == []


def test_agents_have_the_tools_and_a_server_is_shared_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_from({"tools": tool_choices(["static:required=true", "corpus"])})
    agents = SharedAgents()
    first, second = agents(settings, Store(tmp_path)), agents(settings, Store(tmp_path))
    assert isinstance(first, Agent) and isinstance(second, Agent)
    assert list(first.tools) == ["tests", "coverage", "static", "corpus"]
    assert isinstance(first.tools["static"], StaticChecks) and first.tools["static"].required
    assert first.tools["static"] is not second.tools["static"]

    mcp = settings_from({"tools": tool_choices(["mcp:command=python server.py"])}).tools[0]
    other = settings_from({"tools": tool_choices(["mcp:command=python other.py"])}).tools[0]
    server = agents._server(mcp)
    assert server is not None and agents._server(mcp) is server
    assert agents._server(other) is not server
    closed: list[object] = []
    monkeypatch.setattr(type(server), "close", lambda self: closed.append(self))
    asyncio.run(agents.close())
    assert server in closed and len(closed) == 2


async def test_each_task_s_tools_are_closed_with_it_and_a_server_that_says_nothing_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[object] = []
    monkeypatch.setattr(CorpusSearch, "close", lambda self: closed.append(self))
    agents, settings = SharedAgents(), settings_from({"tools": tool_choices(["corpus"])})
    agent = agents(settings, Store(tmp_path))
    assert isinstance(agent, Agent)
    await agents.done(agent)
    assert closed == [agent.tools["corpus"]]

    asked: list[object] = []

    def silent(server: McpServer) -> list[object]:
        asked.append(server)
        time.sleep(0.3)
        raise InputError("it offers no tools")

    monkeypatch.setattr(McpServer, "tools", silent)
    mcp = settings_from({"tools": tool_choices(["mcp:command=python server.py"])})
    start, beats = time.monotonic(), 0
    waiting = asyncio.gather(*(agents.ready(mcp) for _ in range(3)), return_exceptions=True)
    while not waiting.done():
        await asyncio.sleep(0.01)
        beats += 1
    assert all(isinstance(each, InputError) for each in await waiting)
    assert len(asked) == 1 and beats > 3 and time.monotonic() - start < 10
    await agents.close()
