"""An agent that follows a script instead of running anything, and task files for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from revet.actions import Protection, Stage, commit, lock
from revet.batch.agents import SharedAgents
from revet.errors import RevetError
from revet.graphs.events import Committed, Event, Started
from revet.sandboxes.scratch import Scratch
from revet.schema import Decision, DecisionKind, Draft, Receipt, Run, RunOutcome, Task, WriteFile
from revet.store import Store
from revet.taskfile import Settings
from tests.report.samples import abstained, answered, asked, committed, stream

__all__ = ["FakeAgent", "World", "commit_for_real"]

SCRIPTS: dict[str, Callable[[str, Task], Run]] = {
    "commit": committed,
    "abstain": abstained,
    "answer": answered,
    "ask": asked,
}


@dataclass
class World:
    """What every fake agent of a test shares: the script by task id, and what happened in which order."""

    script: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    settings: list[Settings] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    most: int = 0
    errors: dict[str, Exception] = field(default_factory=dict)
    closed: int = 0
    record: Path | None = None
    seconds: float = 0.01

    def opened(self, record: Path | None, **limits: Any) -> World:
        """In the place of `SharedAgents`, which looks at the file to record to."""
        SharedAgents(record, **limits)
        self.record = record
        return self

    def __call__(self, settings: Settings, store: Store) -> FakeAgent:
        self.settings.append(settings)
        return FakeAgent(self, settings, store)

    async def ready(self, settings: Settings) -> None: ...

    async def done(self, agent: object) -> None: ...

    async def close(self) -> None:
        self.closed += 1


class FakeAgent:
    """Ends each task as its script says: commit, abstain, answer, ask, hang, raise.

    `commit-hang` and `commit-raise` really commit a file `late.py` to the workspace, and then go on so.
    """

    def __init__(self, world: World, settings: Settings, store: Store) -> None:
        self.world, self.settings, self.store = world, settings, store

    async def astream(self, task: Task, *, run_id: str | None = None) -> AsyncIterator[Event]:
        world = self.world
        todo = world.script.get(task.id, "commit")
        name = run_id or f"{task.id}-run"
        world.log.append(f"{'resume' if run_id else 'start'} {task.id}")
        world.running.add(task.id)
        world.most = max(world.most, len(world.running))
        try:
            if todo == "raise":
                raise world.errors[task.id]
            self.store.begin(name, task)
            yield Started(run=name, task=task)
            if todo.startswith("commit-"):
                assert task.workspace is not None
                receipt = await asyncio.to_thread(commit_for_real, Path(task.workspace), f"{name}.1234abcd")
                yield Committed(receipt=receipt)
            if todo.endswith("-raise"):
                error = world.errors[task.id]
                decision = Decision(kind=DecisionKind.abstain, reasons=(str(error),))
                broken = Run(id=name, task=task, outcome=RunOutcome.failed, decision=decision, error=str(error))
                self.store.save(broken)
                raise error
            await asyncio.sleep(3600 if todo.endswith("hang") else world.seconds)
            run = SCRIPTS[todo](name, task)
            self.store.save(run)
            for event in stream(run)[1:]:
                yield event
            world.log.append(f"end {task.id}")
        except (asyncio.CancelledError, GeneratorExit):
            world.log.append(f"cancelled {task.id}")
            raise
        finally:
            world.running.discard(task.id)

    async def aresume(self, run: Run, answer: bool | Mapping[str, object]) -> AsyncIterator[Event]:
        with (self.store.folder / "answers.jsonl").open("a") as file:
            file.write(json.dumps(answer) + "\n")
        said = answer.get("type") if isinstance(answer, Mapping) else "approve" if answer else "refuse"
        self.world.log.append(f"{said} {run.task.id}")
        run = committed(run.id, run.task) if said in ("approve", "edit", "respond") else rejected(run)
        self.store.save(run)
        for event in stream(run):
            yield event


def commit_for_real(workspace: Path, transaction: str) -> Receipt:
    """Write `late.py` to the workspace as a run does, through its journal."""
    draft = Draft(author="test", actions=(WriteFile(path="late.py", content="x = 2\n"),))
    with Scratch() as scratch, lock(workspace):
        stage = Stage(workspace, scratch, Protection())
        changes = asyncio.run(stage.stage(draft))
        return commit(workspace, stage.layer, changes, transaction=transaction)


def rejected(run: Run) -> Run:
    return run.model_copy(
        update={"outcome": RunOutcome.rejected, "decision": Decision(kind=DecisionKind.ask, reasons=("no",))}
    )


def workspaces(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [str(folder / name) for name in names]


def task_file(folder: Path, *entries: dict[str, Any]) -> Path:
    """A task file with these tasks, each with a workspace of its own unless it names one."""
    import json

    lines = []
    for entry in entries:
        entry = {"workspace": entry["id"], "checks": "pytest -q", **entry}
        (folder / entry["workspace"]).mkdir(parents=True, exist_ok=True)
        lines.append(json.dumps(entry))
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(lines))
    return path


def fault(message: str = "no sandbox here") -> RevetError:
    from revet.errors import SandboxUnavailable

    return SandboxUnavailable(message, hint="enable one")
