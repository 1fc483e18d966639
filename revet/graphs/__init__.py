"""How it is wired: the loop as a LangGraph graph, and the agent that runs it."""

from revet.graphs.agent import Agent, AgentRun
from revet.graphs.bench import Bench
from revet.graphs.core import build
from revet.graphs.events import Event
from revet.graphs.many import vote_many
from revet.graphs.recipes import RECIPES, Recipe
from revet.graphs.state import Context, State, initial_state

__all__ = [
    "RECIPES",
    "Agent",
    "AgentRun",
    "Bench",
    "Context",
    "Event",
    "Recipe",
    "State",
    "build",
    "initial_state",
    "vote_many",
]
