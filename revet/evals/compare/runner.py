"""Runs every recipe on every case: case by case, so that what is there when it is stopped is about the same cases."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from revet.evals.compare.case import Case, Suite
from revet.evals.compare.compared import Compared, Ended, ended_of, figures_of
from revet.sandboxes import Sandbox
from revet.schema import Run, Task
from revet.store import Store

__all__ = ["Comparison", "Opens", "Runs", "Told"]

CORE = "core"
Told = Callable[[str, str, int, int], None]
"""Told which recipe is on which case, and how many runs of how many are done."""


class Runs(Protocol):
    """Who runs a task: an `Agent`."""

    async def arun(self, task: Task) -> Run: ...


Opens = Callable[[str, Case, Store], AbstractAsyncContextManager[Runs]]
"""Makes the agent that runs a case with the recipe of that name, and frees what it loaded for it alone."""


class Comparison:
    """Recipes over the same cases, with the same model, budget and sandbox (which `opens` knows).

    Each run has a workspace of its own. The runs of one recipe share a store, so that one that remembers can; no run
    sees what a judge says. What a run raises is kept with it and counts as not right; the other runs go on. `results`
    grows while `run` goes on and holds what there is if it is cancelled.
    """

    def __init__(self, suite: Suite, recipes: Sequence[str], opens: Opens, sandbox: Sandbox) -> None:
        self.suite, self.recipes, self.sandbox = suite, tuple(recipes), sandbox
        self.results: dict[str, list[Ended]] = {recipe: [] for recipe in recipes}
        self._opens = opens

    @property
    def runs(self) -> int:
        """How many runs there are to be."""
        return len(self.suite.cases) * len(self.recipes)

    async def run(self, told: Told = lambda *_: None) -> None:
        # No `Scratch`: a run locks its workspace, and a folder around it that is held would be another run's.
        with tempfile.TemporaryDirectory(prefix="revet-compare-") as name:
            scratch = Path(name)
            stores = {recipe: Store(scratch / f"store-{n}") for n, recipe in enumerate(self.recipes)}
            for case in self.suite.cases:
                for recipe in self.recipes:
                    done = sum(map(len, self.results.values()))
                    told(recipe, case.id, done, self.runs)
                    self.results[recipe].append(await self._ended(recipe, case, stores[recipe], scratch / "workspace"))

    def figures(self) -> list[Compared]:
        """The figures of each recipe over what was run so far."""
        core = self.results.get(CORE, ())
        return [figures_of(recipe, self.suite.name, self.results[recipe], core) for recipe in self.recipes]

    async def _ended(self, recipe: str, case: Case, store: Store, folder: Path) -> Ended:
        begun = time.monotonic()
        try:
            task = case.prepare(folder)
            async with self._opens(recipe, case, store) as agent:
                begun = time.monotonic()
                run = await agent.arun(task)
                seconds = time.monotonic() - begun
            found = await case.judge(run, self.sandbox)
            return ended_of(case.id, run, found.first, found.final, seconds)
        except Exception as error:  # noqa: BLE001 - one run's fault is kept and told; the others must not be lost
            why = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            return Ended(case=case.id, error=why, seconds=time.monotonic() - begun)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
