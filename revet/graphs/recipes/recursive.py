"""Recursive self-critiquing: a critique of the critique, and of that in turn.

Wen et al., 2025, arXiv 2502.04675.

::

    y ~ model(x)
    repeat:
        a, b ~ critic(x, y)                                # C1, twice
        c, d ~ judge(x, y, a, b)                           # C2: which of the two is the sounder; C3: which of c and d …
        the last level decides; what it upholds is heard
        stop if that has nothing against y
        y ~ model(x, y, what was upheld)

On the core graph: one critic of the loop, beside the one that reads the evidence. What is not upheld is kept in the
record as ``dropped/…``, and the reviser is not shown it.
"""

from __future__ import annotations

from pydantic import Field

from revet.agents import EvidenceCritic
from revet.agents.chat import ChatCritic
from revet.agents.panel import RecursiveCritic, Surviving
from revet.graphs.calls import ONE, Calls, drafted
from revet.graphs.parts.casting import judge_of, model_of, writer
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["RECURSIVE", "RecursiveOptions", "cast_recursive"]


class RecursiveOptions(Options):
    """How deep, and how freely the first level speaks."""

    depth: int = Field(default=2, ge=1, le=5, description="levels of critique; 1: a critique alone, for comparison")
    temperature: float = Field(default=0.7, ge=0, le=2, description="of the first level, so that its two differ")


def cast_recursive(roles: Roles, options: Options, policy: Policy) -> Team:
    """The critic's model speaks on every level; the judge's, where one is named, on those above the first."""
    assert isinstance(options, RecursiveOptions)
    model = model_of(roles, "recursive")
    own, proposer = roles.critic or model, writer(model, roles)
    first = ChatCritic(own, prompts=roles.prompts, temperature=options.temperature if options.depth > 1 else 0.0)
    critic = RecursiveCritic(first, roles.judge or own, depth=options.depth, prompts=roles.prompts)
    return Team(
        proposer=proposer,
        reviser=Surviving(writer(roles.reviser, roles) if roles.reviser else proposer),
        critics=(EvidenceCritic(revise_from=policy.veto_from), critic),
        tools=(Tests(), Coverage()),
        policy=policy,
        judge=judge_of(roles),
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    """Two on each level, but one on the last; no level above where the first has no objection."""
    assert isinstance(options, RecursiveOptions)
    critique = Calls(min(2, options.depth), 2 * options.depth - 1)
    return drafted(ONE + critique, policy, roles.judge)


RECURSIVE = Recipe(
    name="recursive",
    summary="critique of the critique, to any depth; each level decides between the two below",
    cast=cast_recursive,
    source="Wen et al., 2025, arXiv 2502.04675",
    options=RecursiveOptions,
    cost="one call a draft, and 2·depth - 1 at most for its critique: 2 where neither critique has an objection",
    calls=_calls,
    published=Published(
        title="Scalable Oversight for Superhuman AI via Recursive Self-Critiquing",
        url="https://arxiv.org/abs/2502.04675",
        flow="""
    task([task]) --> propose --> examine
    examine --> a[critique] & b[critique]
    a & b --> c[which is the sounder?] & d[which is the sounder? other order]
    c & d -->|they differ, and there is a level more| e[which judgement is the sounder?]
    c & d -->|they agree| gate{gate}
    e --> gate
    gate -->|what is upheld objects| revise --> examine
    gate -->|it does not, checks pass| commit([commit or answer])
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/recipes/test_recursive.py",
        differs=(
            "published to oversee answers; here the critique that is upheld goes to a reviser, and the loop goes on",
            "where two of one level agree, the levels above have nothing to decide and are not asked",
            "of two judges on one level, one is shown the pair in the other order",
            "a level may uphold neither critique (then the critic abstains), and what is grave and cites evidence"
            " stands whatever is upheld",
        ),
    ),
)
