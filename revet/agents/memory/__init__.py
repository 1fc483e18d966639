"""Memory: what runs teach, kept in the store, and shown to later runs that it may help."""

from revet.agents.memory.distil import ChatDistiller
from revet.agents.memory.lessons import corrections, proved, trajectory
from revet.agents.memory.text import TextMemory

__all__ = ["ChatDistiller", "TextMemory", "corrections", "proved", "trajectory"]
