"""Many tasks: read as a stream, several at once, each with one result, on this machine or on a cluster."""

from __future__ import annotations

from revet.batch.agents import SharedAgents, kept_settings
from revet.batch.batch import Agents, Asker, Batch, Held, Reply, Runner, seconds_left
from revet.batch.totals import Totals

__all__ = [
    "Agents",
    "Asker",
    "Batch",
    "Held",
    "Reply",
    "Runner",
    "SharedAgents",
    "Totals",
    "kept_settings",
    "seconds_left",
]
