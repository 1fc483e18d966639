"""Taking back what a run committed, and writing that down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from revet import traces
from revet.actions.commit import recover, undo
from revet.actions.lock import lock
from revet.errors import InputError
from revet.schema import Receipt, Run
from revet.store import Store

__all__ = ["TakenBack", "undo_run"]


@dataclass(frozen=True)
class TakenBack:
    """The run with its receipt marked undone, and a line for each interrupted transaction that was put right before."""

    run: Run
    recovered: tuple[str, ...] = ()


def undo_run(run: Run, store: Store, *, partial: bool = False) -> TakenBack:
    """Restore the workspace byte for byte, take back what was done beyond it, and save the run with its receipt marked
    undone. Where something cannot be taken back nothing is, unless `partial` asks for the rest.

    Raises `InputError` for a run that committed nothing, `UndoConflict` (naming the files) if one was edited since,
    `CommitError` for what cannot be taken back, `WorkspaceBusy` while another run works there.
    """
    if run.receipt is None:
        hint = f"it ended {run.outcome.value}; `revet show {run.id}` says why"
        raise InputError(f"run {run.id} committed nothing, so there is nothing to undo", hint=hint)
    given = {"gen_ai.conversation.id": run.id, "revet.run": run.id, "revet.receipt": run.receipt.id}
    with traces.span("undo", given):
        return _undone(run, run.receipt, store, partial=partial)


def _undone(run: Run, receipt: Receipt, store: Store, *, partial: bool) -> TakenBack:
    workspace = Path(receipt.workspace)
    with lock(workspace):  # until it is written down: of two who undo at once, the later one's record is the last
        recovered = recover(workspace)
        known = store.find(run.id) or run  # another process may have gone on with it since it was read
        receipt = undo(workspace, receipt.id, partial=partial)
        taken_back = known.model_copy(update={"receipt": receipt})
        store.save(taken_back)
    return TakenBack(taken_back, tuple(recovered))
