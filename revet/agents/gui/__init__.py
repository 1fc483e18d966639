"""Steps on a screen: the critic that examines them before they are taken, and the protocol around it."""

from revet.agents.gui.acting import GuiSteps, perform_with
from revet.agents.gui.critic import GuiCritic, situation_of
from revet.agents.gui.protocol import GuiAdvice, GuiDecision, GuiProtocol, GuiTry
from revet.agents.gui.situation import GuiSituation, parse_decision, shown

__all__ = [
    "GuiAdvice",
    "GuiCritic",
    "GuiDecision",
    "GuiProtocol",
    "GuiSituation",
    "GuiSteps",
    "GuiTry",
    "parse_decision",
    "perform_with",
    "shown",
    "situation_of",
]
