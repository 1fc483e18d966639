"""What `scale.py` measures with: a batch as `revet run` makes one, tiny projects, a sandbox that notes what it does."""

from __future__ import annotations

import asyncio
import io
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from revet.batch import Agents as AgentsOf
from revet.batch import Batch, Runner, SharedAgents, open_results
from revet.graphs import Agent
from revet.report import Ended, PlainReport, Tally
from revet.sandboxes import Sandbox, Session, Support
from revet.sandboxes.base import ExecResult, Layer
from revet.sandboxes.local import Local
from revet.schema import Critique, Draft, Run
from revet.store import Store
from revet.taskfile import Settings, open_tasks
from revet.tools import View

MIB = 1024 * 1024

# --- what is measured ---------------------------------------------------------------------------------------------


@dataclass
class Spent:
    """Seconds of wall time, and of CPU time of this process and of what it started and waited for."""

    wall: float = 0.0
    own: float = 0.0
    children: float = 0.0

    @classmethod
    @contextmanager
    def of(cls) -> Iterator[Spent]:
        spent = cls()
        before, start = cls._used(), time.perf_counter()
        try:
            yield spent
        finally:
            spent.wall, after = time.perf_counter() - start, cls._used()
            spent.own, spent.children = (b - a for a, b in zip(before, after, strict=True))

    @staticmethod
    def _used() -> tuple[float, float]:
        both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        own, children = (used.ru_utime + used.ru_stime for used in both)
        return own, children


def resident() -> float:
    """MiB that this process has in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def children() -> int:
    return len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def size_of(folder: Path) -> float:
    """MiB of the files below."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MIB


# --- a batch, as `revet run` makes one ----------------------------------------------------------------------------


async def nobody(run: Run) -> None:
    """Nobody is asked anything."""
    raise AssertionError(f"{run.id} asks: {run.decision.reasons}")


class Counted(PlainReport):
    """Writes the lines of a large batch into nothing, and tells `seen` how many tasks have ended."""

    def __init__(self, tally: Tally, seen: Callable[[int], None]) -> None:
        super().__init__(Console(file=io.StringIO()), tally)
        self.seen = seen

    def ended(self, ended: Ended) -> None:
        super().ended(ended)
        assert self.tally is not None
        self.seen(self.tally.done)


async def run_batch(
    file: Path,
    agents: AgentsOf,
    folder: Path,
    *,
    jobs: int,
    resume: bool = False,
    seen: Callable[[int], None] = lambda _: None,
) -> Tally:
    """Run the tasks of `file`, with the store and the results in `folder`. Every one must end well."""
    tasks = open_tasks(file)
    store, tally = Store(folder), Tally(tasks.count)
    store.prepare()
    results = open_results(store.folder, tasks.path, None, resume=resume)
    try:
        batch = Batch(
            tasks,
            store,
            agents,
            reporter=Counted(tally, seen),
            asker=nobody,
            results=results,
            tally=tally,
            jobs=jobs,
            resume=resume,
        )
        await batch.run()
    finally:
        if results is not None:
            results.close()
        await agents.close()
    if batch.broken is not None:
        raise batch.broken
    assert tally.ok == tasks.count, tally.summary()
    return tally


# --- tiny projects, and what they have of the sandbox -------------------------------------------------------------

BUGS: Sequence[tuple[str, str, str, str]] = (
    (
        "total",
        "def total(values):\n    result = 0\n    for value in values:\n        result -= value\n    return result\n",
        "self.assertEqual(total([1, 2, 3]), 6)",
        "self.assertEqual(total([]), 0)",
    ),
    (
        "last",
        "def last(items):\n    return items[len(items)]\n",
        "self.assertEqual(last([1, 2, 3]), 3)",
        "self.assertEqual(last('ab'), 'b')",
    ),
    (
        "inside",
        "def inside(x, low, high):\n    return low < x <= high\n",
        "self.assertTrue(inside(1, 1, 3))",
        "self.assertFalse(inside(4, 1, 3))",
    ),
    (
        "biggest",
        "def biggest(items):\n    best = items[0]\n    for item in items:\n        if item < best:\n"
        "            best = item\n    return best\n",
        "self.assertEqual(biggest([1, 5, 3]), 5)",
        "self.assertEqual(biggest([2]), 2)",
    ),
)
"""A module with one bug each, a test that fails, and one that passes."""
COMMANDS = {"unittest": "python -m unittest -q", "pytest": "pytest -q"}


