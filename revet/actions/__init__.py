"""What is done to the world: staging drafts, committing them as one durable transaction, taking them back."""

from __future__ import annotations

from revet.actions.commit import commit, find_receipt, receipts, recover, undo
from revet.actions.lock import lock
from revet.actions.paths import Protection, resolve
from revet.actions.registry import Handler, kinds, register
from revet.actions.runs import TakenBack, undo_run
from revet.actions.stage import Stage
from revet.actions.tree import Tree

__all__ = [
    "Handler",
    "Protection",
    "Stage",
    "TakenBack",
    "Tree",
    "commit",
    "find_receipt",
    "kinds",
    "lock",
    "receipts",
    "recover",
    "register",
    "resolve",
    "undo",
    "undo_run",
]
