"""Committing staged changes, taking commits back, and finishing what a crash interrupted.

The caller holds the workspace's `lock` during each of these calls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from revet.actions.checks import (
    check_journalled,
    check_paths,
    check_world,
    check_writable,
    foreign_journal,
    take_from_layer,
)
from revet.actions.journal import Home, Journal, Phase, Plan, step
from revet.actions.paths import real_workspace
from revet.actions.registry import handler_of
from revet.actions.transaction import (
    carry_out,
    conflict,
    copy_before,
    damaged,
    fetch_before,
    folders_in_the_way,
    foreign,
    missing_folders,
    roll_back,
    settle,
    sweep,
)
from revet.errors import CommitError, JournalCorrupt, StoreError, WorldMoved
from revet.sandboxes.base import Layer
from revet.schema import Action, Changes, Draft, Receipt, utcnow

__all__ = ["commit", "find_receipt", "receipts", "recover", "undo"]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the file system, told as a CommitError."""
    try:
        yield
    except OSError as error:
        raise CommitError(
            f"the workspace or its journal cannot be used: {error}", hint="check permissions and free space"
        ) from error


@_told()
def commit(workspace: Path, layer: Layer, changes: Changes, *, transaction: str, draft: Draft | None = None) -> Receipt:
    """Do to the workspace just what `changes` says, with the bytes in `layer`: all of it, durably, or nothing.

    Files are replaced by new ones: another hard link to the old one keeps the old content. `transaction`
    becomes the receipt's id. `draft` is needed where its actions do something beyond the files. Raises, with
    the workspace as it was: WorldMoved if a path is not in its `before` state or the layer does not hold what
    was examined; CommitError if the workspace cannot be written, the disk is full, or the id was used before.
    """
    root = real_workspace(workspace)
    journal = Journal(root)
    phase = journal.phase(transaction, "commit")
    if phase.path.parent.exists():
        raise CommitError(
            f"there is a transaction {transaction} already",
            hint="ask find_receipt, or recover the workspace first",
        )
    actions = tuple(action for action in draft.actions if not handler_of(action).files_only) if draft else ()
    if not changes and not actions:
        raise CommitError("there is nothing to commit")
    check_paths(changes.files)
    plan = Plan(
        workspace=Home.of(root),
        transaction=transaction,
        kind="commit",
        fingerprint=changes.fingerprint,
        files=changes.files,
        remove=folders_in_the_way(root, changes.files),
        actions=actions,
        created_at=utcnow(),
    )
    check_world(root, plan)
    plan = plan.model_copy(update={"make": missing_folders(root, plan.files, layer=layer.root)})
    check_writable(root, plan)

    def save() -> None:
        for number, file in enumerate(plan.files):
            if file.after is not None:
                take_from_layer(root, layer, file, phase.new / str(number))
                step(f"staged {number}")

    return _transact(root, journal, phase, plan, save)


@_told()
def undo(workspace: Path, receipt_id: str) -> Receipt:
    """Restore what the commit changed, byte for byte, and remove the folders it made, if they are empty.

    Returns the receipt with `undone_at`. Raises UndoConflict, naming the files, if any was edited since;
    CommitError if it was undone already; StoreError, with the ids that there are, if there is no such commit.
    """
    root = real_workspace(workspace)
    journal = Journal(root)
    done = journal.phase(receipt_id, "commit")
    check_journalled(root, done)
    plan, receipt = done.plan(), find_receipt(root, receipt_id)
    if plan is not None and not plan.workspace.is_at(root):
        raise foreign_journal(done, plan)
    if receipt is None or plan is None:
        known = ", ".join(item.id for item in receipts(root)) or "none"
        raise StoreError(f"there is no commit {receipt_id} in {root}", hint=f"the commits there: {known}")
    if receipt.undone_at is not None:
        raise CommitError(f"{receipt_id} is already undone (at {receipt.undone_at:%Y-%m-%d %H:%M:%S %Z})")
    phase = journal.phase(receipt_id, "undo")
    if phase.exists:
        raise CommitError(f"an undo of {receipt_id} was interrupted", hint="recover the workspace first")
    back = plan.reversed().model_copy(update={"kind": "undo", "created_at": utcnow()})
    edited = foreign(root, back, started=False)
    if edited:
        raise conflict(edited)
    back = back.model_copy(update={"make": missing_folders(root, back.files, back.make)})
    check_writable(root, back)

    def save() -> None:
        for number, file in enumerate(back.files):
            if file.after is not None:
                fetch_before(done, number, file, phase.new / str(number))
                step(f"staged {number}")

    return _transact(root, journal, phase, back, save)


