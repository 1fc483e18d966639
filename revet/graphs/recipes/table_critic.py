"""Table-Critic: judge the answer, find the first wrong step by examples of its kind of error, redo from there.

Yu et al., ACL 2025, arXiv 2502.11799; the authors' code: Peiying-Yu/Table-Critic.

::

    y ~ solver(table, question)                              # in steps
    stop if Judge(table, question, answer of y) says right
    for each of 5 loops:
        route ~ Router(tree of errors, y)                    # from the root to a leaf, or none
        c, k ~ Critic(y, 5 templates of that leaf)           # k: the first wrong step; stop if there is none
        y = y[:k] + Refiner(y[:k+1], c)
        if Judge says right:
            tree = Curator(tree, route, c)                   # joins the leaf, splits it, or begins a branch
            stop

On the core graph: Judge, Router and Critic are one critic, so a draft that the judge calls wrong is revised; the
refiner is the reviser, and the curator the memory: it puts the tree at hand before the first draft and lets it grow
when the run has ended. A judge that says right stops the loop and proves nothing: a failed check still sends the draft
back, with what the tools saw.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from revet.agents.evidence import EvidenceCritic
from revet.agents.refine import StepRefiner
from revet.agents.table import Curator, TableCritic
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import FLAT, filled, model_of, writer
from revet.graphs.parts.examining import examining_tools
from revet.graphs.parts.refining import FromWrongStep
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.store import Corrections

__all__ = ["TABLE_CRITIC", "TableCriticOptions", "cast_table_critic"]


class TableCriticOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("loops",)

    loops: int = Field(default=5, ge=1, description="refinements; the policy's `rounds` come before it")
    examples: int = Field(default=5, ge=0, le=20, description="templates that the critic is shown")
    temperature: float | None = Field(default=0.0, ge=0, le=2, description="of all roles; null: the model's own")
    learns: bool = Field(default=True, description="the curator lets the tree grow; false: it stays as it is")
    most: int = Field(default=500, ge=1, description="templates that are kept; unused and old ones go first")


def cast_table_critic(roles: Roles, options: Options, policy: Policy) -> Team:
    """One model plays all roles, unless `critic` or `judge` name others: the judge here judges answers."""
    assert isinstance(options, TableCriticOptions)
    model, heat = model_of(roles, "table-critic"), options.temperature
    critic = roles.critic or model
    solver = writer(model, roles, temperature=heat, schedule=FLAT)
    refining = roles.reviser or model
    refiner = StepRefiner(refining, prompts=roles.prompts, name="table-refiner", temperature=heat)
    judging = TableCritic(
        critic, judge=roles.judge or model, prompts=roles.prompts, temperature=heat, examples=options.examples
    )
    return Team(
        proposer=solver,
        reviser=FromWrongStep(refiner, writer(refining, roles, temperature=heat, schedule=FLAT)),
        critics=(EvidenceCritic(revise_from=policy.veto_from), judging),
        tools=examining_tools(),
        policy=filled(policy, rounds=options.loops),
        memory=Curator(
            critic,
            Corrections(roles.home, most=options.most),
            critic=judging.name,
            examples=options.examples,
            learns=options.learns,
            prompts=roles.prompts,
            temperature=heat,
        ),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The draft, and the judge; the router and the critic where the judge calls it wrong. What was learnt is curated
    where it then called one right."""
    return drafted(ONE + ONE + (ONE + ONE).maybe, policy)


TABLE_CRITIC = Recipe(
    name="table-critic",
    summary="Table-Critic: a judge, a critic with templates from a growing tree of errors, a refiner, and a curator",
    cast=cast_table_critic,
    source="Yu et al., ACL 2025, arXiv 2502.11799",
    options=TableCriticOptions,
    cost="two calls (draft, judge); four more for each loop (route, critique, refinement, judge), one to curate",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="Table-Critic: A Multi-Agent Framework for Collaborative Criticism and Refinement in Table Reasoning",
        url="https://arxiv.org/abs/2502.11799",
        code="https://github.com/Peiying-Yu/Table-Critic",
        flow="""
    task([task]) --> recall[(tree of errors)] --> propose --> examine --> judge
    judge -->|right| gate{gate}
    judge -->|wrong| route["route through the tree"] --> critic["critic, with the leaf's templates"]
    critic -->|step k is wrong| refine["redo from step k"] --> examine
    critic -->|no wrong step| gate
    gate -->|a check fails| revise --> examine
    gate --> answer([answer or commit]) --> curator["curator: keep, split or branch"] -.-> recall
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_table_critic.py",
        differs=(
            "Steps are sentences, where the authors' solver chains table operations (Chain-of-Table); so it works on "
            "any answer with steps, and the table comes as text or rows in the task's inputs.",
            "A leaf's examples are those whose questions read most like this one, and where no route is found those of "
            "the whole tree: the authors draw them at random, and then a run done again is shown others.",
            "The seed templates are ours, in the authors' three leaves. What the tree learnt lies in the store, is "
            "shared by its runs, and goes with a run that is undone.",
            "Answers have fields (`right`, `wrong_step`, `route`), where the authors search the text for "
            '"[Correct]" and a route in brackets. Where a critic\'s answer cannot be used, or names a step that is not '
            "there, the judge's word is the critique: the answer does not stay for that.",
            "Where the judge still says wrong after the last loop, the run abstains with its best draft; the authors "
            "return the last one.",
        ),
    ),
)
