"""What the casts of most recipes have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from revet.agents.base import Judge
from revet.agents.chat import ChatAgent, ChatJudge, Schedule
from revet.errors import InputError
from revet.graphs.team import Roles
from revet.models import LanguageModel
from revet.policy import Policy
from revet.schema import Severity

__all__ = ["FLAT", "beneath", "filled", "judge_of", "model_of", "writer"]

FLAT = Schedule(start=0.0, step=0.0, cap=0.0)
"""The temperature stays what it is: most publications have no schedule."""


def model_of(roles: Roles, recipe: str) -> LanguageModel:
    """The model of whoever has none of their own. Raises `InputError` where there is none."""
    if roles.model is None:
        raise InputError(f"{recipe} needs a language model", hint="name one: --model provider:name, or Agent(model=…)")
    return roles.model


def filled(policy: Policy, **published: Any) -> Policy:
    """The policy, with what it leaves open as published."""
    return policy.model_copy(update={k: v for k, v in published.items() if k not in policy.model_fields_set})


def beneath(policy: Policy) -> Severity:
    """How grave a finding is that asks for something better and holds nothing back: minor, unless even that does."""
    return Severity.minor if policy.veto_from.rank > Severity.minor.rank else Severity.info


def writer(model: LanguageModel, roles: Roles, *, prompts: Path | str | None = None, **how: Any) -> ChatAgent:
    """A proposer or reviser that drafts with `model`; `how` are arguments of `ChatAgent`."""
    return ChatAgent(model, prompts=prompts or roles.prompts, **how)


def judge_of(roles: Roles) -> Judge | None:
    """The judge that was named, or the user's own, if there is one."""
    if roles.chooser is not None:
        return roles.chooser
    return ChatJudge(roles.judge, prompts=roles.prompts) if roles.judge else None