def projects(folder: Path, count: int, tests: str) -> Path:
    """So many projects below `folder`, as they are before anything is mended, and their task file."""
    shutil.rmtree(folder, ignore_errors=True)
    lines = []
    for number in range(count):
        name, code, failing, passing = BUGS[number % len(BUGS)]
        project = folder / f"{number:05}"
        project.mkdir(parents=True)
        (project / f"{name}.py").write_text(code)
        cases = "".join(f"    def test_{n}(self):\n        {line}\n" for n, line in enumerate((failing, passing)))
        head = f"import unittest\nfrom {name} import {name}\n\nclass Test(unittest.TestCase):\n"
        (project / f"test_{name}.py").write_text(head + cases)
        task = {"id": f"p{number:05}", "goal": "Make the tests pass.", "workspace": str(project)}
        lines.append(json.dumps({**task, "checks": [COMMANDS[tests]], "model": "builtin:repair"}))
    file = folder / "tasks.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


@dataclass
class Visit:
    """What one task had of the sandbox: how its session was opened, and what was run in it."""

    workspace: Path | None
    opened: Mapping[str, Any]
    calls: list[tuple[Sequence[str], Mapping[str, Any]]] = field(default_factory=list)
    draft: Draft | None = None


class Noting:
    """A sandbox that notes what is asked of it, and keeps the staged files below `layers`."""

    def __init__(self, inner: Sandbox, layers: Path) -> None:
        self.inner, self.name, self.visits, self._layers = inner, inner.name, list[Visit](), layers
        layers.mkdir()

    async def support(self) -> Support:
        return await self.inner.support()

    async def open(self, workspace: Path | None = None, **opened: Any) -> Session:
        visit = Visit(workspace, opened)
        self.visits.append(visit)
        return NotingSession(await self.inner.open(workspace, **opened), visit, self._layers)


class NotingSession:
    """One session of it. Whatever else is asked of the session is not noted, and must not be asked."""

    def __init__(self, inner: Session, visit: Visit, layers: Path) -> None:
        self.inner, self.visit, self.workspace, self._layers = inner, visit, inner.workspace, layers

    async def exec(self, argv: Sequence[str], *, layer: Layer | None = None, **more: Any) -> ExecResult:
        kept = layer
        if layer is not None:
            root = Path(tempfile.mkdtemp(dir=self._layers)) / "layer"
            shutil.copytree(layer.root, root, symlinks=True)
            kept = Layer(root=root, deleted=layer.deleted)
        self.visit.calls.append((list(argv), {**more, "layer": kept}))
        return await self.inner.exec(argv, layer=layer, **more)

    async def close(self) -> None:
        await self.inner.close()

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of a session is not noted")


class Changed(SharedAgents):
    """The agents of a task file, each handed to `change` before it is used."""

    def __init__(self, change: Callable[[Agent], None]) -> None:
        super().__init__()
        self._change = change

    def __call__(self, settings: Settings, store: Store) -> Runner:
        agent = super().__call__(settings, store)
        assert isinstance(agent, Agent)
        self._change(agent)
        return agent


async def noted(file: Path, folder: Path, jobs: int) -> list[Visit]:
    """What each task has of the sandbox, and what it proposes."""
    sandbox = Noting(Local(), folder / "layers")

    def change(agent: Agent) -> None:
        agent.sandbox = sandbox

    await run_batch(file, Changed(change), folder / "noted", jobs=jobs)
    store = Store(folder / "noted")
    for run in (store.get(row.id) for row in store.rows(-1)):
        visit = next(each for each in sandbox.visits if str(each.workspace) == run.task.workspace)
        assert len(run.attempts) == 1, run
        visit.draft = run.attempts[0].draft
    return sandbox.visits


async def alone(visits: Sequence[Visit], jobs: int) -> None:
    """The same sessions and commands, and nothing else."""
    sandbox, free = Local(), asyncio.Semaphore(jobs)

    async def one(visit: Visit) -> None:
        async with free:
            session = await sandbox.open(visit.workspace, **visit.opened)
            try:
                for argv, more in visit.calls:
                    await session.exec(argv, **unheard(more))
            finally:
                await session.close()

    await asyncio.gather(*(one(visit) for visit in visits))


def unheard(more: Mapping[str, Any]) -> dict[str, Any]:
    return {**more, "on_report": None if more.get("on_report") is None else lambda _: None}


class Knowing:
    """Proposes what `builtin:repair` had found, after the same search in the sandbox: it makes and sorts no mutants."""

    name = "builtin:repair"

    def __init__(self, visits: Sequence[Visit]) -> None:
        self._visits = {str(visit.workspace): visit for visit in visits}

    async def propose(self, view: View) -> Draft:
        visit = self._visits[str(view.workspace)]
        assert view.session is not None and visit.draft is not None
        for argv, more in visit.calls:
            if json.loads(more.get("stdin", b"{}")).get("mode") == "screen":
                await view.session.exec(argv, **unheard(more))
        return visit.draft

    async def revise(self, view: View, critique: Critique) -> Draft:
        raise AssertionError("the first draft was right")
