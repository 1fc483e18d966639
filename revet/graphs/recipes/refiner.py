"""REFINER: a critic says which intermediate steps err and how, by kind; the generator goes on from that, 4 turns.

Paul et al., EACL 2024, arXiv 2304.01904; the authors' code: debjitpaul/refiner.

::

    feedback = "No"
    for each of 4 turns:
        steps, y ~ generator(x, steps, feedback)
        feedback ~ critic(x, steps)         # "the operator in step 0 is incorrect", "a step is missing before step 2"
        stop if the feedback is "No"

On the core graph: the writer drafts with steps, one critic hints, the writer mends its last draft. A hint names the
place and the kind of the mistake and never what would be right. For code, which has no steps, the tests take its place.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from revet.agents.evidence import EvidenceCritic
from revet.agents.refiner import HintCritic
from revet.agents.refiner.hints import Domain
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import FLAT, filled, judge_of, model_of, writer
from revet.graphs.parts.examining import examining_tools
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy

__all__ = ["REFINER", "RefinerOptions", "cast_refiner"]


class RefinerOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("turns",)

    turns: int = Field(default=4, ge=1, description="refinements at most; the policy's `rounds` come before it")
    domain: Domain = Field(default="maths", description="which kinds of mistakes there are: of equations, rules, norms")
    explained: bool = Field(default=False, description="the generator is told the critic's working besides the hints")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="of the generator; null: the model's own")


def cast_refiner(roles: Roles, options: Options, policy: Policy) -> Team:
    """The generator and the critic, who may be a model of its own."""
    assert isinstance(options, RefinerOptions)
    model = model_of(roles, "refiner")
    generator = writer(model, roles, temperature=options.temperature, schedule=FLAT)
    reviser = writer(roles.reviser, roles, temperature=options.temperature, schedule=FLAT) if roles.reviser else None
    critic = HintCritic(
        roles.critic or model, prompts=roles.prompts, domain=options.domain, explained=options.explained
    )
    return Team(
        proposer=generator,
        reviser=reviser or generator,
        critics=(critic, EvidenceCritic(revise_from=policy.veto_from)),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.turns),
        judge=judge_of(roles),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The draft and the hints; a draft without steps gets none."""
    return drafted(ONE + ONE.maybe, policy, roles.judge)


REFINER = Recipe(
    name="refiner",
    summary="REFINER: hints at wrong intermediate steps, by place and kind of mistake, until there are none",
    cast=cast_refiner,
    source="Paul et al., EACL 2024, arXiv 2304.01904",
    options=RefinerOptions,
    cost="two calls a turn, a critique and a draft",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="REFINER: Reasoning Feedback on Intermediate Representations",
        url="https://arxiv.org/abs/2304.01904",
        code="https://github.com/debjitpaul/refiner",
        flow="""
    task([task]) --> generate["steps and answer"] --> examine
    examine --> critic["critic: where do the steps err, and how?"]
    critic -->|"hints: step and kind of mistake"| refine["generate again from the hints"] --> examine
    critic -->|no| gate{gate}
    gate --> commit([answer or commit])
    gate -->|4 turns are spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_refiner.py",
        differs=(
            "Generator and critic are language models as they are, told what to do; the authors train both. A trained "
            "critic can be named with `--critic`.",
            'The critic answers in a fixed shape (step, kind, part), from which the words of the hint are made; "no" '
            "is a field of it.",
            "The generator also sees what it tried before, and that it must not repeat it.",
            "A derivation that ends without the critic's `no` is not the answer: the run abstains and shows the best.",
        ),
    ),
)
