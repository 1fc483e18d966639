"""Who speaks: proposers, revisers, critics and judges."""

from revet.agents.base import Choice, Critic, Judge, Memory, Proposer, Reviser, Strategy
from revet.agents.chat import ChatAgent, ChatCritic, ChatJudge, ChecklistCritic, StepCritic
from revet.agents.evidence import EvidenceCritic
from revet.agents.gui import GuiCritic, GuiProtocol
from revet.agents.preoperative import PreOperative
from revet.agents.registry import proposer
from revet.agents.replay import Replay
from revet.agents.scripted import Scripted

__all__ = [
    "ChatAgent",
    "ChatCritic",
    "ChatJudge",
    "ChecklistCritic",
    "Choice",
    "Critic",
    "EvidenceCritic",
    "GuiCritic",
    "GuiProtocol",
    "Judge",
    "Memory",
    "PreOperative",
    "Proposer",
    "Replay",
    "Reviser",
    "Scripted",
    "StepCritic",
    "Strategy",
    "proposer",
]
