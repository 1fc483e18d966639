"""From the name of a model to the agent that speaks for it."""

from __future__ import annotations

from revet import models
from revet.agents.base import Proposer

__all__ = ["proposer"]


def proposer(name: str) -> Proposer:
    """The proposer (and reviser) for ``provider:name``. Raises `InputError` if there is none."""
    models.parse(name)
    from revet.agents.repair import Repair

    return Repair()
