"""RethinkMCTS: Monte Carlo tree search over thoughts, in which the thought that led to failing code is rewritten.

Li et al. 2024, arXiv 2409.09584; the authors' code: SIMONLQY/RethinkMCTS.

::

    root ~ the task
    for each rollout:
        node, option ~ down from the root by P-UCB: Q + beta(N) * prior * sqrt(ln N) / (1 + n)
        code ~ model(task, thoughts from the root to the option)
        while the public tests fail, and at most `rethinks` times:
            thought ~ model(thoughts, code, failing tests, trace of what ran with which values)
            code ~ model(task, thoughts with the new one in the place of the last)
        reward = tests passed, or .8 + .2 * self-evaluation where all are; backpropagate the best
        the node's options ~ `width` new thoughts with their priors, when it is reached again

On the core graph: a draft is the code of one thought, the task's checks are the public tests, and the tree is read from
the attempts. Without a language model a thought is a suspicious place and a family of changes, found by screening.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from revet.agents import Critic, EvidenceCritic
from revet.agents.chat import ChatCritic
from revet.agents.repair import Repair
from revet.agents.search import ChatThinker, Expander, Mutating, SelfEvaluation
from revet.graphs.calls import Calls, asked, judged, rounds_of
from revet.graphs.parts.casting import FLAT, filled, judge_of, writer
from revet.graphs.parts.rethinking import Rethinking, drafting
from revet.graphs.parts.rewards import nearness, passed_part, said_by
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.schema import Attempt, Check
from revet.tools import Coverage, Tests
from revet.tools.blocks import Blocks

__all__ = ["RETHINK_MCTS", "RethinkOptions", "cast_rethink"]

TESTS, EVALUATION = 0.8, 0.2
"""What tests and evaluation count in the reward, as published."""


class RethinkOptions(Options):
    """What is left out is as published."""

    rollouts: int = Field(default=16, ge=1, le=1000, description="nodes of the tree; a rewritten draft is no new one")
    width: int = Field(default=3, ge=1, le=20, description="thoughts at each node")
    rethinks: int = Field(default=2, ge=0, le=10, description="rewrites of a thought whose code fails, at most")
    exploration: float = Field(default=4.0, ge=0, description="c of P-UCB")
    depth: int = Field(default=16, ge=1, description="thoughts one after another, at most")
    all_rollouts: bool = Field(
        default=False, description="make all rollouts and choose the best reward, not the first draft that passes"
    )
    tries: int = Field(default=4000, ge=1, description="candidates screened in a run, without a language model")


def cast_rethink(roles: Roles, options: Options, policy: Policy) -> Team:
    """The writer drafts from thoughts; where there is no language model, by what the proposer can do."""
    assert isinstance(options, RethinkOptions)
    proposer, expander = _cast(roles, options)
    return Team(
        proposer=proposer,
        reviser=writer(roles.reviser, roles) if roles.reviser else proposer,
        critics=(EvidenceCritic(revise_from=policy.veto_from), *_critics(roles, options)),
        tools=(Tests(), Coverage(), *([Blocks()] if roles.model else [])),
        policy=filled(policy, rounds=options.rollouts * (1 + options.rethinks)),
        judge=judge_of(roles),
        strategy=Rethinking(
            expander,
            _published if roles.model else _shaped,
            rollouts=options.rollouts,
            width=options.width,
            rethinks=options.rethinks,
            depth=options.depth,
            c=options.exploration,
            all_rollouts=options.all_rollouts,
        ),
    )


def _critics(roles: Roles, options: RethinkOptions) -> list[Critic]:
    """Who evaluates what passes where all rollouts are made; else a critic that was named, who may veto."""
    evaluator = roles.critic or roles.model
    if options.all_rollouts:
        return [SelfEvaluation(evaluator, prompts=roles.prompts)] if evaluator is not None else []
    return [ChatCritic(roles.critic, prompts=roles.prompts)] if roles.critic is not None else []


def _cast(roles: Roles, options: RethinkOptions) -> tuple[Any, Expander]:
    """Who proposes where the strategy is not asked (a person's word), and who thinks and drafts."""
    if roles.model is not None:
        chat = writer(roles.model, roles, schedule=FLAT)
        return chat, ChatThinker(roles.model, chat, again=roles.reviser, prompts=roles.prompts)
    if roles.proposer is None:
        return Repair(tries=options.tries), Mutating(tries=options.tries)
    own: Any = roles.proposer
    return own, own if hasattr(own, "thoughts") else drafting(own)


def _published(attempt: Attempt, checks: Sequence[Check]) -> float:
    """Tests passed; where all are, .8 and .2 of the self-evaluation (-1 to 1, 0 where there is none)."""
    tests = passed_part(attempt, checks)
    said = said_by(SelfEvaluation.name, attempt)
    return tests if tests < 1 else TESTS + EVALUATION * (2 * said.score - 1 if said else 0.0)


def _shaped(attempt: Attempt, checks: Sequence[Check]) -> float:
    """Without a model: .8 of the tests passed, .2 of how near the failing ones come to what they expect."""
    return TESTS * passed_part(attempt, checks) + EVALUATION * nearness(attempt, checks)


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Before each draft its thought is thought of, or rewritten; the thoughts of one node come together."""
    assert isinstance(options, RethinkOptions)
    most = rounds_of(policy, options.rollouts * (1 + options.rethinks)).most
    least = min(most, options.rollouts, options.depth) if options.all_rollouts else 1
    drafts, evaluates = Calls(least, most), asked(roles.critic or roles.model)
    examined = (evaluates.maybe if options.all_rollouts else asked(roles.critic)) * drafts
    return asked(roles.model) * (drafts + Calls(1, most)) + examined + judged(roles.judge, most)


RETHINK_MCTS = Recipe(
    name="rethink-mcts",
    summary="RethinkMCTS: tree search over thoughts; one whose code fails is rewritten by the trace of the failure",
    cast=cast_rethink,
    source="Li et al. 2024, arXiv 2409.09584",
    options=RethinkOptions,
    needs="checks that fail; no language model: builtin:repair does",
    without_model=True,
    cost="two calls a draft (a thought, its code), and one for each node that is expanded",
    calls=_calls,
    least_rounds=lambda options: 1,
    revises=lambda options: False,
    published=Published(
        title="RethinkMCTS: Refining Erroneous Thoughts in Monte Carlo Tree Search for Code Generation",
        url="https://arxiv.org/abs/2409.09584",
        code="https://github.com/SIMONLQY/RethinkMCTS",
        flow="""
    task([task]) --> select[select by P-UCB]
    select --> expand[expand: thoughts with priors]
    expand --> draft[code from the thoughts]
    draft --> tests[tests, trace of blocks]
    tests -->|all pass| gate{gate} --> commit([commit])
    tests -->|fail, and the thought may be rewritten| rethink[rewrite the thought] --> draft
    tests -->|fail| back[backpropagate the reward] --> select
    back -->|16 rollouts| abstain([abstain])
""",
        test="tests/graphs/recipes/test_rethink_mcts.py",
        differs=(
            "it stops at the first draft that passes every check, for that goes through the gate; `all_rollouts` makes"
            " all of them and asks for self-evaluations, as the authors' code does",
            "a node is expanded when it is reached again, not at once: the same tree, and the last call is saved",
            "up to 2 rewrites of a thought; the authors' code counts the first thought among its `max_think_times=2`,"
            " which is `rethinks: 1` here",
            "block traces go to the thinker as they are; the authors ask the model for an analysis of each block first",
            "without a language model the .2 of self-evaluation is how near failing tests come to what they expect",
        ),
    ),
)
