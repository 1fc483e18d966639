"""Whose turn it is at a run: one process's at a time, and a person's only while what they were asked is still asked.

A run's record says that it waits until the next record is written. If the process that took an answer is killed before,
the record is of a question that is over, and the checkpoint is where the run really is. An answer that was given to
that record would be taken for one to the next question, which nobody has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from revet.errors import InputError
from revet.graphs.persistence import asked_in
from revet.graphs.progress import snapshot_of
from revet.schema import Model, Run, RunOutcome
from revet.schema.base import Data, to_json
from revet.store import Store

__all__ = ["alone", "taken_up"]


@asynccontextmanager
async def alone(store: Store, run: str, seen: Run | None = None) -> AsyncIterator[None]:
    """Be the only one at work on the run. StoreError if somebody else is; InputError if it is not any more as it was
    `seen` by who answered it, for the answer is to that.
    """
    async with _held(store.alone(run)):
        if seen is not None:
            await asyncio.to_thread(_check, store, seen)
        yield


@asynccontextmanager
async def _held(lease: AbstractContextManager[None]) -> AsyncIterator[None]:
    """Inside `lease`, which may take its time to be had and to be given back, and is neither kept nor lost halfway if
    who waits for that gives up.
    """
    await _to_its_end(lease.__enter__, undo=lambda: lease.__exit__(None, None, None))
    try:
        yield
    finally:
        await _to_its_end(lambda: lease.__exit__(None, None, None))


async def _to_its_end(act: Callable[[], object], undo: Callable[[], object] = lambda: None) -> None:
    """`act` in a thread. If who waits for it is cancelled, `undo` follows it."""
    acting = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        await asyncio.shield(acting)
    except asyncio.CancelledError:
        await asyncio.wait({acting})
        if acting.exception() is None:
            await asyncio.to_thread(undo)
        raise


def taken_up(store: Store, run: Run) -> bool:
    """True if the question that this record of a waiting run is of was answered, though no other record followed: the
    process at work on it has not come to its end or to a question, or was stopped before it had.

    Nothing is written. Raises `StoreError` for checkpoints that cannot be read.
    """
    snapshot = snapshot_of(store, run.id) if run.outcome is RunOutcome.asked else None
    if snapshot is None:
        return False
    state = snapshot.values
    if len(state["attempts"]) != len(run.attempts) or not any(task.interrupts for task in snapshot.tasks):
        return True
    question = asked_in(snapshot)
    if question is None:
        return bool(run.question) or state.get("asked_at") != run.asked_at
    return _as_kept(question) != _as_kept(run.question)


class _Asked(Model):
    question: Data


def _as_kept(question: Data) -> str:
    return to_json(_Asked(question=question))


def _check(store: Store, seen: Run) -> None:
    known = store.find(seen.id)
    if known is None or to_json(known) != to_json(Run.model_validate_json(to_json(seen))):  # as it is read when kept
        hint = f"look again: `revet show {seen.id}`"
        raise InputError(f"run {seen.id} has gone on since it was answered", hint=hint)
    if taken_up(store, seen):
        hint = "go on with it: --resume on the command line, `agent.run(task, run_id=…)` in a program"
        raise InputError(f"run {seen.id} was answered before, and broke off while it went on", hint=hint)
