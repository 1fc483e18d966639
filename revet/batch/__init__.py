"""Many tasks: read as a stream, several at once, each with one result, on this machine or on a cluster."""

from __future__ import annotations

from revet.batch.agents import SharedAgents, kept_settings
from revet.batch.batch import Batch, Spending
from revet.batch.course import Agents, Asker, Reply, Runner, seconds_left
from revet.batch.held import Held
from revet.batch.results import Results, default_place, open_results
from revet.batch.totals import Totals

__all__ = [
    "Agents",
    "Asker",
    "Batch",
    "Held",
    "Reply",
    "Results",
    "Runner",
    "SharedAgents",
    "Spending",
    "Totals",
    "default_place",
    "kept_settings",
    "open_results",
    "seconds_left",
]
