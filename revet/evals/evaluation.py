"""An evaluation: one suite played with one split, some options and one version of Revet. It is kept with its trials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pydantic import Field, ValidationError

from revet.errors import StoreError
from revet.evals.estimate import Estimate
from revet.evals.trial import Trial
from revet.schema import Model, digest, utcnow
from revet.schema.base import Data, to_json
from revet.store import ResultStore

__all__ = ["Evaluation", "Evaluations"]


class Evaluation(Model):
    """What was played, and what came of it.

    `cases` is how many there are to play. `ended_at` is None, and `figures` are empty, until all of them are played.
    `rows` is a digest of the files and the cases that it is about: those of two evaluations with the same one are the
    same.
    """

    id: str
    suite: str
    split: str = ""
    options: Data = Field(default_factory=dict)
    version: str
    rows: str = ""
    begun_at: datetime = Field(default_factory=utcnow)
    ended_at: datetime | None = None
    seconds: float = Field(default=0.0, ge=0, description="by the clock, all the sessions that played it together")
    cases: int = Field(ge=0)
    limit: int | None = Field(default=None, description="of cases, as it was asked for; None for all there are")
    figures: tuple[Estimate, ...] = ()

    @property
    def key(self) -> str:
        """The same for evaluations of which one could go on where the other stopped."""
        return digest(self.suite, self.split, self.options, self.version, self.rows, self.cases, length=16)

    def figure(self, name: str) -> Estimate | None:
        """The figure of that name; None if the suite has none."""
        return next((figure for figure in self.figures if figure.name == name), None)


class Evaluations:
    """The evaluations of a store, as objects."""

    def __init__(self, store: ResultStore) -> None:
        self.store = store

    def begin(self, evaluation: Evaluation) -> None:
        begun = evaluation.begun_at.isoformat()
        self.store.begin(evaluation.id, evaluation.suite, evaluation.key, begun, to_json(evaluation))

    def add(self, evaluation: Evaluation, trials: Iterable[tuple[int, Trial]]) -> None:
        """Keep trials, each with the place of its case in the suite. One of the same case is replaced."""
        self.store.add(evaluation.id, [(place, trial.case, to_json(trial)) for place, trial in trials])

    def save(self, evaluation: Evaluation) -> None:
        ended = None if evaluation.ended_at is None else evaluation.ended_at.isoformat()
        self.store.save(evaluation.id, ended, to_json(evaluation))

    def get(self, name: str) -> Evaluation:
        """The evaluation with this id, or the only one whose id starts so; of a suite's name, its newest that ended.

        Raises `RunNotFound`, which names the nearest.
        """
        return self._evaluation(self.store.get(name))

    def latest(self, key: str) -> Evaluation | None:
        """The newest evaluation with this key."""
        body = self.store.latest(key)
        return None if body is None else self._evaluation(body)

    def newest(self, limit: int) -> list[tuple[Evaluation, int]]:
        """The newest first, each with the number of trials that are kept of it."""
        return [(self._evaluation(body), count) for body, count in self.store.newest(limit)]

    def trials(self, evaluation: Evaluation) -> list[Trial]:
        """Its trials, in the order of the suite's cases."""
        return [self._read(Trial, body, evaluation.id) for body in self.store.trials(evaluation.id)]

    @contextmanager
    def playing(self, evaluation: Evaluation) -> Iterator[None]:
        """Hold it, so that no other process plays its cases meanwhile. Raises `StoreError` if one does."""
        with self.store.playing(evaluation.id):
            yield

    def _evaluation(self, body: str) -> Evaluation:
        found: Evaluation = self._read(Evaluation, body, "an evaluation")
        return found

    def _read(self, kind: type[Any], body: str, what: str) -> Any:
        try:
            return kind.model_validate_json(body)
        except ValidationError:
            raise StoreError(
                f"the record of {what} in {self.store.file} cannot be read",
                hint="it was written by another version of revet, or is damaged; use that version to read it",
            ) from None
