"""A suite over rows: each case is judged by a function, and the figures are functions of the trials."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from revet.evals.estimate import Estimate
from revet.evals.trial import Trial
from revet.models import Library

__all__ = ["Metric", "RowSuite", "by_group", "renamed"]

R = TypeVar("R")
Metric = Callable[[Sequence[Trial]], Estimate]


@dataclass(frozen=True)
class RowSuite(Generic[R]):
    """A `Player`: `rows` by case, `judge` for one of them. `library` is closed with it."""

    rows: Mapping[str, R]
    judge: Callable[[str, R], Awaitable[Trial]]
    measure: Callable[[Sequence[Trial]], list[Estimate]]
    library: Library | None = None

    @property
    def cases(self) -> Sequence[str]:
        return list(self.rows)

    async def play(self, case: str) -> Trial:
        return await self.judge(case, self.rows[case])

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        return self.measure(trials)

    async def close(self) -> None:
        if self.library is not None:
            await self.library.close()


def by_group(metric: Metric, trials: Sequence[Trial]) -> list[Estimate]:
    """The metric for each group of the trials, named ``METRIC/GROUP``, by name."""
    groups = sorted({trial.group for trial in trials if trial.group})
    return [renamed(metric([trial for trial in trials if trial.group == group]), group) for group in groups]


def renamed(found: Estimate, group: str) -> Estimate:
    return found.model_copy(update={"name": f"{found.name}/{group}"})