@_told()
def find_receipt(workspace: Path, transaction: str) -> Receipt | None:
    """The receipt of a commit that is done, undone or not; None if there is none, or only another workspace's.

    A run that is resumed asks this, after `recover`, before it commits.
    """
    root = real_workspace(workspace)
    journal = Journal(root)
    phase = journal.phase(transaction, "commit")
    plan, receipt = phase.plan(), phase.receipt()
    if plan is None or receipt is None or not plan.workspace.is_at(root):
        return None
    return journal.phase(transaction, "undo").receipt() or receipt


@_told()
def receipts(workspace: Path) -> list[Receipt]:
    """Every commit that is done in this workspace, oldest first, with `undone_at` where it was undone."""
    root = real_workspace(workspace)
    found = (find_receipt(root, name) for name in Journal(root).transactions())
    return sorted((receipt for receipt in found if receipt is not None), key=lambda item: item.committed_at)


@_told()
def recover(workspace: Path) -> list[str]:
    """Finish or roll back what a crash interrupted; call it at the start of every run. Returns what was done,
    a line for each transaction. Can itself be interrupted anywhere, and called again.

    What was not fully prepared is dropped: nothing had happened. What was prepared is finished, unless
    someone has edited one of its files meanwhile: then it is rolled back, their edits stay, and the line
    names them. JournalCorrupt if a record is damaged, or tells of another workspace; then nothing is touched.
    """
    root = real_workspace(workspace)
    journal = Journal(root)
    phases = [journal.phase(name, kind) for name in journal.transactions() for kind in ("commit", "undo")]
    for phase in phases:
        if phase.exists:
            check_journalled(root, phase)
    lines = [line for phase in phases if phase.exists for line in _recover(root, journal, phase)]
    journal.tidy()
    return lines


# --- one transaction ------------------------------------------------------------------


def _transact(root: Path, journal: Journal, phase: Phase, plan: Plan, save: Callable[[], None]) -> Receipt:
    """Journal the plan, carry it out, and return the receipt; or leave everything as it was, and raise."""
    try:
        journal.open()
        phase.create()
        save()
        copy_before(root, plan, phase)
        phase.sync()
        step("blobs durable")
        phase.prepare(plan)
    except BaseException as error:
        phase.discard()
        journal.tidy()
        if isinstance(error, OSError):
            raise CommitError(f"the {plan.kind} cannot be prepared: {error}; nothing was changed") from error
        raise
    try:
        receipt = _forward(root, phase, plan)
    except BaseException as error:
        left = _backward(root, journal, phase, plan)
        if isinstance(error, OSError):
            raise CommitError(f"the {plan.kind} failed: {error}; it was rolled back{_kept(plan, left)}") from error
        raise
    # It is done; what cannot be cleared away now, recover clears away later.
    with contextlib.suppress(OSError):
        _clean(phase, plan)
    return receipt


def _forward(root: Path, phase: Phase, plan: Plan) -> Receipt:
    if plan.kind == "undo":
        _effects(plan, "undo")
    carry_out(root, plan, phase, blobs=(phase.new,))
    if plan.kind == "commit":
        _effects(plan, "commit")
    receipt = _receipt(root, phase, plan)
    phase.finish(receipt)
    return receipt


