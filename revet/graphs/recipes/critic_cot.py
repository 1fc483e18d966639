"""Critic-CoT: a critic judges a derivation step by step; what comes from the first wrong step on is redone.

Zheng et al., 2024, arXiv 2408.16326; the authors' code: AlignRM/Critic-CoT.

::

    y0 ~ model(x)                                       # in steps
    for each of 4 chains:
        y = y0
        for each of 8 refinements:
            labels ~ critic(x, y)                       # +1 or -1 for each step
            if all are +1: return y
            k = the first step with -1
            y = y[:k] + model(x, y[:k+1], what the critic says of step k)

    filter:  y ~ model(x) until the critic finds every step right

On the core graph: the step-wise critic is a critic like any other, so a draft with a wrong step is revised; what the
refiner is shown is cut to the steps up to the wrong one and its critique. Where every step is right and a check
fails, the draft is revised by what the tools saw.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from revet.agents.base import Critic
from revet.agents.chat import ChatAgent, StepCritic
from revet.agents.evidence import EvidenceCritic
from revet.agents.prefixed import Prefixed
from revet.agents.refine import HOME, StepRefiner
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of
from revet.graphs.parts.examining import examining_tools
from revet.graphs.parts.restarting import Filtering, FromFirstWrong
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy

__all__ = ["CRITIC_COT", "CriticCotOptions", "cast_critic_cot"]


class CriticCotOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("depth", "restarts")

    mode: Literal["refine", "filter"] = Field(
        default="refine", description="redo from the first wrong step, or draw new derivations until one passes"
    )
    depth: int = Field(default=8, ge=1, description="refinements in a row, each of the one before")
    restarts: int = Field(default=4, ge=1, description="how often such a chain is begun from the first derivation")
    samples: int = Field(default=64, ge=2, description="derivations drawn at most (filter)")
    temperature: float | None = Field(default=0.7, ge=0, le=2, description="of all roles; null: the model's own")


def cast_critic_cot(roles: Roles, options: Options, policy: Policy) -> Team:
    """A solver, a step-wise critic, and a refiner who is told of one step."""
    assert isinstance(options, CriticCotOptions)
    model, heat = model_of(roles, "critic-cot"), options.temperature
    solver = ChatAgent(
        model, prompts=Prefixed("step_solver", roles.prompts, home=HOME), temperature=heat, schedule=FLAT
    )
    refiner = StepRefiner(roles.reviser or model, prompts=roles.prompts, temperature=heat)
    critics: tuple[Critic, ...] = (
        EvidenceCritic(revise_from=policy.veto_from),
        StepCritic(roles.critic or model, prompts=roles.prompts, temperature=heat),
    )
    refines = options.mode == "refine"
    return Team(
        proposer=solver,
        reviser=solver,
        critics=critics,
        tools=examining_tools(),
        policy=filled(policy, rounds=options.depth * options.restarts if refines else options.samples - 1),
        judge=judge_of(roles),
        strategy=FromFirstWrong(solver, refiner, options.depth) if refines else Filtering(solver),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The derivation and its critique."""
    return drafted(ONE + ONE, policy, roles.judge)


CRITIC_COT = Recipe(
    name="critic-cot",
    summary="Critic-CoT: every step is judged, and redone from the first wrong one with that step's critique alone",
    cast=cast_critic_cot,
    source="Zheng et al., 2024, arXiv 2408.16326",
    options=CriticCotOptions,
    cost="two calls a draft: the derivation and its critique; 33 drafts at most",
    calls=_calls,
    least_rounds=lambda options: 1,
    revises=lambda options: isinstance(options, CriticCotOptions) and options.mode == "refine",
    published=Published(
        title="Critic-CoT: Boosting the Reasoning Abilities of Large Language Models via Chain-of-Thought Critic",
        url="https://arxiv.org/abs/2408.16326",
        code="https://github.com/AlignRM/Critic-CoT",
        flow="""
    task([task]) --> solve["solve in steps"] --> examine --> critic["critic: each step right or wrong"]
    critic -->|every step right| gate{gate}
    critic -->|"step k is the first wrong one"| redo["redo from step k, told of step k alone"] --> examine
    redo -.->|8 deep| original["back to the first derivation, 4 times"] -.-> redo
    gate --> commit([answer or commit])
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_critic_cot.py",
        differs=(
            "The published refiner is shown the whole attempt beside the critique of the first wrong step; ours is not "
            "shown the steps after it, which rest on what is wrong. What it writes is joined to the steps before.",
            "Where no chain arrives at a derivation that the critic passes, the run abstains with the best draft; the "
            "published code then answers with its last refinement.",
            "The critic is prompted, not fine-tuned.",
            "Filter mode stops at the first derivation that passes; the recipe vote votes among several that do.",
        ),
    ),
)
