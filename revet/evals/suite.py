"""What a suite is: cases that are played one by one, each to a `Trial`, and figures over the trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import Field, JsonValue

from revet.evals.estimate import Estimate
from revet.evals.source import Source
from revet.evals.trial import Trial
from revet.schema import Model

__all__ = ["Beside", "Known", "Opens", "Player"]


class Beside(Model):
    """A figure that others published or logged on the same set, with its source.

    What is logged with the rows is counted by the suite itself, on the rows that were played: then `figure` names it,
    and there is no `value`.
    """

    who: str
    value: float | None = None
    figure: str = Field(default="", description="the suite's own figure that counts it")
    source: str
    measure: str = Field(default="", description="our figure that it stands beside, where that is not the headline")


class Known(Model):
    """What is known of a suite before it is opened: its entry in ``suites.toml``.

    `module` has `open_suite` (see `Opens`). `sets` are the files that it reads, as ``SET/NAME``; `files` are those of
    its `options` that name a file of the user's, which is read too. `headline` names the figure that the table shows,
    and `target` what it should reach (at most that, where lower is better).
    """

    name: str
    about: str
    module: str
    kind: str = Field(description="replay, critic, evidence, gate, recipes")
    sets: tuple[str, ...] = ()
    headline: str
    target: float | None = None
    beside: tuple[Beside, ...] = ()
    options: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    note: str = Field(default="", description="what the figure does not show")


class Player(Protocol):
    """Plays the cases of a suite. Several are played at a time; `close` frees what they share.

    `cases` are ids, each once, the same in every process that reads the same rows.
    """

    @property
    def cases(self) -> Sequence[str]: ...

    async def play(self, case: str) -> Trial: ...

    def figures(self, trials: Sequence[Trial]) -> list[Estimate]:
        """The suite's figures, the headline first. Of no trials, each is without a value and says so."""
        ...

    async def close(self) -> None: ...


class Opens(Protocol):
    """``open_suite`` of a suite's module. `options` are those that the user gave, by name.

    Raises `InputError` for options that it does not know, and for rows that are not there or cannot be used: with the
    path, the set, the row and the field.
    """

    async def __call__(self, source: Source, options: Mapping[str, JsonValue]) -> Player: ...
