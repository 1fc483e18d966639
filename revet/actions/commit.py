"""Committing staged changes, taking commits back, and finishing what a crash interrupted.

The caller holds the workspace's `lock` during each of these calls.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from revet.actions.checks import (
    check_actions,
    check_journalled,
    check_paths,
    check_undoable,
    check_world,
    check_writable,
    foreign_journal,
    take_from_layer,
)
from revet.actions.journal import Folder, Home, Journal, Phase, Plan, step
from revet.actions.parts import Parts, in_order
from revet.actions.paths import real_workspace
from revet.actions.registry import handler_of
from revet.actions.transaction import (
    carry_out,
    conflict,
    copy_before,
    damaged,
    fetch_before,
    folders_to_remove,
    foreign,
    missing_folders,
    roll_back,
    settle,
    sweep,
)
from revet.errors import CommitError, JournalCorrupt, StoreError, UndoConflict
from revet.sandboxes.base import Layer
from revet.schema import Changes, Draft, Receipt, utcnow

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
    becomes the receipt's id. `draft` is needed where its actions do something beyond the files: after files and
    folders come those that can be taken back, then those that cannot, each in the draft's order. Raises, with
    the world as it was: WorldMoved if a path is not in its `before` state or the layer does not hold what
    was examined; CommitError if the workspace cannot be written, the disk is full, the id was used before, or an
    action failed: it says what was taken back and what could not be, and that is kept as a receipt that `failed`.

    Where nobody can know whether an effect happened, the commit ends there: see `Receipt.uncertain`.
    """
    root = real_workspace(workspace)
    journal = Journal(root)
    phase = journal.phase(transaction, "commit")
    if phase.path.parent.exists():
        raise CommitError(
            f"there is a transaction {transaction} already",
            hint="ask find_receipt, or recover the workspace first",
        )
    beyond = [(i, a) for i, a in enumerate(draft.actions if draft else ()) if not handler_of(a).files_only]
    parts = in_order(beyond, changes)
    if not changes and not parts:
        raise CommitError("there is nothing to commit")
    check_paths((*changes.files, *changes.folders))
    plan = Plan(
        workspace=Home.of(root),
        transaction=transaction,
        kind="commit",
        fingerprint=changes.fingerprint,
        files=changes.files,
        folders=changes.folders,
        remove=folders_to_remove(root, changes.files, changes.folders),
        actions=tuple(action for _, action, _ in parts),
        places=tuple(place for place, _, _ in parts),
        reversible=tuple(reversible for _, _, reversible in parts),
        changes=Changes(folders=changes.folders, tables=changes.tables, calls=changes.calls) if parts else None,
        attempt=secrets.token_hex(4) if parts else "",
        created_at=utcnow(),
    )
    check_world(root, plan)
    made = [Folder(path=each.path, mode=each.mode) for each in changes.folders if each.made]
    plan = plan.model_copy(update={"make": missing_folders(root, plan.files, made, layer=layer.root)})
    check_writable(root, plan)

    def save() -> None:
        for number, file in enumerate(plan.files):
            if file.after is not None:
                take_from_layer(root, layer, file, phase.new / str(number))
                step(f"staged {number}")

    return _transact(root, journal, phase, plan, save)


