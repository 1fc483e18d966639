"""`written_from`: a proposer and reviser that goes about a task from one perspective."""

from __future__ import annotations

from revet.agents.chat.agent import ChatAgent
from revet.agents.chat.fence import fence
from revet.agents.chat.heard import Schedule
from revet.agents.chat.sections import section
from revet.agents.contrast.contraster import HOME
from revet.agents.prefixed import Prefixed
from revet.models import LanguageModel
from revet.tools.base import View

__all__ = ["written_from"]

LEVEL = Schedule(step=0.0)


def written_from(
    perspective: str, view: View, model: LanguageModel, *, prompts: str | None, temperature: float | None
) -> ChatAgent:
    """Whoever writes so is shown the perspective, fenced with the secret of `view`: a model may have written it."""
    told = section("Your perspective", fence(perspective, view.secret, "perspective") if perspective else "")
    own = Prefixed("contrast", prompts, home=HOME, perspective=told)
    return ChatAgent(model, prompts=own, name="perspective", temperature=temperature, schedule=LEVEL)
