"""Who examines drafts, whatever the method: the task's own checks by the tools, and the critic who reads them."""

from __future__ import annotations

from revet.agents.base import Critic
from revet.agents.chat import ChatCritic
from revet.agents.evidence import EvidenceCritic
from revet.graphs.team import Roles
from revet.policy import Policy
from revet.tools import Coverage, Tests
from revet.tools.base import Tool

__all__ = ["examiners", "examining_tools"]


def examiners(roles: Roles, policy: Policy) -> tuple[Critic, ...]:
    """The critic who reads the evidence, and the one that the user named, if any."""
    named = (ChatCritic(roles.critic, prompts=roles.prompts),) if roles.critic else ()
    return EvidenceCritic(revise_from=policy.veto_from), *named


def examining_tools() -> tuple[Tool, ...]:
    """They run the task's checks; where it names none, they plan nothing."""
    return Tests(), Coverage()
