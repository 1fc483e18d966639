"""The bench: what one run works on. The locked workspace, the stage beside it, the sandbox over both.

It is opened when first needed and holds nothing that a checkpoint must remember: a resumed run opens a new one and
stages its draft again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from revet import actions
from revet.actions import Protection, Stage, calls
from revet.actions.calls import Functions
from revet.actions.registry import with_database
from revet.actions.shell import Trial
from revet.errors import CommitError, DraftError, SandboxUnavailable, UnsupportedAction, WorkspaceError
from revet.graphs.world import fingerprint
from revet.sandboxes.base import Layer, Sandbox, Session
from revet.sandboxes.scratch import Scratch
from revet.schema import Changes, Draft, Receipt, Task
from revet.tools import interpreter_for
from revet.tools.base import OFFERS

__all__ = ["Bench"]

T = TypeVar("T")


class Bench:
    """An asynchronous context manager. Inside it the workspace is locked against every other run.

    `features` are what the sandbox must have (see `revet.sandboxes.Feature`); without a sandbox there is nothing to
    demand them of. `functions` are those that drafts may call (None: all that were declared), `database` the one of SQL
    that names none; the task's own (``inputs["database"]``, a URL) comes before it. `turn` is called with the run, in a
    thread, before anything is committed, and raises if it is not this process's turn any more.
    """

    def __init__(
        self,
        task: Task,
        sandbox: Sandbox | None,
        features: Sequence[str] = (),
        *,
        functions: Functions | None = None,
        database: str | None = None,
        turn: Callable[[str], None] | None = None,
    ) -> None:
        own = task.inputs.get("database")
        self.database = own if isinstance(own, str) and "://" in own else database
        self.functions = functions
        self.protection = Protection(task.edit, task.protect)
        self.workspace = _workspace(task)
        self.session: Session | None = None
        self.recovered: list[str] = []
        self._task, self._sandbox, self._features = task, sandbox, tuple(features)
        self._turn = turn
        self._closing = contextlib.AsyncExitStack()
        self._stage: Stage | None = None
        self._staged: Draft | None = None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            if self.workspace is not None:
                stack.enter_context(actions.lock(self.workspace))
                self.recovered = await self._apart(lambda root: actions.recover(root))
                scratch = stack.enter_context(Scratch())
                self._stage = Stage(
                    self.workspace, scratch, self.protection, database=self.database, functions=self.functions
                )
            if self._sandbox is None and self._features:
                raise SandboxUnavailable(
                    f"the policy demands {', '.join(self._features)}, and this agent has no sandbox",
                    hint="give the agent a sandbox, or take sandbox_features from its policy",
                )
            if self._sandbox is not None:
                python = interpreter_for(self.workspace, self._task.python) if self.workspace else None
                self.session = await self._sandbox.open(self.workspace, python=python, require=self._features)
                stack.push_async_callback(self.session.close)
                if self._stage is not None:
                    self._stage.trial = Trial(self.session)
            self._closing = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    async def stage(self, draft: Draft) -> Changes:
        """Apply `draft` to a copy-on-write view. Raises a `DraftError` if it cannot be applied, or is none."""
        self._staged = None
        if draft.problem is not None:
            raise DraftError(draft.problem)
        if self._stage is None:
            beyond = next((action.kind for action in draft.actions if action.kind != "answer"), None)
            if beyond is not None:
                raise UnsupportedAction(f"the task has no workspace, so there is nothing that {beyond} could act on")
            return Changes()
        changes = await self._stage.stage(draft)
        self._staged = draft
        return changes

    async def restage(self, draft: Draft, examined: Changes | None) -> Changes:
        """The changes of `draft` against the workspace as it is now; cheap if it is staged and nothing moved."""
        stage = self._stage
        if stage is not None and examined is not None and self._staged == draft and not stage.drift(examined):
            return examined
        return await self.stage(draft)

    def world(self) -> str | None:
        """A fingerprint of the workspace as it is now; None without one."""
        return fingerprint(self.workspace) if self.workspace is not None else None

    @property
    def layer(self) -> Layer | None:
        """The staged difference, for the sandbox. None if nothing is staged."""
        return self._stage.layer if self._stage is not None and self._staged is not None else None

    @property
    def offers(self) -> dict[str, str]:
        """The kinds of actions that proposers are told of, each with what they have to know besides: files; SQL where
        there is a database, calls where there are functions; commands for tasks that name no checks, which are not
        about mending code.
        """
        if self.workspace is None:
            return {}
        offers = dict(OFFERS)
        if self.session is not None and not self._task.checks:
            offers["run_command"] = ""
        if self.database is not None:
            offers["execute_sql"] = ""
        if self.functions is not None and len(self.functions):
            offers["call_tool"] = "\n".join(f"  - {each.told}" for each in self.functions)
        return offers

    def acts(self, changes: Changes) -> bool:
        """True if there is something to commit: commands that were tried and changed nothing leave nothing to do."""
        return bool(changes) or (self._stage is not None and bool(self._stage.effects))

    async def commit(self, changes: Changes, run: str) -> Receipt:
        """Commit what is staged. It is done in a thread, and to its end, even if who waits for it gives up."""
        if self._stage is None or self.workspace is None:
            raise WorkspaceError("this task has no workspace, so there is nothing to commit to")
        transaction = self.transaction(changes, run)
        layer, draft = self._stage.layer, self._staged

        def act(root: Path) -> Receipt:
            if self._turn is not None:
                self._turn(run)
            return actions.commit(root, layer, changes, transaction=transaction, draft=draft)

        return await self._apart(act)

    def receipt(self, changes: Changes, run: str) -> Receipt | None:
        """The receipt of these changes, if this run has committed them already (before a crash, say).

        CommitError if it failed then and could not be taken back as a whole: it is not tried again.
        """
        if self.workspace is None:
            return None
        return _whole(actions.find_receipt(self.workspace, self.transaction(changes, run)))

    def committed(self, run: str) -> Receipt | None:
        """What this run has committed and nobody took back, whatever it was. A run that is begun anew asks this first:
        the process that had it may have died before it wrote down more than the commit. CommitError as `receipt`.
        """
        if self.workspace is None:
            return None
        found = (each for each in actions.receipts(self.workspace) if each.id.rpartition(".")[0] == run)
        return _whole(next((each for each in found if each.undone_at is None), None))

    async def _apart(self, act: Callable[[Path], T]) -> T:
        """`act` on the workspace, in a thread: handlers may have to wait for what is done in this event loop."""
        assert self.workspace is not None
        root, loop = self.workspace, asyncio.get_running_loop()

        def work() -> T:
            with calls.home(loop), calls.use(self.functions), with_database(self.database):
                return act(root)

        acting = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(acting)
        except asyncio.CancelledError:
            await asyncio.wait({acting})  # the workspace stays locked until it is over
            raise

    @staticmethod
    def transaction(changes: Changes, run: str) -> str:
        return f"{run}.{changes.fingerprint[:8]}"


def _whole(receipt: Receipt | None) -> Receipt | None:
    if receipt is not None and receipt.failed:
        stays = ", ".join(each.what for each in receipt.irreversible)
        raise CommitError(f"the commit failed before: {receipt.failed}; this could not be taken back: {stays}")
    return receipt


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
