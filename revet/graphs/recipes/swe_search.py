"""SWE-Search: tree search over an agent's work, with values in words and numbers, and a debate about what is finished.

Antoniades et al., ICLR 2025, arXiv 2410.20285; the authors' code: aorwall/moatless-tree-search.

::

    until `finished` drafts stand, or there are `nodes` of them:
        node ~ the most promising that may have another child: mean value + exploration - depth
        child ~ act(node, feedback on the children that it has: hindsight)
        value, feedback for the alternative branch ~ value function(child, what the tools saw of it): -100 to 100
        add the value to the child and to all nodes above it
    choice ~ debate(`agents`, `debate` rounds; the finished drafts)

On the core graph: a node is a whole draft, and acting on it is to revise it. A draft that nothing speaks against is
finished: it is held, and has no children. Without a language model the values come from the checks alone, the drafts
from mutation, and the path of the highest mean value is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import Field

from revet.agents import EvidenceCritic
from revet.agents.repair import Repair
from revet.agents.search import Actor, Debate, Drafting, Mutating, ValueFunction
from revet.agents.search.debate import Decided, Discriminator
from revet.graphs.calls import NONE, Calls, asked, rounds_of
from revet.graphs.parts.branching import Branching
from revet.graphs.parts.casting import FLAT, filled, writer
from revet.graphs.parts.rethinking import drafting
from revet.graphs.parts.rewards import nearness, passed_part, said_by
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt, Check
from revet.tools import Coverage, Tests

__all__ = ["SWE_SEARCH", "SweOptions", "cast_swe"]

TESTS, NEARNESS = 0.8, 0.2


class SweOptions(Options):
    """What is left out is as published."""

    lengths: ClassVar[tuple[str, ...]] = ("nodes",)

    nodes: int = Field(default=100, ge=2, le=10_000, description="drafts examined, at most")
    expansions: int = Field(default=3, ge=1, le=50, description="children of a node, at most")
    depth: int = Field(default=25, ge=1, description="drafts one upon another, at most")
    finished: int | None = Field(
        default=None, ge=1, le=100, description="drafts that stand, to choose from; default: 5, and 1 without a debate"
    )
    exploration: float = Field(default=1.0, ge=0, description="weight of the exploration in the score of a node")
    depth_penalty: float = Field(default=0.8, ge=0, description="weight of the root of a node's depth in its score")
    discriminator: bool = Field(default=True, description="false: the path of the highest mean value is chosen")
    agents: int = Field(default=5, ge=1, le=50, description="voices in the debate")
    debate: int = Field(default=3, ge=1, le=20, description="rounds of debate")
    temperature: float | None = Field(default=0.7, ge=0, le=2, description="of drafts and of the debate")
    tries: int = Field(default=4000, ge=1, description="candidates screened in a run, without a language model")


def cast_swe(roles: Roles, options: Options, policy: Policy) -> Team:
    """`critic` is the value function, `judge` debates; both are the writer's model where none is named."""
    assert isinstance(options, SweOptions)
    proposer, reviser, actor = _acting(roles, options)
    debate = _debate(roles, options)
    valued = roles.critic or roles.model
    value = [ValueFunction(valued, prompts=roles.prompts)] if valued is not None else []
    return Team(
        proposer=proposer,
        reviser=reviser,
        critics=(EvidenceCritic(revise_from=policy.veto_from), *value),
        tools=(Tests(), Coverage()),
        policy=filled(policy, rounds=options.nodes),
        strategy=Branching(
            actor,
            _worth,
            nodes=options.nodes,
            expansions=options.expansions,
            depth=options.depth,
            finished=options.finished or (5 if debate else 1),
            c=options.exploration,
            penalty=options.depth_penalty,
            debate=debate,
            found=not value,
        ),
    )


def _acting(roles: Roles, options: SweOptions) -> tuple[Any, Any, Actor]:
    """Who proposes, who revises, and who makes children of a node."""
    if roles.model is not None:
        how: dict[str, Any] = {"temperature": options.temperature, "schedule": FLAT}
        proposer = writer(roles.model, roles, **how)
        reviser = writer(roles.reviser, roles, **how) if roles.reviser else proposer
        return proposer, reviser, Drafting(proposer, reviser)
    if roles.proposer is None:
        repair = Repair(tries=options.tries)
        return repair, repair, Mutating(tries=options.tries)
    own: Any = roles.proposer
    return own, own, own if hasattr(own, "branch") else drafting(own)


def _debate(roles: Roles, options: SweOptions) -> Discriminator | None:
    """A judge of the user's decides alone; a model debates."""
    if roles.chooser is not None:
        return Decided(roles.chooser)
    model = roles.judge or roles.model
    if model is None or not options.discriminator:
        return None
    return Debate(
        model, agents=options.agents, rounds=options.debate, prompts=roles.prompts, temperature=options.temperature
    )


def _worth(attempt: Attempt, checks: Sequence[Check]) -> float:
    """What the value function said; for want of it, .8 of the tests passed and .2 of how near the failing ones come."""
    said = said_by(ValueFunction.name, attempt)
    if said is not None:
        return said.score
    return TESTS * passed_part(attempt, checks) + NEARNESS * nearness(attempt, checks)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """The draft and its value, until enough of them are finished; a debate where there are several."""
    assert isinstance(options, SweOptions)
    debates = options.discriminator and (roles.judge or roles.model) is not None
    most = rounds_of(policy, options.nodes).most
    finished = options.finished or (5 if debates else 1)
    drafts = Calls(min(finished, most), most)
    debate = Calls(0, options.agents * options.debate) if debates and drafts.most > 1 else NONE
    return (asked(roles.model) + asked(roles.critic or roles.model)) * drafts + debate


SWE_SEARCH = Recipe(
    name="swe-search",
    summary="SWE-Search: tree search with a value function, hindsight feedback for other branches, and a debate",
    cast=cast_swe,
    source="Antoniades et al., ICLR 2025, arXiv 2410.20285",
    options=SweOptions,
    needs="no language model: builtin:repair does",
    without_model=True,
    cost="two calls a draft (the draft, its value), and agents x rounds of debate calls at the end (5 x 3)",
    calls=_calls,
    least_rounds=lambda options: 1,
    published=Published(
        title="SWE-Search: Enhancing Software Agents with Monte Carlo Tree Search and Iterative Refinement",
        url="https://arxiv.org/abs/2410.20285",
        code="https://github.com/aorwall/moatless-tree-search",
        flow="""
    task([task]) --> select[select: mean value, exploration, depth]
    select --> act[act, with feedback on the siblings]
    act --> tests[examine]
    tests --> value[value -100..100, feedback for other branches]
    value --> back[backpropagate]
    back -->|not yet 5 finished| select
    back -->|5 finished, or 100 nodes| debate[debate of 5 agents, 3 rounds]
    debate --> gate{gate} --> commit([commit])
""",
        test="tests/graphs/recipes/test_swe_search.py",
        differs=(
            "a node is a whole draft that was examined, not a single action of the agent (search, view, edit): only"
            " drafts can be staged and proved here",
            "finished drafts of one parent all count, for here a draft is whole; the authors take one of each parent",
            "a draft is finished when the checks and the critics have nothing against it, not when the agent says so",
            "the score of a node is the paper's formula; the bonuses and penalties that the authors' code adds for"
            " single kinds of actions are left out, for there are none",
            "without a value function the value is .8 of the tests passed and .2 of how near the failing ones come, the"
            " root's is that of the workspace as found instead of 0, and the discriminator is the mean reward of the"
            " path, as the authors have it where they hold no debate",
        ),
    ),
)
