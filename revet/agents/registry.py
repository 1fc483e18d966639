"""From the name of a model, or a model, to the agent that speaks for it."""

from __future__ import annotations

from pathlib import Path

from revet import models
from revet.agents.base import Proposer
from revet.errors import InputError
from revet.models import LanguageModel

__all__ = ["proposer"]


def proposer(model: str | LanguageModel | Proposer, *, prompts: Path | str | None = None) -> Proposer:
    """Who proposes (and revises): ``builtin:repair`` by name, a `ChatAgent` for a language model, a proposer as it is.

    Raises `InputError` for a name that is not built in: a language model is loaded by `revet.models.Library`.
    """
    if isinstance(model, LanguageModel):
        from revet.agents.chat import ChatAgent

        return ChatAgent(model, prompts=prompts)
    if not isinstance(model, str):
        return model
    spec = models.parse(model)
    if str(spec) not in models.BUILTIN:
        raise InputError(
            f"{model} is a language model, and not loaded yet",
            hint="give what revet.models.Library().get(…) returns, or a revet.Agent the name",
        )
    from revet.agents.repair import Repair

    return Repair()
