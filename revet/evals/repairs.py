"""Bugs as a suite: a recipe mends each, hidden tests judge every draft. By default no model takes part."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue, ValidationError

from revet import sandboxes
from revet.errors import InputError
from revet.evals.compare.case import BugCase, Suite
from revet.evals.compare.suites import ROUNDS
from revet.evals.compare.suites import suite_named as compared_suite
from revet.evals.estimate import Estimate
from revet.evals.judged import drafts_in, loop_figures, trial_of_run
from revet.evals.source import Source
from revet.evals.suite import Opens, Player
from revet.evals.trial import Trial
from revet.policy import Policy
from revet.schema import Model
from revet.store import Store

__all__ = ["Repairs", "opener"]

SECONDS = 240.0
"""Wall time of a case: far more than any takes alone, for what else the machine does must not change what is found."""


class Choices(Model):
    """The options of a suite of bugs."""

    recipe: str = "core"
    model: str = "builtin:repair"
    base_url: str | None = None
    rounds: int = Field(default=ROUNDS, ge=0)
    seconds: float | None = Field(default=SECONDS, gt=0)
    sandbox: str = "local"
    seed: int = 0


def opener(name: str) -> Opens:
    """Opens the suite of bugs of that name (see `revet.evals.compare`)."""

    async def opens(source: Source, options: Mapping[str, JsonValue]) -> Player:
        try:
            choices = Choices.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors()[0]
            what = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InputError(f"{name}: {what}", hint=f"options: {', '.join(Choices.model_fields)}") from None
        return Repairs(compared_suite(name, source.folder, source.split), choices)

    return opens


class Repairs:
    """A `Player` that mends each bug in a workspace of its own, which it removes again."""

    def __init__(self, suite: Suite, choices: Choices) -> None:
        from revet.models import Library

        self._cases = {case.id: case for case in suite.cases if isinstance(case, BugCase)}
        self._choices = choices
        self._scratch = Path(tempfile.mkdtemp(prefix="revet-eval-"))
        self._store = Store(self._scratch / "store")
        self._library = Library(base_url=choices.base_url)
        self._sandbox = sandboxes.get(choices.sandbox)
        try:
            self._agent()  # a recipe or a model that cannot be had is told before anything is played
        except BaseException:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise

    @property
    def cases(self) -> Sequence[str]:
        return list(self._cases)

    def _agent(self) -> Any:
        from revet.graphs import Agent

        chosen = self._choices
        return Agent(
            chosen.model,
            recipe=chosen.recipe,
            library=self._library,
            sandbox=self._sandbox,
            policy=Policy(rounds=chosen.rounds, seconds=chosen.seconds),
            store=self._store,
            seed=chosen.seed,
        )

    async def play(self, case: str) -> Trial:
        bug = self._cases[case]
        # A run locks its workspace: beside the others, not below one of them.
        folder = Path(tempfile.mkdtemp(prefix="revet-eval-case-"))
        try:
            begun = time.monotonic()
            run = await self._agent().arun(bug.prepare(folder / "workspace"), progress=False)
            seconds = time.monotonic() - begun
            final = (await bug.judge(run, self._sandbox)).final
            verdicts = [await bug.right(attempt.draft, self._sandbox) for attempt in drafts_in(run)]
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return trial_of_run(run, verdicts, final, case=case, seconds=seconds)

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        return loop_figures(trials)

    async def close(self) -> None:
        await self._library.close()
        shutil.rmtree(self._scratch, ignore_errors=True)