@_told()
def undo(workspace: Path, receipt_id: str, *, partial: bool = False) -> Receipt:
    """Restore what the commit changed, byte for byte, and remove the folders it made, if they are empty. What was
    done beyond the files is taken back first, the last first.

    Returns the receipt with `undone_at`. Raises UndoConflict, naming the files, if any was edited since;
    CommitError if it was undone already, or if something of it cannot be taken back: then nothing is, unless
    `partial` asks for the rest; StoreError, with the ids that there are, if there is no such commit.
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
    check_undoable(receipt, partial=partial)
    check_actions(done, plan, "taken back")
    back = plan.reversed().model_copy(update={"kind": "undo", "partial": partial, "created_at": utcnow()})
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
    plan, receipt = phase.plan() or phase.aborted(), phase.receipt()
    if plan is None or receipt is None or not plan.workspace.is_at(root):
        return None
    undone = journal.phase(transaction, "undo").receipt()
    if undone is not None or not plan.reversible:
        return undone or receipt
    return receipt.model_copy(update={"effects": Parts(plan, phase).receipts()})  # an undo may have ended half-way


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
    names them. What was done beyond the files is not done again; where nobody can know that, the line says so.
    JournalCorrupt if a record is damaged, or tells of another workspace; then nothing is touched.
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
        if plan.kind == "commit":
            Parts(plan, phase).prepare()
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
        left, stays = _backward(root, journal, phase, plan, str(error) or type(error).__name__)
        if isinstance(error, OSError) or stays:
            said = f"the {plan.kind} failed: {error}; it was rolled back{_kept(plan, left)}{_staying(plan, stays)}"
            if isinstance(error, UndoConflict):
                raise UndoConflict(said, paths=error.paths) from error
            raise CommitError(said) from error
        raise
    # It is done; what cannot be cleared away now, recover clears away later.
    with contextlib.suppress(OSError):
        _clean(phase, plan)
    return receipt


def _forward(root: Path, phase: Phase, plan: Plan) -> Receipt:
    parts = _parts(phase, plan)
    if plan.kind == "undo":
        parts.undo()
    if plan.kind == "undo" or not parts.files_done:
        carry_out(root, plan, phase, blobs=(phase.new,))
    if plan.kind == "commit":
        parts.files_are_done()
        parts.commit()
    receipt = _receipt(root, phase, plan)
    phase.finish(receipt)
    return receipt


def _parts(phase: Phase, plan: Plan) -> Parts:
    """The effects of the commit, of which the phase may be the undo."""
    return Parts(plan, phase if plan.kind == "commit" else Phase(phase.path.parent / "commit"))


def _backward(root: Path, journal: Journal, phase: Phase, plan: Plan, why: str) -> tuple[list[str], list[str]]:
    """Roll back. Returns the paths that someone else changed since, and the effects that stay: of an undo, those that
    it has taken back stay so. A commit of which something stays leaves a receipt that says so, and is never repeated.

    CommitError if the disk, or a handler, does not let us.
    """
    parts = _parts(phase, plan)
    try:
        phase.abort()
        if plan.kind == "commit":
            parts.compensate()
        left = roll_back(root, plan, phase)
        effects = parts.receipts()
        if plan.kind == "undo":
            stays = [each.what for each in effects if each.undone]
        else:
            stays = [each.what for each in effects if (each.done or each.uncertain) and not each.undone]
        if stays and plan.kind == "commit":
            phase.finish(_receipt(root, phase, plan).model_copy(update={"undone_at": utcnow(), "failed": why}))
            _clean(phase, plan)
        else:
            if plan.kind == "commit":
                parts.settle("taken back")
            phase.discard()
        journal.tidy()
    except (OSError, CommitError) as error:
        if isinstance(error, JournalCorrupt):
            raise
        raise CommitError(
            f"the {plan.kind} of {plan.transaction} failed ({why}) and cannot be rolled back yet: {error}",
            hint=f"put right what the message says, then run again: {phase.path} holds all that is needed",
        ) from error
    return left, stays


def _clean(phase: Phase, plan: Plan) -> None:
    """Drop what a finished transaction does not need any more; after an undo, the saved files of the commit
    too.
    """
    parts = _parts(phase, plan)
    parts.settle(plan.kind)
    phase.drop(phase.new)
    if plan.kind == "undo":
        phase.drop(phase.gone, phase.old, parts.phase.gone, parts.phase.old, parts.phase.effects)
    elif phase.aborted() is not None:
        phase.drop(phase.gone, phase.old, phase.effects)
    else:
        settle(plan, phase)


def _receipt(root: Path, phase: Phase, plan: Plan) -> Receipt:
    effects = _parts(phase, plan).receipts()
    if plan.kind == "undo":
        done = Phase(phase.path.parent / "commit").receipt()
        if done is None:
            raise JournalCorrupt(f"{phase.path} undoes a commit that has no receipt", hint="keep the folder")
        return done.model_copy(update={"undone_at": utcnow(), "effects": effects if plan.reversible else done.effects})
    return Receipt(
        id=plan.transaction,
        workspace=str(root),
        fingerprint=plan.fingerprint,
        files=plan.files,
        folders=plan.folders,
        effects=effects,
        committed_at=utcnow(),
    )


def _recover(root: Path, journal: Journal, phase: Phase) -> list[str]:
    name = f"{phase.path.name} {phase.path.parent.name}"
    plan, aborted = phase.plan(), phase.aborted()
    if phase.receipt() is not None:
        known = plan or aborted
        if known is not None and known.workspace.is_at(root):
            sweep(root, known)
            _clean(phase, known)
        return []
    if aborted is not None:
        _check_blobs(root, aborted.reversed(), phase, phase.old)
        return [_rolled_back(name, root, journal, phase, aborted, "it was interrupted while it was rolled back")]
    if plan is None:
        phase.discard()
        return [f"{name}: was not fully prepared, so nothing had happened; dropped"]
    in_place = plan.kind == "commit" and _parts(phase, plan).files_done
    if not in_place and foreign(root, plan, started=True):
        _check_blobs(root, plan.reversed(), phase, phase.old)
        return [_rolled_back(name, root, journal, phase, plan, "a file was edited meanwhile")]
    if not in_place:
        _check_blobs(root, plan, phase, phase.new)
    sweep(root, plan)
    try:
        receipt = _forward(root, phase, plan)
    except Exception as error:
        line = _rolled_back(f"{name}: could not be finished ({error})", root, journal, phase, plan, str(error))
        if isinstance(error, OSError | CommitError) and not isinstance(error, JournalCorrupt):
            return [line]
        raise
    _clean(phase, plan)
    return [f"{name}: finished ({_counted(plan)}){_unknown(receipt)}"]


def _rolled_back(said: str, root: Path, journal: Journal, phase: Phase, plan: Plan, why: str) -> str:
    left, stays = _backward(root, journal, phase, plan, why)
    return f"{said}{';' if ':' in said else ':'} rolled back{_kept(plan, left)}{_staying(plan, stays)}"


def _counted(plan: Plan) -> str:
    effects = f", {len(plan.actions)} effects" if plan.actions else ""
    return f"{len(plan.files)} files{effects}"


def _unknown(receipt: Receipt) -> str:
    names = ", ".join(each.what for each in receipt.uncertain)
    return f"; nobody can know whether this happened, so it was not tried again: {names}" if names else ""


def _staying(plan: Plan, stays: Sequence[str]) -> str:
    if not stays:
        return ""
    what = "could not be taken back" if plan.kind == "commit" else "taken back already, and it stays so"
    return f"; {what}: {', '.join(stays)}"


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
