"""Which handler carries out which kind of action. Kinds without one are refused when the draft is staged."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from revet.actions.tree import Tree
from revet.errors import CommitError, UnsupportedAction
from revet.schema import Action, CallPlan, Changes, CommandRun, FolderChange, TableChange

__all__ = [
    "EffectUncertain",
    "Handler",
    "Part",
    "Staging",
    "Trial",
    "default_database",
    "handler_of",
    "kinds",
    "register",
    "with_database",
]

Part = TableChange | CallPlan | CommandRun | FolderChange
"""What an action does beyond the files, as `Changes` tells it."""


class EffectUncertain(CommitError):
    """Nobody can know whether an effect happened, so it is not tried again. The transaction ends with what it has
    done; its receipt names the effect.
    """


_database: contextvars.ContextVar[str | None] = contextvars.ContextVar("revet_database", default=None)


@contextlib.contextmanager
def with_database(url: str | None) -> Iterator[None]:
    """Inside, `url` is the database of statements that name none. The journal does not keep it, for it may hold a
    password.
    """
    token = _database.set(url)
    try:
        yield
    finally:
        _database.reset(token)


def default_database() -> str | None:
    """The database of statements that name none, while something is committed or recovered."""
    return _database.get()


class Trial(Protocol):
    """Tries a command in the sandbox, on the staged state; see `revet.actions.shell`."""

    async def run(self, command: str, cwd: str, tree: Tree) -> Any: ...


@dataclass
class Staging:
    """What a handler works on while a draft is staged.

    `trial` tries commands in the sandbox; None without one. `database` is the task's own, the one of statements that
    name none. `functions` are those that calls may name (see `revet.actions.calls`). `kept` is for handlers that have
    to remember something from one action of a draft to its next; `index` is the place of the action in the draft.
    """

    tree: Tree
    workspace: Path
    trial: Trial | None = None
    database: str | None = None
    functions: Any = None
    index: int = 0
    kept: dict[str, Any] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)

    def add(self, part: Part) -> None:
        """Say what the action does beyond the files."""
        self.parts.append(part)


class Handler(Protocol):
    """Carries out one kind of action.

    `stage` shows in `staging.tree` what the action would do to the files and adds what it would do beyond them; it
    may look, and must change nothing else. It raises a DraftError that the proposer can understand.

    The others are for what an action does beyond the files; they run in a thread, one after the other. `files_only`
    says that there is nothing of the sort: then none of them is called, and the action is not kept in the journal.

    `key` is the same whenever the same action of the same transaction is tried again, after a crash too. `folder` is
    the action's own in the journal: what `prepare` writes there is made durable before anything is done; it stays
    until the commit is undone. `changes` are those that were examined, without the files.

    - `reversible`: whether `undo` can take it back; what cannot be is committed last. UnsupportedAction if the action
      cannot be carried out here at all.
    - `prepare`: keep in `folder` what undo will need. WorldMoved if the world is not the one that was examined.
    - `commit`: do it, once for each key: after a crash it is called again and must find out whether it had happened.
      Raises EffectUncertain if nobody can know; anything else that it raises means that it did not happen, and that
      all of the transaction is taken back.
    - `undo`: take it back, once for each key; for a key that was never committed it does nothing. UndoConflict if the
      work of others would be lost, EffectUncertain if nobody can know whether there is anything to take back.
    - `settle`: the whole is committed, or undone: drop marks that are left in the world. The folder may be gone.
    """

    files_only: bool

    async def stage(self, action: Any, staging: Staging) -> None: ...

    def reversible(self, action: Any) -> bool: ...

    def prepare(self, action: Any, changes: Changes, key: str, folder: Path) -> None: ...

    def commit(self, action: Any, changes: Changes, key: str, folder: Path) -> None: ...

    def undo(self, action: Any, changes: Changes, key: str, folder: Path) -> None: ...

    def settle(self, action: Any, changes: Changes, key: str, folder: Path) -> None: ...


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
