"""The roles of CRITIC (Gou et al. 2024, arXiv 2305.11738): verify with tools, then correct."""

from revet.agents.critic.last import LastAnswer
from revet.agents.critic.oracle import OracleCritic
from revet.agents.critic.program import ProgramAgent, ProgramCritic
from revet.agents.critic.question import QuestionAgent, QuestionCritic
from revet.agents.critic.text import TextAgent, TextCritic

__all__ = [
    "LastAnswer",
    "OracleCritic",
    "ProgramAgent",
    "ProgramCritic",
    "QuestionAgent",
    "QuestionCritic",
    "TextAgent",
    "TextCritic",
]
