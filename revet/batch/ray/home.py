"""The commit at home of what a worker examined: just that, once, and only on the workspace that it was examined on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from revet import actions
from revet.actions import Protection, Tree
from revet.actions.layering import lay
from revet.errors import CommitError, DraftError, WorldMoved
from revet.graphs.bench import Bench
from revet.sandboxes.base import Layer
from revet.sandboxes.scratch import Scratch
from revet.schema import Changes, FileChange, FileState, Receipt, Task

__all__ = ["commit", "rebuilt", "to_its_end"]

T = TypeVar("T")


async def commit(
    bench: Bench,
    task: Task,
    changes: Changes,
    contents: Mapping[str, bytes],
    world: str | None,
    run: str,
    turn: Callable[[], None],
) -> Receipt:
    """Commit `changes`, with the `contents` that came back for its files, to the workspace that `bench` holds.

    If this run has committed them before, that commit's receipt. `world` is the fingerprint of the workspace that was
    sent; WorldMoved if it is another now, or if the contents are not those that were examined. `turn` is called before
    anything is committed. It is done to its end, even if who waits for it gives up.
    """
    done = bench.receipt(changes, run)
    if done is not None:
        return done
    workspace = bench.workspace
    assert workspace is not None

    def act() -> Receipt:
        with Scratch() as folder:
            layer = rebuilt(workspace, Protection(task.edit, task.protect), changes, contents, folder)
            if bench.world() != world:
                raise WorldMoved("the workspace changed after it was sent to a worker")
            turn()
            return actions.commit(workspace, layer, changes, transaction=bench.transaction(changes, run))

    return await to_its_end(act)


def rebuilt(
    workspace: Path, protection: Protection, changes: Changes, contents: Mapping[str, bytes], folder: Path
) -> Layer:
    """What the worker staged, staged again on the workspace below `folder`, from contents instead of a draft.

    WorldMoved if that does not make just these changes: the files there are others, or the contents are.
    """
    if changes.tables or changes.calls:
        raise CommitError("what a worker examined goes beyond files, so it cannot be committed from there")
    tree = Tree(workspace, protection)
    try:
        for file in changes.files:
            if file.after is None:
                tree.drop(file.path)
        for folders in changes.folders:
            if folders.made:
                tree.make_folder(folders.path, folders.mode)
            else:
                tree.remove_folder(folders.path)
        for file in changes.files:
            if file.after is not None:
                tree.put(file.path, contents[file.path], file.after.mode, link=file.after.type == "symlink")
    except KeyError as missing:
        raise WorldMoved(f"the content of {missing.args[0]} did not come back from the worker") from None
    except DraftError as error:
        raise WorldMoved(f"what a worker examined cannot be staged here: {error}") from error
    staged = Changes(
        files=tuple(
            FileChange(path=s.path, before=_state(s.before.state), after=_state(s.after.state)) for s in tree.staged()
        ),
        folders=tuple(tree.folder_changes()),
    )
    if staged.fingerprint != changes.fingerprint:
        paths = sorted(each.path for each in {*staged.files} ^ {*changes.files})
        raise WorldMoved("the workspace is not as it was when a worker examined the changes", paths=paths)
    return lay(tree, folder)


def _state(found: object) -> FileState | None:
    return found if isinstance(found, FileState) else None


async def to_its_end(act: Callable[[], T]) -> T:
    """`act` in a thread. Whoever is cancelled meanwhile waits for its end all the same."""
    acting = asyncio.ensure_future(asyncio.to_thread(act))
    try:
        return await asyncio.shield(acting)
    except asyncio.CancelledError:
        await asyncio.wait({acting})
        raise
