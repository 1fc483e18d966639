"""What tasks took in earlier runs of a store, by the same method and the same models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revet.batch.agents import kept_settings
from revet.schema import Run, RunOutcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from revet.store import Store
    from revet.taskfile import Settings

__all__ = ["Earlier", "earlier"]

LOOKED, ENOUGH = 500, 100
"""The newest runs of a recipe that are looked at, and those alike that are enough."""
_ROLES = ("model", "reviser", "critic", "judge")
_ENDED = frozenset({RunOutcome.committed, RunOutcome.answered, RunOutcome.abstained, RunOutcome.rejected})


@dataclass(frozen=True)
class Earlier:
    """What a task took on the mean of so many `runs`: calls of models, tokens, US dollars."""

    runs: int
    calls: float
    tokens: float
    cost: float


def earlier(store: Store, settings: Settings) -> Earlier | None:
    """The mean of the newest runs alike that ended; None if there is none. The store is only read."""
    from revet.store import Chosen

    wanted = _roles(kept_settings(settings, Path.cwd()))
    found: list[Run] = []
    for row in store.rows(LOOKED, chosen=Chosen(recipe=settings.recipe)):
        setup = store.setup(row.id) if row.outcome in _ENDED else None
        if setup is not None and setup.settings is not None and _roles(setup.settings) == wanted:
            run = store.find(row.id)
            found += [run] if run is not None and run.usage.roles else []  # one that asked nobody was cut short
        if len(found) >= ENOUGH:
            break
    return _mean(found) if found else None


def _roles(settings: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(settings.get(role) or ("builtin:repair" if role == "model" else None) for role in _ROLES)


def _mean(runs: Sequence[Run]) -> Earlier:
    spent = [run.usage for run in runs]
    calls = sum(each.calls for usage in spent for each in usage.roles.values())
    tokens, cost = sum(usage.tokens for usage in spent), math.fsum(usage.cost for usage in spent)
    return Earlier(runs=len(runs), calls=calls / len(runs), tokens=tokens / len(runs), cost=cost / len(runs))
