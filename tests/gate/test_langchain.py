"""`RevetMiddleware` in a real LangChain agent, whose model says what the test wants."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from revet.errors import InputError
from revet.gate.langchain import RevetMiddleware
from revet.gate.uses import passed, shell


class Says(BaseChatModel):
    """Calls the tools that it is given, one message after the other, then says "done"."""

    calls: list[dict[str, Any]]

    @property
    def _llm_type(self) -> str:
        return "says"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        made = sum(isinstance(each, AIMessage) for each in messages)
        message = AIMessage(content="done")
        if made < len(self.calls):
            message = AIMessage(content="", tool_calls=[{"id": f"c{made}", "type": "tool_call", **self.calls[made]}])
        return ChatResult(generations=[ChatGeneration(message=message)])


def agent_of(ran: list[str], *commands: str, **options: Any) -> Any:
    @tool
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "ok"

    model = Says(calls=[{"name": "bash", "args": {"command": each}} for each in commands])
    middleware = RevetMiddleware({"bash": shell()}, dry_run=False, **options)
    return create_agent(model, [bash], middleware=[middleware], checkpointer=InMemorySaver())


def said(result: Any) -> list[ToolMessage]:
    return [each for each in result["messages"] if isinstance(each, ToolMessage)]


def asked(text: str = "Look around.") -> dict[str, Any]:
    return {"messages": [("user", text)]}


CONFIG: Any = {"configurable": {"thread_id": "1"}}


def test_an_allowed_call_is_made() -> None:
    ran: list[str] = []
    result = agent_of(ran, "ls -la").invoke(asked(), CONFIG)
    assert ran == ["ls -la"] and said(result)[0].content == "ok"


def test_a_denied_call_is_not_made_and_the_model_is_told_why() -> None:
    ran: list[str] = []
    result = agent_of(ran, "rm -rf /", "ls").invoke(asked(), CONFIG)
    refusal, allowed = said(result)
    assert ran == ["ls"]
    assert refusal.status == "error" and "was not made" in str(refusal.content)
    assert allowed.status == "success"


async def test_the_same_holds_asynchronously() -> None:
    ran: list[str] = []
    result = await agent_of(ran, "rm -rf /").ainvoke(asked(), CONFIG)
    assert ran == [] and said(result)[0].status == "error"


@pytest.mark.parametrize(
    ("reply", "made", "status"),
    [
        ({"type": "approve"}, ["git reset --hard"], "success"),
        (True, ["git reset --hard"], "success"),
        ({"type": "edit", "args": {"command": "git status"}}, ["git status"], "success"),
        ({"type": "reject", "message": "keep my work"}, [], "error"),
        (False, [], "error"),
        ({"type": "respond", "message": "there is nothing to reset"}, [], "success"),
    ],
)
def test_a_person_is_asked_once(reply: Any, made: list[str], status: str) -> None:
    ran: list[str] = []
    agent = agent_of(ran, "git reset --hard")
    paused = agent.invoke(asked(), CONFIG)
    question = paused["__interrupt__"][0].value
    assert ran == [] and question["args"] == {"command": "git reset --hard"} and question["description"]
    assert question["critique"]["possible_result"]
    result = agent.invoke(Command(resume=reply), CONFIG)
    assert ran == made and said(result)[0].status == status and "__interrupt__" not in result


def test_an_edited_call_passes_the_gate_again() -> None:
    ran: list[str] = []
    agent = agent_of(ran, "git reset --hard")
    agent.invoke(asked(), CONFIG)
    result = agent.invoke(Command(resume={"type": "edit", "args": {"command": "rm -rf /"}}), CONFIG)
    assert ran == [] and said(result)[0].status == "error"


def test_a_reply_that_is_none_is_refused() -> None:
    agent = agent_of([], "git reset --hard")
    agent.invoke(asked(), CONFIG)
    with pytest.raises(InputError, match="reply"):
        agent.invoke(Command(resume={"type": "yes"}), CONFIG)


def test_nobody_is_asked_where_nobody_is_there() -> None:
    ran: list[str] = []
    result = agent_of(ran, "git reset --hard", on_ask="reject").invoke(asked(), CONFIG)
    assert ran == [] and said(result)[0].status == "error"


def test_what_nobody_asked_for_is_a_finding(tmp_path: Path) -> None:
    ran: list[str] = []
    agent = agent_of(ran, "rm notes.txt", workspace=str(tmp_path))
    paused = agent.invoke(asked("List the files."), CONFIG)
    assert ran == [] and "list" in paused["__interrupt__"][0].value["description"].lower()


def test_a_wrong_option_is_told() -> None:
    with pytest.raises(InputError, match="on_ask"):
        RevetMiddleware({"search": passed}, on_ask="never")  # type: ignore[arg-type]
