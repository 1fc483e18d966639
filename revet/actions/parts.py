"""What the actions of a commit do beyond the files: done in order, taken back in reverse, each remembered in the
journal, so that nothing is done twice and a receipt can tell what happened to each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from revet.actions.journal import Phase, Plan, step
from revet.actions.registry import EffectUncertain, Handler, handler_of
from revet.errors import CommitError, JournalCorrupt, RevetError, UndoConflict, WorldMoved
from revet.schema import Action, CallTool, Changes, EffectReceipt, ExecuteSQL, RunCommand

__all__ = ["Parts", "in_order", "told"]

LINE = 160
"""Characters of the line that tells an effect in a receipt."""

FILES = "files"
"""The mark that all files and folders are in place."""


def in_order(actions: list[tuple[int, Action]], changes: Changes) -> list[tuple[int, Action, bool]]:
    """Place in the draft, action, and whether it can be taken back: first those that can, each in the draft's order."""
    weighed = [(place, action, _can_go_back(action, changes)) for place, action in actions]
    return sorted(weighed, key=lambda one: (not one[2], one[0]))


def _can_go_back(action: Action, changes: Changes) -> bool:
    """What the handler says of the action, and what was measured of it."""
    lasting = [table.database for table in changes.tables if not table.reversible]
    if isinstance(action, ExecuteSQL) and lasting:
        named = action.database
        if named is None or any(shown.rpartition("/")[2] in named for shown in lasting):
            return False
    return handler_of(action).reversible(action)


def told(action: Action) -> str:
    """The action in a line, as a person would write it."""
    if isinstance(action, CallTool):
        given = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in action.arguments.items())
        said = f"{action.name}({given})"
    elif isinstance(action, ExecuteSQL):
        said = action.sql
    elif isinstance(action, RunCommand):
        said = action.command
    else:
        said = action.kind
    line = " ".join(said.split())
    return line if len(line) <= LINE else line[: LINE - 1] + "…"


class Parts:
    """The effects of one commit. `plan` is the commit's or its undo's; `phase` is always that of the commit, where
    the folders of the handlers and the marks lie.
    """

    def __init__(self, plan: Plan, phase: Phase) -> None:
        self.plan, self.phase = plan, phase
        self.changes = plan.changes or Changes()

    # --- what is known -----------------------------------------------------------------------------------------

    @property
    def files_done(self) -> bool:
        return self.phase.marked(FILES)

    def receipts(self) -> tuple[EffectReceipt, ...]:
        """What became of each effect, by the marks."""
        return tuple(self._receipt(number, action) for number, action in enumerate(self.plan.actions))

    def _receipt(self, number: int, action: Action) -> EffectReceipt:
        done, stays = self._is(number, "done"), self._why(number, "stays")
        uncertain = self._why(number, "uncertain")
        why = stays or uncertain or ""
        if not done and uncertain is None and stays is None:
            why = "it was not made, for the commit ended before"
        return EffectReceipt(
            kind=action.kind,
            what=told(action),
            reversible=self._reversible(number),
            done=done,
            undone=self._is(number, "undone"),
            uncertain=uncertain is not None and not self._is(number, "undone"),
            why=why,
        )

    def _reversible(self, number: int) -> bool:
        known = self.plan.reversible
        return known[number] if number < len(known) else True

    def _is(self, number: int, what: str) -> bool:
        return self.phase.marked(f"{number}.{what}")

    def _why(self, number: int, what: str) -> str | None:
        return self.phase.mark_of(f"{number}.{what}")

    # --- doing -------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Let the handlers keep what undo needs, and make it durable. Nothing is done yet."""
        if not self.plan.actions:
            return
        self.phase.open_parts(len(self.plan.actions))
        for number, _, call in self._calls("prepare"):
            call()
            step(f"prepared effect {number}")
        self.phase.sync_parts()

    def files_are_done(self) -> None:
        """Remember that the files are in place: what happens to them from now on is not the commit's affair."""
        if self.plan.actions and not self.files_done:
            self.phase.mark(FILES)

    def commit(self) -> None:
        """Do what is not done yet. Ends where nobody can know whether an effect happened.

        CommitError for whatever else an effect raises; errors of Revet's own as they are.
        """
        for number, action, call in self._calls("commit"):
            if self._is(number, "done"):
                continue
            if self._is(number, "uncertain"):
                return
            self.folder(number).mkdir(mode=0o700, parents=True, exist_ok=True)  # of an older journal: missing
            try:
                call()
            except EffectUncertain as error:
                self.phase.mark(f"{number}.uncertain", str(error))
                return
            except (RevetError, OSError):
                raise
            except Exception as error:
                raise CommitError(f"{told(action)} failed: {type(error).__name__}: {error}") from error
            step(f"commit effect {number}")
            self.phase.mark(f"{number}.done")

    # --- taking back -------------------------------------------------------------------------------------------

    def compensate(self) -> None:
        """Take back what a commit has done so far. What cannot be taken back is marked as staying."""
        self._back(partial=True)

    def undo(self) -> None:
        """Take back all that is not taken back yet; the plan says whether something may stay."""
        self._back(partial=self.plan.partial)

    def _back(self, *, partial: bool) -> None:
        for number, action, call in reversed(list(self._calls("undo"))):
            if self._is(number, "undone") or self._is(number, "stays"):
                continue
            if not self._reversible(number) and self._is(number, "done"):
                self.phase.mark(f"{number}.stays", "it cannot be taken back")
                continue
            try:
                call()
            except JournalCorrupt:
                raise
            except (UndoConflict, WorldMoved, EffectUncertain) as error:
                if not partial:
                    raise
                self.phase.mark(
                    f"{number}.{'uncertain' if isinstance(error, EffectUncertain) else 'stays'}", str(error)
                )
                continue
            except (RevetError, OSError):
                raise
            except Exception as error:
                raise CommitError(f"{told(action)} cannot be taken back: {type(error).__name__}: {error}") from error
            step(f"undo effect {number}")
            if self._is(number, "done") or self._is(number, "uncertain"):
                self.phase.mark(f"{number}.undone")

    def settle(self, when: str) -> None:
        """Let the handlers drop what they left in the world, once. What one cannot drop is tried once more when the
        workspace is recovered, and then left there: a mark in a database that is gone must not be in everybody's way.
        """
        name = f"settled {when}"
        if not self.plan.actions or self.phase.marked(name):
            return
        for number, action in enumerate(self.plan.actions):
            try:
                self._call(handler_of(action), "settle", number, action)()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is kept in the journal
                if not self.phase.marked(f"not {name}"):
                    self.phase.mark(f"not {name}", f"{type(error).__name__}: {error}")
                    return
        self.phase.mark(name)

    def _calls(self, what: str) -> Iterator[tuple[int, Action, Callable[[], None]]]:
        for number, action in enumerate(self.plan.actions):
            yield number, action, self._call(handler_of(action), what, number, action)

    def _call(self, handler: Handler, what: str, number: int, action: Action) -> Callable[[], None]:
        key, folder = self._key(number), self.folder(number)
        act: Callable[[Action, Changes, str, Path], None] = getattr(handler, what)
        return lambda: act(action, self.changes, key, folder)

    def _key(self, number: int) -> str:
        attempt = f":{self.plan.attempt}" if self.plan.attempt else ""
        return f"{self.plan.transaction}:{number}{attempt}"

    def folder(self, number: int) -> Path:
        """The handler's own folder in the journal."""
        return self.phase.effects / str(number)
