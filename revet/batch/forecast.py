"""What a batch would run, with whom, and what it may cost: counted while its tasks go by, and nothing is run.

Tasks that are run alike are one `Group`; a batch of a hundred thousand has a few. Of the others nothing is kept but the
digests of their workspaces.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from revet.batch.casts import ASKED, Cast, cast_of
from revet.batch.earlier import Earlier, earlier
from revet.batch.totals import Totals
from revet.errors import InputError
from revet.taskfile import BadEntry, Entry, Settings

if TYPE_CHECKING:
    from revet.graphs.calls import Calls
    from revet.store import Store

__all__ = ["Estimate", "Forecast", "Group", "forecast"]

_ALIKE = ASKED | {"sandbox", "sandbox_features", "seconds", "tokens", "cost"}
"""The settings by which tasks are grouped."""
_ROLES = ("model", "reviser", "critic", "judge")
AT_ONCE = 256
"""Tasks about which the store is asked at once."""


@dataclass(frozen=True)
class Estimate:
    """What so many `tasks` may take, by earlier runs of the same models and methods; a `cost` of None is not known."""

    tasks: int
    tokens: float
    cost: float | None

    def __add__(self, other: Estimate) -> Estimate:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Estimate(self.tasks + other.tasks, self.tokens + other.tokens, cost)


@dataclass
class Group:
    """Tasks that are run alike, with the `settings` of the first. `code` counts those that surely run code.

    `problem` says why they cannot be run, as they would say one by one; then nobody is `cast`.
    """

    settings: Settings
    cast: Cast | None = None
    problem: str | None = None
    earlier: Earlier | None = None
    tasks: int = 0
    code: int = 0

    @property
    def rounds(self) -> int | None:
        """Those that were given; None where the method chooses."""
        return self.settings.rounds if "rounds" in self.settings.model_fields_set else None

    @property
    def named(self) -> dict[str, str]:
        """The models that the settings name, by role, and the others that the method's options name."""
        told = {role: getattr(self.settings, role) for role in _ROLES if getattr(self.settings, role) is not None}
        more = [name for name in (self.cast.models if self.cast else ()) if name not in told.values()]
        return told | ({"others": ", ".join(more)} if more else {})

    @property
    def asks(self) -> bool:
        """Whether language models are asked at all."""
        return bool(self.cast and self.cast.models)

    @property
    def calls(self) -> Calls | None:
        """Of all its tasks."""
        return self.cast.calls * self.tasks if self.cast is not None and self.cast.calls is not None else None

    @property
    def estimate(self) -> Estimate | None:
        """Where language models are asked, and were before."""
        if self.earlier is None or self.cast is None:
            return None
        cost = None if self.cast.unpriced else self.earlier.cost * self.tasks
        return Estimate(self.tasks, self.earlier.tokens * self.tasks, cost)

    def most(self, budget: str) -> float | None:
        """The most that its tasks may take of ``tokens`` or ``cost``; None without a limit."""
        each = getattr(self.settings, budget)
        return 0 if not self.asks else None if each is None else each * self.tasks


