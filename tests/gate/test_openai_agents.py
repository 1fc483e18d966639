"""The gate before a function tool of the OpenAI Agents SDK, in a real run whose model says what the test wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("agents", reason="pip install 'revet[openai-agents]'")

from agents import Agent, RunConfig, Runner, function_tool
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from revet.errors import InputError
from revet.gate.openai_agents import gated
from revet.gate.uses import shell

QUIET = RunConfig(tracing_disabled=True)


class Says(Model):
    """Calls ``bash`` once, then says "done"."""

    def __init__(self, command: str) -> None:
        self.command, self.seen = command, [""]

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        shown = args[1] if len(args) > 1 else kwargs["input"]
        results = [each for each in shown if isinstance(each, dict) and each.get("type") == "function_call_output"]
        self.seen += [str(each["output"]) for each in results]
        if results:
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            message = ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
            return ModelResponse(output=[message], usage=Usage(), response_id=None)
        call = ResponseFunctionToolCall(
            call_id="c1", name="bash", arguments=json.dumps({"command": self.command}), type="function_call"
        )
        return ModelResponse(output=[call], usage=Usage(), response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("these tests do not stream")


def agent_of(ran: list[str], model: Says, goal: str | None = None) -> Agent[Any]:
    @function_tool
    def bash(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "ok"

    return Agent(name="a", model=model, tools=[gated(bash, shell(), goal=goal, dry_run=False)])


async def test_an_allowed_call_is_made() -> None:
    ran: list[str] = []
    result = await Runner.run(agent_of(ran, Says("ls")), "List.", run_config=QUIET)
    assert ran == ["ls"] and result.final_output == "done"


async def test_a_denied_call_is_not_made_and_the_model_is_told_why() -> None:
    ran: list[str] = []
    model = Says("rm -rf /")
    await Runner.run(agent_of(ran, model), "Clean.", run_config=QUIET)
    assert ran == [] and "was not made" in model.seen[-1]


@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_is_asked(approved: bool) -> None:
    ran: list[str] = []
    agent = agent_of(ran, Says("git reset --hard"))
    paused = await Runner.run(agent, "Start again.", run_config=QUIET)
    assert ran == [] and len(paused.interruptions) == 1
    state = paused.to_state()
    (state.approve if approved else state.reject)(paused.interruptions[0])
    await Runner.run(agent, state, run_config=QUIET)
    assert ran == (["git reset --hard"] if approved else [])


async def test_what_nobody_asked_for_needs_a_person() -> None:
    ran: list[str] = []
    paused = await Runner.run(agent_of(ran, Says("rm notes.txt"), "List the files."), "List.", run_config=QUIET)
    assert ran == [] and paused.interruptions


def test_only_function_tools_can_be_gated() -> None:
    with pytest.raises(InputError, match="FunctionTool"):
        gated(print, shell())  # type: ignore[arg-type]
