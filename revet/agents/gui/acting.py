"""Steps on a screen as actions of a draft: staged as what would be done, taken once, at the commit, never undone."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from revet.actions.calls.bridge import called
from revet.actions.journal import keep
from revet.actions.registry import EffectUncertain, Staging, register
from revet.agents.gui.situation import shown
from revet.errors import CommitError
from revet.schema import CallPlan, Changes, Gui

__all__ = ["GuiSteps", "Perform", "perform_with"]

Perform: TypeAlias = "Callable[[Gui], object | Awaitable[object]]"
"""Takes a step on the screen. An exception means that it was not taken."""

SECONDS = 120.0


class GuiSteps:
    """The handler of `Gui` actions. A step that was perhaps taken before a crash is not taken again: the receipt says
    so. Nothing on a screen can be taken back."""

    files_only = False

    def __init__(self, perform: Perform, *, seconds: float = SECONDS) -> None:
        self._perform, self._seconds = perform, seconds

    async def stage(self, action: Gui, staging: Staging) -> None:
        arguments = action.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
        staging.add(CallPlan(name=f"gui {action.operation}", arguments=arguments, effects=("unknown",)))

    def reversible(self, action: Gui) -> bool:
        return False

    def prepare(self, action: Gui, changes: Changes, key: str, folder: Path) -> None:
        return

    def commit(self, action: Gui, changes: Changes, key: str, folder: Path) -> None:
        if (folder / "done").exists():
            return
        if (folder / "begun").exists():
            raise EffectUncertain(f"{shown(action)}: the process ended while the step was taken; it is not taken again")
        keep(folder / "begun", key.encode())
        try:
            said = called(lambda: self._perform(action), self._seconds)
        except TimeoutError as error:
            raise EffectUncertain(f"{shown(action)} did not end within {self._seconds:g} s") from error
        except Exception as error:
            (folder / "begun").unlink(missing_ok=True)
            raise CommitError(f"{shown(action)} could not be done: {type(error).__name__}: {error}") from error
        assert not inspect.isawaitable(said)
        keep(folder / "done", b"")

    def undo(self, action: Gui, changes: Changes, key: str, folder: Path) -> None:
        if (folder / "begun").exists():
            raise EffectUncertain(f"{shown(action)} was done on a screen, and cannot be taken back")

    def settle(self, action: Gui, changes: Changes, key: str, folder: Path) -> None:
        return


def perform_with(perform: Perform, *, seconds: float = SECONDS) -> None:
    """Let `perform` take the steps on a screen that drafts decide on, from now on, in this process."""
    register("gui", GuiSteps(perform, seconds=seconds))
