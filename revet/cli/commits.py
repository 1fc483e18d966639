"""What runs committed that have no record to say so: they were killed, or broke off, after the commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from revet.actions import lock, receipts, recover, undo
from revet.errors import InputError

if TYPE_CHECKING:
    from revet.schema import Receipt
    from revet.store import Row, Store

__all__ = ["commits_of", "take_back"]


def commits_of(workspace: Path, run_id: str) -> list[Receipt]:
    """What the workspace's journal holds of this run and was not undone, oldest first."""
    return [r for r in receipts(workspace) if r.id.rpartition(".")[0] == run_id and r.undone_at is None]


def take_back(row: Row, store: Store, *, partial: bool = False) -> tuple[Receipt, list[str]]:
    """Undo what the run of `row` committed. Returns the receipt, and what recovery had to do before that.

    The receipt is found in the workspace's journal, for the run never wrote it down. Raises `InputError` if there is
    none, and as `revet.actions.undo` does.
    """
    hint = "it did not end; the same command with --resume goes on with it"
    nothing = InputError(f"run {row.id} committed nothing, so there is nothing to undo", hint=hint)
    if row.workspace is None:
        raise nothing
    workspace = Path(row.workspace)
    with lock(workspace):
        recovered = recover(workspace)
        found = commits_of(workspace, row.id)
        if not found:
            raise nothing
        receipt = undo(workspace, found[-1].id, partial=partial)
        record = store.find(row.id)
        if record is None:
            store.mark_undone(row.id)
        else:
            store.save(record.model_copy(update={"receipt": receipt}))
    return receipt, recovered