def _backward(root: Path, journal: Journal, phase: Phase, plan: Plan) -> list[str]:
    """Roll back. Returns the paths that someone else changed since. CommitError if the disk does not let
    us.
    """
    try:
        phase.abort()
        if plan.kind == "commit":
            _effects(plan, "undo")
        left = roll_back(root, plan, phase)
        phase.discard()
        journal.tidy()
    except OSError as error:
        raise CommitError(
            f"the {plan.kind} of {plan.transaction} failed and cannot be rolled back yet: {error}",
            hint=f"put right what the message says, then run again: {phase.path} holds all that is needed",
        ) from error
    return left


def _clean(phase: Phase, plan: Plan) -> None:
    """Drop what a finished transaction does not need any more; after an undo, the saved files of the commit
    too.
    """
    phase.drop(phase.new)
    if plan.kind == "commit":
        settle(plan, phase)
    else:
        done = Phase(phase.path.parent / "commit")
        phase.drop(phase.gone, phase.old, done.gone, done.old)


def _receipt(root: Path, phase: Phase, plan: Plan) -> Receipt:
    if plan.kind == "undo":
        done = Phase(phase.path.parent / "commit").receipt()
        if done is None:
            raise JournalCorrupt(f"{phase.path} undoes a commit that has no receipt", hint="keep the folder")
        return done.model_copy(update={"undone_at": utcnow()})
    return Receipt(
        id=plan.transaction,
        workspace=str(root),
        fingerprint=plan.fingerprint,
        files=plan.files,
        committed_at=utcnow(),
    )


def _effects(plan: Plan, what: Literal["commit", "undo"]) -> None:
    """What the actions do beyond the files, in order; taken back in reverse."""
    numbered: Sequence[tuple[int, Action]] = list(enumerate(plan.actions))
    for number, action in numbered if what == "commit" else numbered[::-1]:
        handler, key = handler_of(action), f"{plan.transaction}:{number}"
        handler.commit(action, key) if what == "commit" else handler.undo(action, key)
        step(f"{what} effect {number}")


def _recover(root: Path, journal: Journal, phase: Phase) -> list[str]:
    name = f"{phase.path.name} {phase.path.parent.name}"
    plan, aborted = phase.plan(), phase.aborted()
    if phase.receipt() is not None:
        if plan is not None and plan.workspace.is_at(root):
            sweep(root, plan)
            _clean(phase, plan)
        return []
    if aborted is not None:
        _check_blobs(root, aborted.reversed(), phase, phase.old)
        return [f"{name}: rolled back{_kept(aborted, _backward(root, journal, phase, aborted))}"]
    if plan is None:
        phase.discard()
        return [f"{name}: was not fully prepared, so nothing had happened; dropped"]
    if foreign(root, plan, started=True):
        _check_blobs(root, plan.reversed(), phase, phase.old)
        return [f"{name}: rolled back{_kept(plan, _backward(root, journal, phase, plan))}"]
    _check_blobs(root, plan, phase, phase.new)
    sweep(root, plan)
    try:
        _forward(root, phase, plan)
    except Exception as error:
        left = _backward(root, journal, phase, plan)
        if isinstance(error, OSError | WorldMoved):
            return [f"{name}: could not be finished ({error}); rolled back{_kept(plan, left)}"]
        raise
    _clean(phase, plan)
    return [f"{name}: finished ({len(plan.files)} files)"]


def _check_blobs(root: Path, plan: Plan, phase: Phase, blobs: Path) -> None:
    lost = damaged(root, plan, blobs)
    if lost:
        raise JournalCorrupt(
            f"{blobs} does not hold what the record says for {', '.join(lost)}; nothing was touched",
            hint=f"keep a copy of {phase.path}, restore these files by hand, then remove the folder",
        )


def _kept(plan: Plan, left: Sequence[str]) -> str:
    if not left:
        return ""
    return (
        f"; left as found, because edited since: {', '.join(left)}"
        f" (from before, where there was one: .revet/rescued/{plan.transaction}/)"
    )
