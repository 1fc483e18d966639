"""Language models in the roles of the loop. Their prompts are the files in ``prompts`` beside this one."""

from revet.agents.chat.agent import ChatAgent
from revet.agents.chat.checklist import ChecklistCritic
from revet.agents.chat.claims import ClaimsCritic
from revet.agents.chat.critic import ChatCritic
from revet.agents.chat.heard import Schedule
from revet.agents.chat.judge import ChatJudge
from revet.agents.chat.queries import QueryEnsemble
from revet.agents.chat.steps import StepCritic

__all__ = [
    "ChatAgent",
    "ChatCritic",
    "ChatJudge",
    "ChecklistCritic",
    "ClaimsCritic",
    "QueryEnsemble",
    "Schedule",
    "StepCritic",
]
