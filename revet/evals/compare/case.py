"""What a comparison is made over: cases, each a task that is written anew for every run, and a judge of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from revet.actions import Protection, Stage
from revet.agents import Proposer
from revet.errors import DraftError
from revet.evals.bugfix import Bug, Shown, judge, prepare
from revet.sandboxes import Sandbox
from revet.sandboxes.scratch import Scratch
from revet.schema import Draft, Run, RunOutcome, Task

__all__ = ["BugCase", "Case", "Judgement", "Suite"]


@dataclass(frozen=True)
class Judgement:
    """Whether a run's first draft was right, and what it ended with; None where nobody can tell."""

    first: bool | None
    final: bool


class Case(Protocol):
    """One task of a suite. Its judge is asked after a run has ended; the loop sees nothing of it."""

    @property
    def id(self) -> str: ...

    @property
    def proposer(self) -> Proposer | None:
        """Who drafts where no model does: recorded samples. None: the recipe's own proposer."""
        ...

    def prepare(self, folder: Path) -> Task:
        """The task, with its workspace written to `folder`, which does not exist yet."""
        ...

    async def judge(self, run: Run, sandbox: Sandbox) -> Judgement:
        """The verdict on a run of the task that `prepare` gave, while its workspace is still there."""
        ...


@dataclass(frozen=True)
class Suite:
    """The cases of a comparison. `rounds` and `seconds` are the budget where the user sets none; None leaves the rounds
    to each recipe, and the seconds without a limit.
    """

    name: str
    cases: Sequence[Case]
    rounds: int | None = None
    seconds: float | None = None
    left_out: tuple[str, ...] = ()
    """Which rows of its files make no case, and why, for the user to be told."""


@dataclass(frozen=True)
class BugCase:
    """A function with tests. The loop sees those that are `shown`; the hidden ones judge, in a sandbox of their own.

    Right is what was committed and passes the hidden tests; a run that commits nothing has mended nothing.
    """

    bug: Bug
    shown: Shown = "visible"
    proposer: Proposer | None = None
    _known: dict[str, bool] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        return self.bug.id

    def prepare(self, folder: Path) -> Task:
        task = prepare(self.bug, folder, self.shown)
        assert task is not None, f"{self.id} has no tests to show"
        return task

    async def judge(self, run: Run, sandbox: Sandbox) -> Judgement:
        first = await self._code_of(run.attempts[0].draft) if run.attempts else None
        final = None
        if run.outcome is RunOutcome.committed and run.task.workspace is not None:
            final = (Path(run.task.workspace) / self._file).read_text(encoding="utf-8", errors="replace")
        return Judgement(first=await self._right(first, sandbox), final=await self._right(final, sandbox))

    async def right(self, draft: Draft, sandbox: Sandbox) -> bool:
        """Whether the module as the draft would make it passes the hidden tests."""
        return await self._right(await self._code_of(draft), sandbox)

    @property
    def _file(self) -> str:
        return f"{self.bug.module}.py"

    async def _code_of(self, draft: Draft) -> str | None:
        """The module as the draft would make it; None for a draft that cannot be applied, or is none."""
        if draft.problem is not None or draft.gives_up:
            return None
        with Scratch() as scratch:
            task = self.prepare(scratch / "workspace")
            (scratch / "stage").mkdir()
            stage = Stage(scratch / "workspace", scratch / "stage", Protection(task.edit, task.protect))
            try:
                await stage.stage(draft)
                return stage.read(self._file).decode("utf-8", "replace")
            except DraftError:
                return None

    async def _right(self, code: str | None, sandbox: Sandbox) -> bool:
        """Whether the code passes the hidden tests. The same code is judged once."""
        if code is None:
            return False
        key = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
        if key not in self._known:
            self._known[key] = (await judge(code, self.bug, sandbox)).right
        return self._known[key]
