"""CTRL: a critic that does not solve, drafts by a width schedule, and several critiques that vote on each.

Xie et al., ICML 2025, arXiv 2502.03492; the authors' code: HKUNLP/critic-rl (``scripts/run_gen.py``).

::

    widths = 5, 1, 1, 1, 1, 1, 1, 1, 1
    level 0: widths[0] drafts y ~ model(x)
    for each draft y of the level before, level by level, widths[level] times:
        critiques ~ critic(x, y), k times           # Analysis / Improvement suggestions / Overall judgment
        correct if more than half of them say so
        y' ~ model(x, y, one critique of the majority)

On the core graph: a strategy makes the drafts of the schedule, the critic votes, and the first draft that the majority
calls correct, and the checks prove, goes through the gate. Trained critics are models like any other: ``--critic``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from revet.agents.ctrl import CtrlCritic, VotingCritic
from revet.agents.evidence import EvidenceCritic
from revet.graphs.calls import ONE, Calls, judged, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.examining import examining_tools
from revet.graphs.parts.widths import Widths, size
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy

__all__ = ["CTRL", "CtrlOptions", "cast_ctrl"]


class CtrlOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("widths",)

    widths: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field(
        default=(5, 1, 1, 1, 1, 1, 1, 1, 1),
        min_length=1,
        max_length=33,
        description="first drafts, then revisions of each draft of the level before, a number for each level",
    )
    critiques: int = Field(default=1, ge=1, le=64, description="of each draft, asked independently; the majority rules")
    evidence: bool = Field(default=False, description="the critic, too, is shown what the tools saw")
    first: float | None = Field(default=0.7, ge=0, le=2, description="temperature of first drafts; null: the model's")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="of revisions")
    critic_temperature: float | None = Field(default=0.6, ge=0, le=2, description="of critiques")


def cast_ctrl(roles: Roles, options: Options, policy: Policy) -> Team:
    """Who samples, who revises, and the critic, alone or voting."""
    assert isinstance(options, CtrlOptions)
    model = model_of(roles, "ctrl")
    proposer = writer(model, roles, temperature=options.first, schedule=FLAT)
    reviser = writer(roles.reviser or model, roles, temperature=options.temperature, schedule=FLAT)
    critic = CtrlCritic(
        roles.critic or model,
        prompts=roles.prompts,
        temperature=options.critic_temperature,
        evidence=options.evidence,
    )
    return Team(
        proposer=proposer,
        reviser=reviser,
        critics=(
            VotingCritic(critic, options.critiques) if options.critiques > 1 else critic,
            EvidenceCritic(revise_from=policy.veto_from),
        ),
        tools=examining_tools(),
        policy=filled(policy, rounds=size(options.widths) - 1),
        judge=judge_of(roles),
        strategy=Widths("ctrl", proposer, reviser, options.widths),
    )


def _least_rounds(options: Options) -> int:
    """All first drafts are made before the first of them is revised."""
    assert isinstance(options, CtrlOptions)
    return options.widths[0] if len(options.widths) > 1 else 0


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    assert isinstance(options, CtrlOptions)
    made = rounds_of(policy, size(options.widths))
    return (ONE + ONE * options.critiques) * made + judged(roles.judge, made.most)


CTRL = Recipe(
    name="ctrl",
    summary="CTRL: drafts by a width schedule, k critiques that vote, one voice of the majority to the reviser",
    cast=cast_ctrl,
    source="Xie et al., ICML 2025, arXiv 2502.03492",
    options=CtrlOptions,
    cost="a draft and k critiques, up to 45 times as published; it stops at the first draft that stands",
    calls=_calls,
    least_rounds=_least_rounds,
    published=Published(
        title="Teaching Language Models to Critique via Reinforcement Learning (CTRL)",
        url="https://arxiv.org/abs/2502.03492",
        code="https://github.com/HKUNLP/critic-rl",
        flow="""
    task([task]) --> sample["a first draft, up to 5"] --> examine
    examine --> vote["k critiques, majority"]
    vote -->|correct| gate{gate}
    vote -->|incorrect| next["the next draft of the schedule"]
    next -->|level 0| sample
    next -->|a later level| revise["revise by one critique of the majority"] --> examine
    gate -->|checks pass| commit([answer or commit])
    gate -->|a check fails| next
    next -->|the schedule is done| abstain([abstain])
""",
        test="tests/graphs/recipes/test_ctrl.py",
        differs=(
            "The published schedule revises every draft, whatever the judgment, to measure each level; here the first "
            "draft that the majority calls correct, and no check refutes, goes to the gate.",
            "The drafts of a level are made one after another, so that none is paid for that is not needed.",
            "A draft that repeats an earlier one is not revised again: at temperature 0 that makes the same revision.",
            "Where a required check fails, the reviser hears of it besides the critique.",
            "A critique that is refused, empty or cut off has no vote, where the authors count it as `Incorrect`.",
        ),
    ),
)
