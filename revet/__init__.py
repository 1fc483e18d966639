"""Revet: agents that prove before they commit.

The public names are loaded when they are first used, so that ``import revet`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from revet import actions, agents, evals, graphs, models, report, sandboxes, store, tools
    from revet.errors import RevetError
    from revet.graphs import Agent, AgentRun
    from revet.policy import Policy
    from revet.schema import Check, Critique, Decision, Draft, Evidence, Finding, Receipt, Run, Task

__version__ = "0.1.0"

_HOMES = {
    "Agent": "revet.graphs",
    "AgentRun": "revet.graphs",
    "Check": "revet.schema",
    "Critique": "revet.schema",
    "Decision": "revet.schema",
    "Draft": "revet.schema",
    "Evidence": "revet.schema",
    "Finding": "revet.schema",
    "Policy": "revet.policy",
    "Receipt": "revet.schema",
    "RevetError": "revet.errors",
    "Run": "revet.schema",
    "Task": "revet.schema",
}
_ROOMS = ("actions", "agents", "evals", "graphs", "models", "report", "sandboxes", "store", "tools")

__all__ = [
    "Agent",
    "AgentRun",
    "Check",
    "Critique",
    "Decision",
    "Draft",
    "Evidence",
    "Finding",
    "Policy",
    "Receipt",
    "RevetError",
    "Run",
    "Task",
    "__version__",
    "actions",
    "agents",
    "evals",
    "graphs",
    "models",
    "report",
    "sandboxes",
    "store",
    "tools",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"revet.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'revet' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return list(__all__)
