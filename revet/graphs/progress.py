"""How far a run is that has not ended: read from its last checkpoint, which another process may be about to replace.

A checkpoint is written after every step, so what a step has done so far is not known: only which one it is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.types import StateSnapshot
from pydantic import ValidationError

from revet.errors import StoreError
from revet.graphs.nodes import run_of
from revet.graphs.packing import Packer
from revet.graphs.persistence import compiled
from revet.graphs.state import State
from revet.schema import Attempt, Decision, DecisionKind, Model, Run, RunOutcome
from revet.store import BUSY_SECONDS, Store

__all__ = ["SoFar", "snapshot_of", "so_far"]

Work = Literal["at work", "stopped", "unknown"]

DOING = {
    "prepare": "looks at the workspace as it is",
    "propose": "writes the first draft",
    "stage": "applies the draft to a copy",
    "examine": "runs the checks and tools on the draft",
    "criticise": "hears the critics",
    "gate": "decides",
    "revise": "writes the next draft",
    "choose": "chooses between drafts",
    "ask": "waits for a person",
    "listen": "reads a person's answer",
    "commit": "commits the draft",
    "finish": "writes down how it ended",
}
"""What a run does in each step of the loop."""

_ANY = "SELECT 1 FROM sqlite_master LIMIT 1"
_LATEST = (
    "SELECT checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ''"
    " ORDER BY checkpoint_id DESC LIMIT 1"
)
_WRITES = (
    "SELECT task_id, channel, type, value FROM writes WHERE thread_id = ? AND checkpoint_ns = '' AND checkpoint_id = ?"
)


class SoFar(Model):
    """What is known of a run that has not ended.

    `run` is its record as far as it goes (its `outcome` is failed, for it is none that ended); a draft in work is its
    last attempt, without a decision. `step` is what it is at, or was when it broke off; `doing` says that in words.
    `work` says whether some process is at it. `changed_at` is when the last step ended.
    """

    run: Run
    step: str
    doing: str
    round: int
    work: Work
    changed_at: datetime | None = None


def so_far(store: Store, run_id: str) -> SoFar | None:
    """How far the run with exactly this id is; None where nothing is known of it beyond that it was begun.

    Nothing is written. Raises `StoreError` for checkpoints that cannot be read.
    """
    snapshot = snapshot_of(store, run_id)
    if snapshot is None:
        return None
    state = cast(State, snapshot.values)
    step = snapshot.next[0] if snapshot.next else "finish"
    working = store.worked_on(run_id)
    work: Work = "unknown" if working is None else "at work" if working else "stopped"
    record = _record(state, step).model_copy(update={"setup": store.setup(run_id)})
    return SoFar(
        run=record,
        step=step,
        doing=DOING.get(step, step),
        round=state["round"],
        work=work,
        changed_at=datetime.fromisoformat(snapshot.created_at) if snapshot.created_at else None,
    )


def snapshot_of(store: Store, run_id: str) -> StateSnapshot | None:
    """The run's last checkpoint; None where there is none. Nothing is written. Raises `StoreError` as `so_far`."""
    with _reading(store) as saver:
        if saver is None:
            return None
        try:
            snapshot = compiled(saver).get_state({"configurable": {"thread_id": run_id}})
        except (AttributeError, KeyError, TypeError, ValidationError, ValueError) as error:  # bytes of something else
            where = store.shown if store.url else store.checkpoints
            raise StoreError(
                f"the checkpoint of run {run_id} in {where} cannot be read",
                hint="it was written by another version of revet, or is damaged; use that version to read it",
            ) from error
    return snapshot if "task" in snapshot.values else None


@contextmanager
def _reading(store: Store) -> Iterator[BaseCheckpointSaver[str] | None]:
    """The checkpoints as they are at one instant; None where there are none yet."""
    if store.url is not None:
        from revet.graphs.pg_checkpoints import reading

        with reading(store.url) as saver:
            yield saver
        return
    if not store.checkpoints.exists():
        yield None
        return
    with store.errors(store.checkpoints), closing(_connected(store.checkpoints)) as db:
        db.execute("BEGIN")  # all parts are read as they were at one instant
        # The store is made before its first run writes a checkpoint.
        yield None if db.execute(_ANY).fetchone() is None else _Reader(db)


def _record(state: State, step: str) -> Run:
    """The record as far as it goes, with the draft that is in work."""
    decision = Decision(kind=DecisionKind.abstain, reasons=(f"it has not ended: it {DOING.get(step, step)}",))
    run = run_of(state, RunOutcome.failed, decision)
    draft = state["draft"]
    known = state["attempts"][-1] if state["attempts"] else None
    decided = known is not None and draft is not None and (known.round, known.draft.id) == (state["round"], draft.id)
    if draft is None or decided:
        return run
    current = Attempt(
        round=state["round"],
        draft=draft,
        changes=state["changes"],
        evidence=tuple(state["evidence"]),
        critiques=tuple(state["critiques"]),
    )
    return run.model_copy(update={"attempts": (*run.attempts, current)})


class _Reader(BaseCheckpointSaver[str]):
    """The newest checkpoint of a run, read from a connection that sees the database at one instant."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(serde=Packer(self._part))
        self._db = db

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread = str(config["configurable"]["thread_id"])
        row = self._db.execute(_LATEST, (thread,)).fetchone()
        if row is None:
            return None
        checkpoint_id, kind, data, about = row
        writes = [
            (str(task), str(channel), self.serde.loads_typed((of, value)))
            for task, channel, of, value in self._db.execute(_WRITES, (thread, checkpoint_id))
        ]
        metadata: Mapping[str, Any] = json.loads(about) if about else {}
        at: RunnableConfig = {
            "configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": str(checkpoint_id)}
        }
        return CheckpointTuple(at, self.serde.loads_typed((kind, data)), cast(Any, metadata), None, writes)

    def _part(self, thread: str, digest: str) -> bytes:
        found = self._db.execute("SELECT data FROM parts WHERE thread_id = ? AND digest = ?", (thread, digest))
        row = found.fetchone()
        if row is None:
            raise StoreError(f"a checkpoint of run {thread} lacks a part", hint="start the task anew")
        return bytes(row[0])


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
