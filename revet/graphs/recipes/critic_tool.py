"""CriticTool: an agent that calls tools, criticises its own wrong calls, and copes with tools that fail.

Huang et al., 2025, arXiv 2506.13977 (Shellorley0513/CriticTool), a benchmark whose prompts say what a good agent does;
and Wang et al., COLM 2025, arXiv 2508.11027 ("Hell or High Water"): a tool that is disabled, and another way.

::

    repeat:
        call ~ model(x, tools, calls and answers so far)
        if the call is wrong (tool_select, tool_hallucination, parameters_key, parameters_value):
            error, call' ~ model(…, what is wrong with it)        # the call is not made
        else if the tool fails for reasons of its own:
            ask it again, three times at most; then skip the step, or finish and tell the person
        else: go on with the answer
    until the model gives its draft

On the core graph: all of this happens while one draft is made; what tools answer is evidence of its round. What acts on
the world is named in the draft, staged, examined and made at the commit, like any other action. A draft that is
refused goes back to the agent, who goes on from the calls that were made.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from revet.agents.toolcare import ToolUser
from revet.graphs.calls import Calls, asked, drafted
from revet.graphs.parts.casting import judge_of, model_of
from revet.graphs.parts.examining import examiners, examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy

__all__ = ["CRITIC_TOOL", "CriticToolOptions", "cast_critic_tool"]


class CriticToolOptions(Options):
    """What is left out is as published, where that says anything."""

    external: Literal["skip", "finish"] = Field(
        default="skip", description="after a tool failed to the last: go on without it, or give up and tell the person"
    )
    retries: int = Field(default=3, ge=0, le=3, description="further calls of a tool that fails")
    wait: float = Field(default=0.5, ge=0, le=10, description="seconds before the first of them; then twice as long")
    turns: int = Field(default=12, ge=1, description="calls, and the draft at the end, for one draft")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="null: the model's own")


def cast_critic_tool(roles: Roles, options: Options, policy: Policy) -> Team:
    """One agent that proposes and revises; the tools are those that the user gives it."""
    assert isinstance(options, CriticToolOptions)
    how = options.model_dump(exclude={*Options.model_fields})
    model = model_of(roles, "critic-tool")
    proposer = ToolUser(model, prompts=roles.prompts, **how)
    return Team(
        proposer=proposer,
        reviser=ToolUser(roles.reviser, prompts=roles.prompts, **how) if roles.reviser else proposer,
        critics=examiners(roles, policy),
        tools=examining_tools(),
        policy=policy,
        judge=judge_of(roles),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    assert isinstance(options, CriticToolOptions)
    return drafted(Calls(1, options.turns) + asked(roles.critic), policy, roles.judge)


CRITIC_TOOL = Recipe(
    name="critic-tool",
    summary="CriticTool: wrong calls are criticised and written anew; a tool that fails is retried, then left out",
    cast=cast_critic_tool,
    source="Huang et al., 2025, arXiv 2506.13977",
    options=CriticToolOptions,
    needs="a language model, and tools to call",
    cost="one call a turn, 12 turns a draft at most",
    calls=_calls,
    published=Published(
        title="CRITICTOOL: Evaluating Self-Critique Capabilities of LLMs in Tool-Calling Error Scenarios",
        url="https://arxiv.org/abs/2506.13977",
        code="https://github.com/Shellorley0513/CriticTool",
        flow="""
    task([task]) --> turn["one turn: a call, or the draft"]
    turn --> right{is the call right?}
    right -->|internal error| criticise["name the error, write the call anew"] --> turn
    right -->|yes| ask["ask the tool"]
    ask -->|an answer| turn
    ask -->|it fails| retry["again, 3 times at most"] --> ask
    retry -->|to the last| skip["out of use: skip, or another way"] --> turn
    retry -->|finish| person([tell the person])
    turn -->|the draft| examine --> gate{gate}
    gate -->|refused| turn
    gate --> commit([answer or commit])
""",
        test="tests/graphs/recipes/test_critic_tool.py",
        differs=(
            "In the benchmark, calls that are wrong are carried out and the model has to see the error in the answer; "
            "here a call is held against the tool's schema first, and one that is wrong is never made.",
            "Retries are made by the loop, after waits that double, and are not left to the model to count.",
            "What the schemas cannot show (the wrong tool with arguments that fit, a wrong value that is valid) is for "
            "the model to notice by the answer: then it names the error and calls again.",
            'A tool that failed to the last stays out of use for the run, as where a tool is disabled in "Hell or High '
            'Water".',
        ),
    ),
)
