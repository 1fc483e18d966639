"""What is said between the driver and a worker: JSON, of one version of revet on both sides. Nothing is unpickled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, JsonValue

from revet import errors
from revet.errors import RevetError
from revet.schema import Attempt, Check, Draft, Evidence, Model, Note, Run, Task
from revet.schema.base import Data, to_json

__all__ = ["Fault", "Order", "Returned", "brought_home", "moved"]

_ID = re.compile(r"\b(?:[de]-[0-9a-f]{8}|c-[0-9a-f]{6})\b")


class Order(Model):
    """What a worker is to do.

    `named` is another path of the workspace, which the task may use. `workspace` and `supplies` are digests of
    archives; the supplies are what the settings name of files and folders outside the workspace, `carried`: each path
    with its name in the archive. `tokens` and `cost` are what is left of the batch's budget, `model_jobs` and
    `model_rate` this worker's share of what providers are asked at once. `notes` are what earlier runs taught.
    """

    run: str
    task: Task
    settings: Data
    named: str | None = None
    workspace: str | None = None
    supplies: str | None = None
    carried: dict[str, str] = Field(default_factory=dict)
    most_bytes: int
    tokens: int | None = None
    cost: float | None = None
    model_jobs: int | None = None
    model_rate: float | None = None
    record: bool = False
    notes: tuple[Note, ...] = ()


class Fault(Model):
    """An error of a worker: its class by name, its text with the hint, and what else it holds of plain data."""

    kind: str
    text: str
    hint: str | None = None
    data: Data = Field(default_factory=dict)

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        held = {name: value for name, value in vars(error).items() if name != "hint" and _plain(value)}
        text = str(error) if isinstance(error, RevetError) else f"{type(error).__name__}: {error}"
        return cls(kind=type(error).__name__, text=text, hint=getattr(error, "hint", None), data=held)

    def error(self, node: str) -> RevetError:
        """The error again, which says where it was: one of revet's own kinds, with what it held."""
        kind = getattr(errors, self.kind, None) if self.kind in errors.__all__ else None
        if kind is None:
            return RevetError(f"a worker on {node} broke off: {self.text}")
        error: RevetError = kind.__new__(kind)
        bare = self.text.removesuffix(f"\n  → {self.hint}") if self.hint else self.text
        RevetError.__init__(error, f"on {node}: {bare}", hint=self.hint)
        vars(error).update(self.data)
        return error


class Returned(Model):
    """What came of it: the record, if there is one, of paths at home; the error that ended it; and the `contents` of
    each file that it would leave (the target, of a link). `recorded` is what models were asked and answered, `notes`
    what the run taught.
    """

    node: str
    run: Run | None = None
    fault: Fault | None = None
    contents: dict[str, bytes] = Field(default_factory=dict)
    recorded: bytes = b""
    notes: tuple[Note, ...] = ()


def moved(value: JsonValue, places: Mapping[str, str]) -> Any:
    """`value` with the paths in its texts that lie at or below a key of `places` at or below its value instead."""
    if isinstance(value, dict):
        return {key: moved(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, places) for each in value]
    if not isinstance(value, str):
        return value
    if not places:
        return value
    known = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    return re.sub(rf"(?:(?<=[:=,\s'\"])|^)(?:{known})(?=$|[/,\s'\"])", lambda found: places[found[0]], value)


def brought_home(run: Run, places: Mapping[str, str], task: Task) -> Run:
    """The record with paths at home for those of the worker, and with `task` as it is at home.

    Evidence, drafts and checks are called by digests of what they say, so what cites them is told their new names.
    """
    text = to_json(run)
    for there, here in sorted(places.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(_inner(there), _inner(here))
    home = Run.model_validate_json(text)
    names = {old.id: new.id for old, new in zip(_named(run), _named(home), strict=True) if old.id != new.id}
    if names:
        home = Run.model_validate_json(_ID.sub(lambda found: names.get(found[0], found[0]), text))
    return home.model_copy(update={"task": task})


def _inner(path: str) -> str:
    """The path as it stands inside a text of JSON."""
    return to_json(_Said(text=path))[len('{"text":"') : -len('"}')]


class _Said(Model):
    text: str


def _named(run: Run) -> list[Check | Draft | Evidence]:
    attempts: Sequence[Attempt] = (*run.attempts, *([run.best] if run.best else ()))
    drafts: Iterable[Check | Draft | Evidence] = (attempt.draft for attempt in attempts)
    return [*run.task.checks, *drafts, *run.baseline, *(each for attempt in attempts for each in attempt.evidence)]


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(each) for each in value)
    return value is None or isinstance(value, str | int | float | bool)
