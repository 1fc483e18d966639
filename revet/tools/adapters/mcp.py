"""Tools of MCP servers (Model Context Protocol), through the official ``mcp`` package.

A server is another program: it may hang, die, flood, answer nonsense, or ask for something back. All of that is
evidence about the call, and none of it keeps the loop from going on.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, JsonValue, ValidationError

from revet.errors import InputError, MissingDependency
from revet.schema import Evidence, Outcome
from revet.tools.adapters._content import content_of
from revet.tools.adapters._link import Gone, Link, Portal, Slow, Streams, http_streams
from revet.tools.adapters._results import clean, plain, shown
from revet.tools.adapters._schema import model_of_schema, tool_name
from revet.tools.adapters._stdio import process_streams
from revet.tools.adapters.function import Plan, calls_of, wrong
from revet.tools.base import Terms, ToolCall, View, evidence_for

__all__ = ["McpServer", "McpTool"]

MOST_PAGES, MOST_TOOLS = 100, 500


class McpServer:
    """A server that is started by `command` (its standard streams), or answers at `url` (streamable HTTP).

    `tools` are what it offers; give them, or the server itself, to ``Agent(tools=[…])``. One connection is kept open
    and used by all of them, from any event loop; it is made again after the server has failed. A started server sees
    `env` and the few variables that any program needs. `connect` is how many seconds it has to begin, `terms` those of
    each tool (default: 60 seconds a call). It is closed with `close`, with ``with``, or when this process ends.

    `name` goes before the names of its tools where another tool has the same (default: what the server calls itself).
    """

    def __init__(
        self,
        command: Sequence[str] | str | None = None,
        *,
        url: str | None = None,
        name: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | str | None = None,
        headers: Mapping[str, str] | None = None,
        connect: float = 30.0,
        terms: Terms | None = None,
    ) -> None:
        words = shlex.split(command) if isinstance(command, str) else [*(command or ())]
        if bool(words) == bool(url):
            raise InputError("give either a command or a url", hint='McpServer(["python", "server.py"])')
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise InputError(f"{url!r} is no http(s) address", hint="give the address of the server's MCP endpoint")
        if not connect > 0:
            raise InputError(f"connect must be positive, not {connect}")
        self.where = url or shlex.join(words)
        self.terms = terms or Terms(seconds=60)
        self.connect = connect
        self._name = name
        self._state = _State(
            _opener(words, url, env or {}, Path(cwd) if cwd else None, headers or {}, connect), connect
        )
        self._found: list[McpTool] | None = None
        self._closing = weakref.finalize(self, self._state.close)

    @property
    def name(self) -> str:
        """What its tools are told apart by."""
        return tool_name(self._name or self._state.name or urlsplit(self.where).hostname or "mcp")[:30]

    def tools(self) -> list[McpTool]:
        """What the server offers, asked once. Waits for it; InputError, with the reason, if it cannot be had."""
        if self._found is None:
            _installed()
            try:
                found = self._state.portal.submit(self._state.listed()).result()
            except (Gone, Slow, ValueError) as error:
                raise self._unusable(error) from None
            except Exception as error:
                if type(error).__name__ != "McpError":
                    raise
                raise self._unusable(error) from None
            self._found = [*_named_apart(self, found)]
        return self._found

    async def atools(self) -> list[McpTool]:
        """`tools`, without keeping an event loop waiting."""
        return await asyncio.to_thread(self.tools)

    async def call(self, name: str, arguments: Mapping[str, JsonValue], seconds: float) -> Any:
        """The server's ``CallToolResult``. Raises as `Link.ask` does."""
        _installed()
        return await asyncio.wrap_future(self._state.portal.submit(self._state.called(name, arguments, seconds)))

    def close(self) -> None:
        """End the connection, and the server if it was started. Can be called twice; a call opens it again."""
        self._state.close()

    async def aclose(self) -> None:
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _unusable(self, error: Exception) -> InputError:
        why = shown(str(error)) or type(error).__name__
        return InputError(
            f"the MCP server {self.where} offers no tools: {why}",
            hint="check the command or the address by hand, or give it more time: connect=…",
        )


