"""The tasks of a user's own file as cases: each run has a copy of the workspace, and the evidence judges."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from revet.agents import Proposer
from revet.errors import InputError
from revet.evals.compare.case import Judgement, Suite
from revet.sandboxes import Sandbox
from revet.schema import Attempt, Outcome, Run, Task

__all__ = ["TaskCase", "task_suite"]

KEPT_OUT = (".revet", "__pycache__", ".pytest_cache")


@dataclass(frozen=True)
class TaskCase:
    """A task of a file. Right is what ended proved: committed, or answered with its checks passed."""

    task: Task
    proposer: Proposer | None = None

    @property
    def id(self) -> str:
        return self.task.id

    def prepare(self, folder: Path) -> Task:
        if self.task.workspace is None:
            return self.task
        try:
            shutil.copytree(self.task.workspace, folder, symlinks=True, ignore=shutil.ignore_patterns(*KEPT_OUT))
        except (OSError, shutil.Error) as error:
            raise InputError(f"{self.id}: the workspace {self.task.workspace} cannot be copied: {error}") from None
        return self.task.model_copy(update={"workspace": str(folder)})

    async def judge(self, run: Run, sandbox: Sandbox) -> Judgement:
        first = _proved(run.attempts[0]) if run.attempts else False
        return Judgement(first=first if any(check.required for check in self.task.checks) else None, final=run.ok)


def task_suite(name: str, tasks: Sequence[Task]) -> Suite:
    """The suite of these tasks. Raises `InputError` for one whose runs would meet outside their copies."""
    for task in tasks:
        if "database" in task.inputs:
            raise InputError(
                f"{task.id} works on a database, and every recipe would work on the same one",
                hint="compare on tasks that change files alone, or that only answer",
            )
    return Suite(name, [TaskCase(task) for task in tasks])


def _proved(attempt: Attempt) -> bool:
    required = [evidence for evidence in attempt.evidence if evidence.required]
    return bool(required) and all(evidence.outcome is Outcome.passed for evidence in required)
