"""Views for those whom a strategy lets speak: of the beginning, of an earlier draft, of one more sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from revet.graphs.step import leading
from revet.schema import Attempt, Draft
from revet.tools.base import View

__all__ = ["PARENT", "as_first", "at", "child_of", "children_of", "next_round", "parent_of"]

PARENT = "parent"
"""In ``Draft.data``: the round of the attempt that the draft was made from; absent for one made from nothing."""


def next_round(view: View) -> int:
    """The number of the round in which the next draft is examined."""
    return 0 if view.draft is None else view.round + 1


def as_first(view: View, number: int | None = None) -> View:
    """The view of whoever makes a draft as if it were the first, for independent samples and restarts.

    Nothing that was tried is in it. `number` is the round that the draft is for, by default the next.
    """
    number = next_round(view) if number is None else number
    first = replace(view, draft=None, changes=None, layer=None, attempts=(), best=None, critique=view.diagnosis)
    return replace(first, evidence=tuple(view.baseline.values()), round=number)


def at(view: View, attempt: Attempt) -> View:
    """The view of whoever mends an earlier draft: as it was when that one had been criticised.

    What is staged now is another draft, so there is no `layer`; `attempts` still holds all that was tried.
    """
    now = replace(view, draft=attempt.draft, changes=attempt.changes, evidence=attempt.evidence)
    staged = view.draft is not None and view.draft.id == attempt.draft.id
    return replace(now, layer=view.layer if staged else None, critique=leading([*attempt.critiques]) or view.diagnosis)


def child_of(draft: Draft, parent: Attempt | None, **data: object) -> Draft:
    """`draft`, marked as made from `parent`, or from nothing whatever its author says, with more `data`."""
    lineage = {} if parent is None else {PARENT: parent.round}
    own = {name: value for name, value in draft.data.items() if name != PARENT}
    return Draft.model_validate({**dict(draft), "data": {**own, **lineage, **data}})


def parent_of(attempt: Attempt, attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that this one was made from; None for one made from nothing."""
    number = attempt.draft.data.get(PARENT)
    return next((a for a in attempts if a.round == number), None) if isinstance(number, int) else None


def children_of(attempt: Attempt, attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that were made from this one, in order."""
    return [a for a in attempts if a.draft.data.get(PARENT) == attempt.round and a.round != attempt.round]
