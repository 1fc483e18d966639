"""Tools that others wrote, as tools of the loop: plain functions, LangChain's tools, and those of MCP servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from pydantic import BaseModel

from revet.errors import InputError
from revet.tools.adapters._threads import in_thread
from revet.tools.adapters.function import FunctionTool
from revet.tools.adapters.langchain import LangChainTool
from revet.tools.adapters.mcp import McpServer, McpTool
from revet.tools.base import Terms, Tool

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

__all__ = ["FunctionTool", "LangChainTool", "McpServer", "McpTool", "ToolLike", "as_tool", "as_tools", "asked"]

ToolLike: TypeAlias = "Tool | BaseTool | McpServer | Callable[..., Any]"
"""What can be given where tools are wanted."""

WHAT = "give a tool of Revet's, a function, a tool of LangChain's, or an McpServer"


def as_tool(given: ToolLike) -> Tool:
    """One tool. InputError, saying what is missing, for what is none."""
    if isinstance(given, McpServer):
        raise InputError("an MCP server is several tools", hint="use as_tools([server]), or one of server.tools()")
    if isinstance(given, type):
        raise InputError(f"{given.__name__} is a class, not a tool", hint=f"make one: {given.__name__}(…)")
    if isinstance(given, str):
        raise InputError(f"{given!r} is a name, not a tool", hint=f"make one: {_made_by_name(given)}")
    if _of_langchain(given):
        return LangChainTool(given)
    if not hasattr(given, "plan") and not hasattr(given, "run") and callable(given):
        return FunctionTool(given)
    return _checked(given)


def as_tools(given: Iterable[ToolLike]) -> list[Tool]:
    """The tools, those of servers included. Where two have one name, those of servers get their server's before it."""
    tools: list[Tool] = []
    for each in given:
        tools += each.tools() if isinstance(each, McpServer) else [as_tool(each)]
    counts = Counter(tool.name for tool in tools)
    told = [
        tool.renamed(f"{tool.server.name}_{tool.name}") if isinstance(tool, McpTool) and counts[tool.name] > 1 else tool
        for tool in tools
    ]
    return _all_different(told)


async def asked(server: McpServer) -> None:
    """Wait until the server has said what it offers. The waiting can be cancelled."""
    await in_thread(server.tools)


def _all_different(tools: Sequence[Tool]) -> list[Tool]:
    twice = [name for name, count in Counter(tool.name for tool in tools).items() if count > 1]
    if twice:
        raise InputError(
            f"two tools are called {twice[0]!r}, so nobody could tell them apart",
            hint="give one of them another name; servers of one name are told apart by McpServer(…, name=…)",
        )
    return [*tools]


def _checked(tool: Any) -> Tool:
    """The tool, if it is written as one (see `Tool`)."""
    name = getattr(tool, "name", None)
    if not isinstance(name, str) or not name:
        raise InputError(f"the tool {tool!r:.200} has no `name`", hint=f'give its class one: name = "…"; or {WHAT}')
    for method in ("plan", "run"):
        if not callable(getattr(tool, method, None)):
            raise InputError(f"the tool {name} has no `{method}`", hint=f"see revet.tools.Tool; or {WHAT}")
    arguments = getattr(tool, "arguments", tool)
    if arguments is not None and not (isinstance(arguments, type) and issubclass(arguments, BaseModel)):
        raise InputError(
            f"the tool {name} does not say what `arguments` a model may give",
            hint="arguments = None where it is not for models; else a pydantic model's class",
        )
    if not isinstance(getattr(tool, "terms", Terms()), Terms):
        raise InputError(f"the `terms` of the tool {name} are none", hint="terms = Terms(seconds=…, calls=…, keep=…)")
    checked: Tool = tool
    return checked


def _made_by_name(name: str) -> str:
    """How the tool of that name, or the one that was probably meant, is made."""
    from revet.tools.registry import TOOLS

    meant = name if name in TOOLS else next(iter(get_close_matches(name.lower(), TOOLS, n=1)), None)
    return f'revet.tools.registry.make_tool("{meant}")' if meant else "`revet tools` lists those that have a name"


def _of_langchain(given: object) -> TypeGuard[BaseTool]:
    """Whether it is a `BaseTool`, found out without importing LangChain."""
    kinds = ((kind.__module__, kind.__name__) for kind in type(given).__mro__)
    return any(module.startswith("langchain_core.tools") and name == "BaseTool" for module, name in kinds)