@dataclass
class Forecast:
    """`tasks` are those of the file; of them `bad` cannot be read, and `done` are done already (`--resume`).

    `groups` hold the others. So many of them as `sharing` work in a workspace of several, of which there are `shared`.
    """

    totals: Totals
    tasks: int = 0
    bad: int = 0
    done: int = 0
    groups: list[Group] = field(default_factory=list)
    shared: int = 0
    sharing: int = 0

    @property
    def left(self) -> int:
        """The tasks that would be run."""
        return self.tasks - self.bad - self.done

    @property
    def asking(self) -> int:
        """The tasks for which language models are asked."""
        return sum(group.tasks for group in self.groups if group.asks)

    @property
    def calls(self) -> Calls | None:
        """Of all tasks that can be run; None where that of some is not known."""
        from revet.graphs.calls import NONE

        total = NONE
        for group in self.groups:
            if group.problem is None and group.calls is None:
                return None
            total = total + (group.calls or NONE)
        return total

    @property
    def estimate(self) -> Estimate:
        """Of those tasks for which there is one."""
        known = (group.estimate for group in self.groups)
        return sum((each for each in known if each is not None), Estimate(0, 0.0, 0.0))

    def most(self, budget: str) -> float | None:
        """The most that the budgets let the batch take of ``tokens`` or ``cost``; None without a limit."""
        each = [group.most(budget) for group in self.groups]
        known = [most for most in each if most is not None]
        own = sum(known) if len(known) == len(each) else None
        return min((most for most in (own, getattr(self.totals, budget)) if most is not None), default=None)

    def as_json(self) -> dict[str, Any]:
        """The same as data; what is null is not known, or without a limit."""
        estimate = self.estimate
        return {
            "tasks": self.tasks,
            "bad": self.bad,
            "done": self.done,
            "to_run": self.left,
            "groups": [_group(each) for each in self.groups],
            "calls": _range(self.calls),
            "budget": {name: getattr(self.totals, name) for name in ("tokens", "cost", "seconds")},
            "most": {name: self.most(name) for name in ("tokens", "cost")},
            "estimate": {"tasks": estimate.tasks, "tokens": estimate.tokens, "cost": estimate.cost},
            "workspaces": {"shared": self.shared, "tasks": self.sharing},
        }


def forecast(tasks: Iterable[Entry | BadEntry], totals: Totals, store: Store, *, resume: bool = False) -> Forecast:
    """Count what would be run. The store is only read: for what is done already, and for what earlier runs took."""
    told = Forecast(totals)
    groups: dict[str, Group] = {}
    seen: set[bytes] = set()
    again: Counter[bytes] = Counter()
    for entry, done in _looked_up(tasks, store) if resume else ((entry, False) for entry in tasks):
        told.tasks += 1
        if isinstance(entry, BadEntry):
            told.bad += 1
            continue
        if done:
            told.done += 1
            continue
        key = _key(entry.settings)
        if key not in groups:
            groups[key] = _made(entry.settings, store)
        groups[key].tasks += 1
        groups[key].code += bool(entry.task.checks)
        if entry.task.workspace is not None:
            place = hashlib.blake2b(entry.task.workspace.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if place in seen:
                again[place] += 1
            seen.add(place)
    told.groups = sorted(groups.values(), key=lambda group: -group.tasks)
    told.shared, told.sharing = len(again), again.total() + len(again)
    return told


def _looked_up(tasks: Iterable[Entry | BadEntry], store: Store) -> Iterator[tuple[Entry | BadEntry, bool]]:
    """Each task, and whether it is done already."""
    rest = iter(tasks)
    while some := list(islice(rest, AT_ONCE)):
        runs = store.done([entry.task for entry in some if isinstance(entry, Entry)])
        done = {run.task.id for run in runs if run is not None}
        yield from ((entry, isinstance(entry, Entry) and entry.task.id in done) for entry in some)


def _key(settings: Settings) -> str:
    """The same for settings with which tasks are run alike. Rounds that were not given, the method may choose."""
    given = "rounds" in settings.model_fields_set
    return settings.model_dump_json(include=set(_ALIKE if given else _ALIKE - {"rounds"}))


def _made(settings: Settings, store: Store) -> Group:
    try:
        cast = cast_of(settings)
    except InputError as error:
        return Group(settings, problem=str(error))
    return Group(settings, cast, earlier=earlier(store, settings) if cast.models else None)


def _group(group: Group) -> dict[str, Any]:
    settings, before = group.settings, group.earlier
    priced = group.cast is not None and not group.cast.unpriced
    told = before and {"runs": before.runs, "tokens": before.tokens, "cost": before.cost if priced else None}
    return {
        "tasks": group.tasks,
        "recipe": settings.recipe,
        "options": settings.options,
        "rounds": group.rounds,
        "models": group.named,
        "sandbox": settings.sandbox,
        "calls_per_task": _range(group.cast.calls) if group.cast is not None else None,
        "calls": _range(group.calls),
        "budget_per_task": {name: getattr(settings, name) for name in ("tokens", "cost", "seconds")},
        "earlier_per_task": told,
        "problem": group.problem,
    }


def _range(calls: Calls | None) -> dict[str, int] | None:
    return None if calls is None else {"least": calls.least, "most": calls.most}
