"""Who would be asked, how often, and at which prices: told from the settings of a task, and no model is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from revet.batch.agents import policy_of
from revet.errors import InputError, RevetError

if TYPE_CHECKING:
    from revet.batch.totals import Totals
    from revet.graphs.calls import Calls
    from revet.models import LanguageModel
    from revet.models.purse import Purse
    from revet.models.wire import Form, Reply, Request
    from revet.taskfile import BadEntry, Entry, Settings

__all__ = ["ASKED", "Cast", "cast_of", "purse_for"]

ASKED = frozenset({"model", "reviser", "critic", "judge", "base_url", "recipe", "options", "rounds"})
"""The settings on which it hangs who is asked, and how often."""


@dataclass(frozen=True)
class Cast:
    """The language models that are asked, by name, and how often in one run (None: nobody knows).

    `unpriced` are those of the models whose cost nobody knows.
    """

    models: tuple[str, ...]
    calls: Calls | None
    unpriced: tuple[str, ...]


class _Unasked:
    """Stands for a language model that is never asked."""

    sees = True

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def forms(self) -> Sequence[Form]:
        return ()

    async def reply(self, request: Request) -> Reply:
        raise RevetError(f"{self.name} was to be named, not asked")

    async def close(self) -> None: ...


def cast_of(settings: Settings) -> Cast:
    """Raises `InputError` for what does not fit together."""
    from revet.graphs.casting import cast_team
    from revet.models import LanguageModel
    from revet.models.library import pricing

    named: dict[str, LanguageModel] = {}

    def load(name: str) -> LanguageModel:
        if name not in named:
            named[name] = LanguageModel(_Unasked(name), prices=pricing(name, settings.base_url))
        return named[name]

    team = cast_team(
        settings.recipe,
        load=load,
        model=settings.model,
        reviser=settings.reviser,
        critic=settings.critic,
        judge=settings.judge,
        options=settings.options,
        prompts=settings.prompts,
        policy=policy_of(settings),
    )
    unpriced = tuple(name for name, model in named.items() if not model.priced)
    return Cast(tuple(named), team.calls, unpriced)


def purse_for(totals: Totals, tasks: Iterable[Entry | BadEntry]) -> Purse | None:
    """The budget of a batch that its models spend from; None if there is none.

    Raises `InputError`, before anything is run, if the cost is limited and a task asks a model whose cost nobody knows.
    """
    from revet.models.purse import Purse
    from revet.taskfile import Entry

    if totals.tokens is None and totals.cost is None:
        return None
    purse = Purse(totals.tokens, totals.cost)
    seen: set[str] = set()
    for entry in tasks if totals.cost is not None else ():
        if isinstance(entry, Entry):
            key = entry.settings.model_dump_json(include=set(ASKED))
            if key not in seen:
                seen.add(key)
                for name in _unpriced(entry.settings):
                    purse.admit(name, priced=False)
    return purse


def _unpriced(settings: Settings) -> tuple[str, ...]:
    """None of settings that do not fit together: these end their task alone, when its turn comes."""
    try:
        return cast_of(settings).unpriced
    except InputError:
        return ()
