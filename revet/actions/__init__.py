"""What is done to the world: staging drafts, committing them as one durable transaction, taking them back."""

from __future__ import annotations

from revet.actions.calls import Function, Functions, action, mcp_action
from revet.actions.commit import commit, find_receipt, receipts, recover, undo
from revet.actions.lock import lock
from revet.actions.paths import Protection, resolve
from revet.actions.registry import EffectUncertain, Handler, Staging, kinds, register
from revet.actions.runs import TakenBack, undo_run
from revet.actions.shell import RunCommandHandler
from revet.actions.sql.handler import SqlHandler
from revet.actions.stage import Stage
from revet.actions.tree import Tree

__all__ = [
    "EffectUncertain",
    "Function",
    "Functions",
    "Handler",
    "Protection",
    "RunCommandHandler",
    "SqlHandler",
    "Stage",
    "Staging",
    "TakenBack",
    "Tree",
    "action",
    "commit",
    "find_receipt",
    "kinds",
    "lock",
    "mcp_action",
    "receipts",
    "recover",
    "register",
    "resolve",
    "undo",
    "undo_run",
]