class McpTool:
    """One tool of a server. Its schema is what a language model is told; arguments are checked against it first.

    The text of its answer is the observation, pictures are artefacts (``data:`` URLs), structured content is
    ``data["result"]``. An answer that is marked as an error, and a refused request, are evidence of an `error`; no
    answer in time is a `timeout`; a server that is gone, or answers nonsense, is `inconclusive`.
    """

    def __init__(self, server: McpServer, told: Any, name: str, *, plan: Plan | None = None) -> None:
        self.server, self.name = server, name
        self.original: str = told.name
        self.terms = server.terms
        self.arguments: type[BaseModel] | None = model_of_schema(name, told.description or told.name, told.inputSchema)
        self._told, self._plan = told, plan

    @property
    def hints(self) -> Mapping[str, Any]:
        """What the server says of what the tool does (``readOnlyHint``, ``destructiveHint`` …): hints, no more."""
        annotations = self._told.annotations
        return annotations.model_dump(exclude_none=True) if annotations is not None else {}

    def renamed(self, name: str) -> McpTool:
        """The same tool under another name."""
        return McpTool(self.server, self._told, tool_name(name), plan=self._plan)

    def planned(self, plan: Plan) -> McpTool:
        """The same tool, called by the loop itself as `plan` says."""
        return McpTool(self.server, self._told, self.name, plan=plan)

    def plan(self, view: View) -> Sequence[ToolCall]:
        return calls_of(self._plan, self.name, view)

    async def run(self, call: ToolCall, view: View) -> Evidence:
        start = time.monotonic()
        assert self.arguments is not None
        try:
            self.arguments.model_validate(call.arguments)
        except ValidationError as error:
            return evidence_for(call, view, Outcome.error, wrong(error))
        outcome, text = Outcome.error, ""
        try:
            # No message can hold halves of surrogate pairs, and a session that was to send one would be stuck.
            arguments = json.loads(clean(json.dumps(call.arguments, ensure_ascii=False)))
            answer = await self.server.call(self.original, arguments, self.terms.seconds or 60.0)
            return _evidence(call, view, answer, time.monotonic() - start)
        except Slow as error:
            outcome, text = Outcome.timeout, f"timeout: the MCP server gave {error}"
        except Gone as error:
            outcome, text = Outcome.inconclusive, f"the MCP server {self.server.name} is gone: {error}"
        except ValueError as error:  # pydantic's: it does not say what an answer says
            outcome, text = Outcome.inconclusive, f"the MCP server's answer is malformed: {error}"
        except Exception as error:
            if type(error).__name__ != "McpError":
                raise
            text = f"the MCP server refused: {error}"
        return evidence_for(call, view, outcome, shown(text), seconds=time.monotonic() - start)


class _State:
    """What is open. Apart from the server, so that it is closed when nobody holds the server any more."""

    def __init__(self, streams: Streams, connect: float) -> None:
        self.portal = Portal()
        self.name = ""
        self._streams, self._connect = streams, connect
        self._link: Link | None = None
        self._turn: asyncio.Lock | None = None

    async def listed(self) -> list[Any]:
        """The tools, page by page; a server whose pages never end, or go round, is heard only so long."""
        from mcp.types import ClientRequest, ListToolsRequest, ListToolsResult, PaginatedRequestParams

        link = await self._linked()
        found: list[Any] = []
        seen: set[str] = set()
        cursor: str | None = None
        end = time.monotonic() + self._connect
        for _ in range(MOST_PAGES):
            asked = PaginatedRequestParams(cursor=cursor) if cursor else None
            left = max(0.1, end - time.monotonic())
            page = await link.ask(ClientRequest(ListToolsRequest(params=asked)), ListToolsResult, left)
            found += page.tools
            cursor = page.nextCursor
            if not cursor or cursor in seen or len(found) >= MOST_TOOLS:
                break
            seen.add(cursor)
        return found[:MOST_TOOLS]

    async def called(self, name: str, arguments: Mapping[str, JsonValue], seconds: float) -> Any:
        from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest

        begun = time.monotonic()
        try:
            async with asyncio.timeout(seconds):
                link = await self._linked()
        except TimeoutError:
            raise Slow(f"no connection within {seconds:.3g} s") from None
        left = max(0.1, seconds - (time.monotonic() - begun))
        params = CallToolRequestParams(name=name, arguments=dict(arguments))
        return await link.ask(ClientRequest(CallToolRequest(params=params)), CallToolResult, left)

    def close(self) -> None:
        self.portal.stop(self._closed)

    async def _linked(self) -> Link:
        """The connection, made (again) where there is none that can be used."""
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            if self._link is None or not self._link.usable:
                self._link = Link(self._streams, self._connect)
                try:
                    await self._link.opened()
                except BaseException:
                    link, self._link = self._link, None
                    await link.close()
                    raise
                self.name = self._link.name
            return self._link

    async def _closed(self) -> None:
        link, self._link, self._turn = self._link, None, None
        if link is not None:
            await link.close()


def _opener(
    words: Sequence[str], url: str | None, env: Mapping[str, str], cwd: Path | None, headers: Any, connect: float
) -> Streams:
    if url is not None:
        return lambda watch: http_streams(url, headers, connect)
    return lambda watch: process_streams(words, env, cwd, watch)


def _installed() -> None:
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise MissingDependency(
            "the package mcp, which speaks to MCP servers, is not installed", hint="pip install 'revet[mcp]'"
        ) from None


def _named_apart(server: McpServer, found: Sequence[Any]) -> Sequence[McpTool]:
    """A tool for each name; of two with one name the first."""
    first: dict[str, Any] = {}
    for told in found:
        first.setdefault(told.name, told)
    apart: dict[str, McpTool] = {}
    for told in first.values():
        name, number = tool_name(told.name), 2
        while name in apart:
            name, number = f"{tool_name(told.name)[:60]}_{number}", number + 1
        apart[name] = McpTool(server, told, name)
    return [*apart.values()]


def _evidence(call: ToolCall, view: View, answer: Any, seconds: float) -> Evidence:
    told = content_of([block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in answer.content])
    structured = answer.structuredContent
    result, text = plain(structured) if structured is not None else (None, "")
    data: dict[str, JsonValue] = {"result": result} if result is not None else {}
    outcome = Outcome.error if answer.isError else Outcome.passed
    if not (told.text or text) and outcome is Outcome.passed:
        outcome = Outcome.inconclusive
    observation = told.text or text or f"{call.tool} gave no text"
    return evidence_for(call, view, outcome, observation, data=data, artefacts=told.pictures, seconds=seconds)
