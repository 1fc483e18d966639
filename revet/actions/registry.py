"""Which handler carries out which kind of action. Kinds without one are refused when the draft is staged."""

from __future__ import annotations

from typing import Any, Protocol

from revet.actions.tree import Tree
from revet.errors import UnsupportedAction
from revet.schema import Action

__all__ = ["Handler", "handler_of", "kinds", "register"]


class Handler(Protocol):
    """Carries out one kind of action, in three steps.

    `stage` shows in `tree` what the action would do to the files; it may read, and must change nothing else.
    It raises a DraftError that the proposer can understand.

    `commit` does what the action does beyond the files, after these are in place; `undo` takes it back. Both
    get a `key` that is the same whenever the same action of the same transaction is tried again, after a
    crash too, and must be idempotent by it; to undo a key that was never committed does nothing. An action
    that only touches files has nothing to do there: files are committed and undone by the journal.

    `files_only` says that `commit` and `undo` do nothing, so that such actions need not be kept in the
    journal.

    If `commit` raises, the transaction is rolled back: `undo` is called for its actions in reverse, then the
    files are restored.
    """

    files_only: bool

    def stage(self, action: Any, tree: Tree) -> None: ...

    def commit(self, action: Any, key: str) -> None: ...

    def undo(self, action: Any, key: str) -> None: ...


_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    """Let `handler` carry out actions of `kind`, in place of the one that did."""
    _handlers[kind] = handler


def kinds() -> list[str]:
    """The kinds that can be staged, sorted."""
    return sorted(_handlers)


def handler_of(action: Action) -> Handler:
    """The handler of the action's kind; UnsupportedAction if there is none."""
    try:
        return _handlers[action.kind]
    except KeyError:
        raise UnsupportedAction(
            f"actions of kind {action.kind!r} cannot be staged; use one of {', '.join(kinds())}"
        ) from None
