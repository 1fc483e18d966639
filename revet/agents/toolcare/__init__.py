"""Roles that take care of tools: one that calls them and copes with what fails, and those that document one."""

from __future__ import annotations

from revet.agents.toolcare.calling import SaidTurn, ToolUser
from revet.agents.toolcare.documenting import Analyser, Explorer, Rewriter, SaidQuery, SaidRewriting, SaidSuggestion
from revet.agents.toolcare.made import CALLS, Made, calls_made, failures_in, fault_of

__all__ = [
    "CALLS",
    "Analyser",
    "Explorer",
    "Made",
    "Rewriter",
    "SaidQuery",
    "SaidRewriting",
    "SaidSuggestion",
    "SaidTurn",
    "ToolUser",
    "calls_made",
    "failures_in",
    "fault_of",
]
