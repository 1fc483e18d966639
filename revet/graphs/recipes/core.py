"""The loop as it is: mend the last draft, as the evidence says, until it is proved or a budget is spent."""

from __future__ import annotations

from revet.agents import EvidenceCritic
from revet.agents.repair import Repair
from revet.graphs.calls import Calls, asked, judged, rounds_of
from revet.graphs.team import Options, Published, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["CORE", "cast_core"]


def cast_core(roles: Roles, options: Options, policy: Policy) -> Team:
    """Whoever proposes, revises, if nobody else is named; one critic reads the evidence, a second one may judge."""
    from revet.agents.chat import ChatAgent, ChatCritic, ChatJudge

    def writer(model: LanguageModel) -> ChatAgent:
        return ChatAgent(model, prompts=roles.prompts)

    proposer = writer(roles.model) if roles.model else Repair()
    critic = [ChatCritic(roles.critic, prompts=roles.prompts)] if roles.critic else []
    return Team(
        proposer=proposer,
        reviser=writer(roles.reviser) if roles.reviser else proposer,
        critics=(EvidenceCritic(revise_from=policy.veto_from), *critic),
        tools=(Tests(), Coverage()),
        policy=policy,
        judge=ChatJudge(roles.judge, prompts=roles.prompts) if roles.judge else None,
    )


def _calls(roles: Roles, options: Options, policy: Policy) -> Calls:
    first, again = asked(roles.model), asked(roles.reviser or roles.model)
    judging = judged(roles.judge, rounds_of(policy).most)
    return first + again * Calls(0, policy.rounds) + asked(roles.critic) * rounds_of(policy) + judging


CORE = Recipe(
    name="core",
    summary="propose, stage, examine with tools, criticise on evidence, gate; revise until proved or spent",
    cast=cast_core,
    needs="no language model: builtin:repair does",
    without_model=True,
    cost="one call a draft, and one a critique where a critic is named",
    calls=_calls,
    published=Published(
        title="The core loop",
        url="",
        flow="""
    task([task]) --> propose --> stage --> examine --> criticise --> gate{gate}
    gate -->|proved| commit([commit])
    gate -->|not proved| revise --> stage
    gate -->|a budget is spent| abstain([abstain])
""",
        test="tests/graphs/test_loop.py",
    ),
)
