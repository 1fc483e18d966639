"""Tools of MCP servers as actions. What a server says of its tools is a hint; what the user declares counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from revet.actions.calls.function import Function, declared
from revet.effects.model import EffectKind

__all__ = ["McpLike", "hinted", "mcp_action"]


class McpLike(Protocol):
    """What is needed of a tool of an MCP server; `revet.tools.adapters.McpTool` is one."""

    name: str
    original: str
    server: Any
    arguments: type[BaseModel] | None

    @property
    def hints(self) -> Mapping[str, Any]: ...


class McpRefused(Exception):
    """The server's answer is marked as an error: the call did not happen."""


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def mcp_action(
    tool: McpLike,
    *,
    effects: Iterable[EffectKind | str] | None = None,
    name: str | None = None,
    dry_run: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    idempotent: bool = False,
    cost: float | None = None,
    seconds: float = 60.0,
) -> Function:
    """The tool as an action of drafts. Without `effects`, what the server's annotations hint at; nothing is taken for
    harmless because a server says so, unless `effects` say it too.

    A call that the server refuses, or answers with an error, did not happen; where no answer comes, nobody can know,
    unless the tool is declared `idempotent` (the same call twice is one): then it is called again.
    """
    named = name or tool.name

    async def call(**arguments: JsonValue) -> JsonValue:
        try:
            answer = await tool.server.call(tool.original, arguments, seconds)
        except Exception as error:
            if type(error).__name__ == "McpError":
                raise McpRefused(str(error)) from error
            raise TimeoutError(f"{type(error).__name__}: {error}") from error
        if answer.isError:
            raise McpRefused(_text(answer))
        structured: JsonValue = answer.structuredContent
        return structured if structured is not None else _text(answer)

    return Function(
        name=named,
        function=_keyed(call) if idempotent else call,
        arguments=tool.arguments or _Anything,
        effects=hinted(tool.hints) if effects is None else declared(effects, named),
        description=(tool.arguments.__doc__ or "") if tool.arguments else "",
        dry_run=dry_run,
        undo=undo,
        idempotent=idempotent,
        raw=True,
        cost=cost,
        seconds=seconds,
    )


def hinted(hints: Mapping[str, Any]) -> tuple[EffectKind, ...]:
    """What a server's annotations hint at. `readOnlyHint` is not believed: it may reach elsewhere all the same."""
    if hints.get("readOnlyHint") is True:
        return (EffectKind.unknown,)
    if hints.get("destructiveHint", True):
        return (EffectKind.remote_write, EffectKind.remote_delete)
    return (EffectKind.remote_create,)


def _keyed(call: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with a key that the server does not get: calling it twice with the same arguments is calling once."""

    async def keyed(*, key: str, **arguments: JsonValue) -> Any:
        return await call(**arguments)

    return keyed


def _text(answer: Any) -> str:
    return "\n".join(str(block.text) for block in answer.content if getattr(block, "text", None))
