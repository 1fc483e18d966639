"""The bench: what one run works on. The locked workspace, the stage beside it, the sandbox over both.

It is opened when first needed and holds nothing that a checkpoint must remember: a resumed run opens a new one and
stages its draft again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from revet import actions
from revet.actions import Protection, Stage
from revet.errors import DraftError, SandboxUnavailable, UnsupportedAction, WorkspaceError
from revet.graphs.world import fingerprint
from revet.sandboxes.base import Layer, Sandbox, Session
from revet.sandboxes.scratch import Scratch
from revet.schema import Changes, Draft, Receipt, Task
from revet.tools import interpreter_for

__all__ = ["Bench"]


class Bench:
    """An asynchronous context manager. Inside it the workspace is locked against every other run.

    `features` are what the sandbox must have (see `revet.sandboxes.Feature`); without a sandbox there is nothing to
    demand them of.
    """

    def __init__(self, task: Task, sandbox: Sandbox | None, features: Sequence[str] = ()) -> None:
        self.protection = Protection(task.edit, task.protect)
        self.workspace = _workspace(task)
        self.session: Session | None = None
        self.recovered: list[str] = []
        self._task, self._sandbox, self._features = task, sandbox, tuple(features)
        self._closing = contextlib.AsyncExitStack()
        self._stage: Stage | None = None
        self._staged: Draft | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            if self.workspace is not None:
                stack.enter_context(actions.lock(self.workspace))
                self.recovered = actions.recover(self.workspace)
                self._stage = Stage(self.workspace, stack.enter_context(Scratch()), self.protection)
            if self._sandbox is None and self._features:
                raise SandboxUnavailable(
                    f"the policy demands {', '.join(self._features)}, and this agent has no sandbox",
                    hint="give the agent a sandbox, or take sandbox_features from its policy",
                )
            if self._sandbox is not None:
                python = interpreter_for(self.workspace, self._task.python) if self.workspace else None
                self.session = await self._sandbox.open(self.workspace, python=python, require=self._features)
                stack.push_async_callback(self.session.close)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    def stage(self, draft: Draft) -> Changes:
        """Apply `draft` to a copy-on-write view. Raises a `DraftError` if it cannot be applied, or is none."""
        self._staged = None
        if draft.problem is not None:
            raise DraftError(draft.problem)
        if self._stage is None:
            beyond = next((action.kind for action in draft.actions if action.kind != "answer"), None)
            if beyond is not None:
                raise UnsupportedAction(f"the task has no workspace, so there is nothing that {beyond} could act on")
            return Changes()
        changes = self._stage.stage(draft)
        self._staged = draft
        return changes

    def restage(self, draft: Draft, examined: Changes | None) -> Changes:
        """The changes of `draft` against the workspace as it is now; cheap if it is staged and nothing moved."""
        stage = self._stage
        if stage is not None and examined is not None and self._staged == draft and not stage.drift(examined):
            return examined
        return self.stage(draft)

    def world(self) -> str | None:
        """A fingerprint of the workspace as it is now; None without one."""
        return fingerprint(self.workspace) if self.workspace is not None else None

    @property
    def layer(self) -> Layer | None:
        """The staged difference, for the sandbox. None if nothing is staged."""
        return self._stage.layer if self._stage is not None and self._staged is not None else None

    def commit(self, changes: Changes, run: str) -> Receipt:
        """Commit what is staged, once: a second call for the same changes of the same run gives the same receipt."""
        if self._stage is None or self.workspace is None:
            raise WorkspaceError("this task has no workspace, so there is nothing to commit to")
        transaction = self.transaction(changes, run)
        layer = self._stage.layer
        return actions.commit(self.workspace, layer, changes, transaction=transaction, draft=self._staged)

    def receipt(self, changes: Changes, run: str) -> Receipt | None:
        """The receipt of these changes, if this run has committed them already (before a crash, say)."""
        if self.workspace is None:
            return None
        return actions.find_receipt(self.workspace, self.transaction(changes, run))

    @staticmethod
    def transaction(changes: Changes, run: str) -> str:
        return f"{run}.{changes.fingerprint[:8]}"


def _workspace(task: Task) -> Path | None:
    if task.workspace is None:
        return None
    path = Path(task.workspace)
    hint = "give the path of an existing folder as `workspace`"
    if not path.exists():
        raise WorkspaceError(f"the workspace {path} does not exist", hint=hint)
    if not path.is_dir():
        raise WorkspaceError(f"the workspace {path} is not a folder", hint=hint)
    try:
        next(path.iterdir(), None)
    except OSError as error:
        raise WorkspaceError(f"the workspace {path} cannot be read: {error.strerror}") from error
    return path.resolve()
