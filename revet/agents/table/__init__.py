"""Table-Critic's roles: a critic who judges first and finds the wrong step by examples, and a curator."""

from revet.agents.table.critic import TableCritic
from revet.agents.table.curator import Curator
from revet.agents.table.tree import SEEDS, TEMPLATE, Tree

__all__ = ["SEEDS", "TEMPLATE", "Curator", "TableCritic", "Tree"]
