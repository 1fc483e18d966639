"""The methods that Revet can run, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from revet.agents import EvidenceCritic
from revet.agents.repair import Repair
from revet.graphs.critic import CRITIC
from revet.graphs.team import Options, Recipe, Roles, Team
from revet.models import LanguageModel
from revet.policy import Policy
from revet.tools import Coverage, Tests

__all__ = ["RECIPES", "Options", "Recipe", "Roles", "Team"]


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


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="core",
                summary="propose, stage, examine with tools, criticise on evidence, gate; revise until proved or spent",
                cast=cast_core,
                needs="no language model: builtin:repair does",
                without_model=True,
            ),
            CRITIC,
        )
    }
)
