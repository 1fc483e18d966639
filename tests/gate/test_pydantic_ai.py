"""The gate before a pydantic-ai toolset, in a real agent whose model says what the test wants."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="pip install 'revet[pydantic-ai]'")

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, FunctionToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from revet.gate.pydantic_ai import gated
from revet.gate.uses import shell


def agent_of(ran: list[str], command: str) -> Agent[None, Any]:
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "ok"

    def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if any(isinstance(each, ModelResponse) for each in messages):
            told = [part for each in messages for part in each.parts if isinstance(part, ToolReturnPart)]
            return ModelResponse(parts=[TextPart(str(told[-1].content))])
        return ModelResponse(parts=[ToolCallPart("bash", {"command": command})])

    tools = gated(FunctionToolset([bash]), {"bash": shell()}, dry_run=False)
    return Agent(FunctionModel(say), toolsets=[tools], output_type=[str, DeferredToolRequests])


async def test_an_allowed_call_is_made() -> None:
    ran: list[str] = []
    assert (await agent_of(ran, "ls").run("List the files.")).output == "ok"
    assert ran == ["ls"]


async def test_a_denied_call_goes_back_to_the_model() -> None:
    ran: list[str] = []
    assert "was not made" in str((await agent_of(ran, "rm -rf /").run("Clean up.")).output)
    assert ran == []


@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_is_asked(approved: bool) -> None:
    ran: list[str] = []
    agent = agent_of(ran, "git reset --hard")
    paused = await agent.run("Start again from the last commit.")
    assert isinstance(paused.output, DeferredToolRequests) and ran == []
    (call,) = paused.output.approvals
    assert paused.output.metadata[call.tool_call_id]["decision"] == "ask"
    await agent.run(
        message_history=paused.all_messages(),
        deferred_tool_results=DeferredToolResults(approvals={call.tool_call_id: approved}),
    )
    assert ran == (["git reset --hard"] if approved else [])
