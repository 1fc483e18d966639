"""Who branches, values and chooses in tree searches: with a language model, over recorded drafts, by mutation."""

from __future__ import annotations

from revet.agents.search.base import Actor, Expander, Thought, Ways
from revet.agents.search.debate import Debate
from revet.agents.search.evaluating import SelfEvaluation, ValueFunction
from revet.agents.search.mutating import Mutating
from revet.agents.search.plain import Drafting
from revet.agents.search.recorded import Recorded
from revet.agents.search.thinking import ChatThinker

__all__ = [
    "Actor",
    "ChatThinker",
    "Debate",
    "Drafting",
    "Expander",
    "Mutating",
    "Recorded",
    "SelfEvaluation",
    "Thought",
    "ValueFunction",
    "Ways",
]
