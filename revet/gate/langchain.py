"""The gate as a middleware of LangChain agents (`langchain.agents.create_agent`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from langchain.agents.middleware import AgentMiddleware
from langchain.agents.middleware.types import ToolCallRequest
from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langgraph.types import Command, interrupt

from revet.effects.rules import Rules
from revet.errors import InputError
from revet.gate.answer import Answer
from revet.gate.uses import Gate, Use, feedback

__all__ = ["RevetMiddleware"]

Result = ToolMessage | Command[Any]
REPLIES = ("approve", "edit", "reject", "respond")


class RevetMiddleware(AgentMiddleware[Any, Any, Any]):
    """Lets the gate decide on every tool call before it is made.

    ::

        create_agent(model, tools=[bash, query], middleware=[
            RevetMiddleware({"bash": shell("command"), "query": sql("sql", database="sqlite:///shop.db")})])

    An allowed call is made. A denied one is not: the model is told why, what would have happened and what to do
    instead, as an error of the tool. Where the gate would ask, a person is asked with LangGraph's `interrupt` (the
    agent then needs a checkpointer); resume with ``{"type": "approve"}``, ``{"type": "edit", "args": {…}}`` (the edited
    call passes the gate again), ``{"type": "reject", "message": …}`` or ``{"type": "respond", "message": …}``. With
    ``on_ask="reject"`` nobody is asked and the call is not made.

    `goal` is what the agent was asked for, so that effects that nobody asked for are found: a text, or a function of
    the agent's state; default: the last message of a person. `uses`, `rules`, `dry_run`, `workspace` are those of
    `revet.gate.uses.Gate`.
    """

    def __init__(
        self,
        uses: Mapping[str, Use],
        *,
        rules: Rules | str | Path | None = None,
        dry_run: bool = True,
        workspace: str | None = None,
        goal: str | Callable[[Any], str | None] | None = None,
        on_ask: Literal["interrupt", "reject"] = "interrupt",
    ) -> None:
        super().__init__()
        if on_ask not in ("interrupt", "reject"):
            raise InputError(f"on_ask={on_ask!r}", hint="give 'interrupt' or 'reject'")
        self.gate = Gate(dict(uses), rules=rules, dry_run=dry_run, workspace=workspace)
        self.goal, self.on_ask = goal, on_ask

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Result]) -> Result:
        """Decide, then make the call or say why not."""
        while True:
            call = request.tool_call
            verdict = self._ruled(request, self.gate.check(call["name"], call["args"], self._goal(request.state)))
            if verdict is None:
                return handler(request)
            if not isinstance(verdict, ToolCallRequest):
                return verdict
            request = verdict

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Result]]
    ) -> Result:
        """As `wrap_tool_call`."""
        while True:
            call = request.tool_call
            answer = await self.gate.acheck(call["name"], call["args"], self._goal(request.state))
            verdict = self._ruled(request, answer)
            if verdict is None:
                return await handler(request)
            if not isinstance(verdict, ToolCallRequest):
                return verdict
            request = verdict

    def _ruled(self, request: ToolCallRequest, answer: Answer | None) -> ToolMessage | ToolCallRequest | None:
        """None: make the call. A message: this instead. A request: decide on this one."""
        if answer is None or answer.decision == "allow":
            return None
        if answer.decision == "deny" or self.on_ask == "reject":
            return _message(request, feedback(answer, request.tool_call["name"]), "error")
        reply = interrupt(_question(request, answer))
        if reply is True:
            reply = {"type": "approve"}
        if reply is False:
            reply = {"type": "reject"}
        kind = reply.get("type") if isinstance(reply, dict) else None
        if kind == "approve":
            return None
        if kind == "edit" and isinstance(reply.get("args"), dict):
            return request.override(tool_call={**request.tool_call, "args": reply["args"]})
        if kind == "respond" and isinstance(reply.get("message"), str):
            return _message(request, reply["message"], "success")
        if kind == "reject":
            said = reply.get("message") or f"A person rejected this call. {feedback(answer, request.tool_call['name'])}"
            return _message(request, str(said), "error")
        raise InputError(
            f"a person's reply to the gate was {reply!r:.120}",
            hint='resume with {"type": "approve"}, {"type": "edit", "args": {…}}, {"type": "reject"} or '
            '{"type": "respond", "message": "…"}',
        )

    def _goal(self, state: Any) -> str | None:
        if self.goal is not None:
            return self.goal(state) if callable(self.goal) else self.goal
        messages = state.get("messages", ()) if isinstance(state, Mapping) else getattr(state, "messages", ())
        said = (each for each in reversed(list(messages)) if isinstance(each, HumanMessage))
        last: BaseMessage | None = next(said, None)
        return None if last is None else str(last.text) or None


def _question(request: ToolCallRequest, answer: Answer) -> dict[str, Any]:
    """What a person is shown."""
    return {
        "type": "tool_approval",
        "tool_call_id": request.tool_call["id"],
        "name": request.tool_call["name"],
        "args": request.tool_call["args"],
        "description": answer.reason,
        "critique": dict(answer.critique),
        "changes": dict(answer.changes),
        "allowed": list(REPLIES),
    }


def _message(request: ToolCallRequest, text: str, status: Literal["error", "success"]) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=text, name=call["name"], tool_call_id=call["id"] or "", status=status)
