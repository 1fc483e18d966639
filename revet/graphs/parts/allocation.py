"""One budget of samples over many tasks: the next sample goes to the task whose vote is least settled.

After Blend-ASC (Feng, Alonso and Odonnat 2025, arXiv 2511.12309), which ranks tasks by two measures of how settled
their vote is, Adaptive-Consistency's and PPR-1v1's (see `revet.graphs.parts.settling`): the first is better with few
samples and the second in the limit, so the weight moves from the one to the other as the budget is used up (``blend``).

Both prefer a vote that is tied for good to any other, and so feed it without end. ``gain`` is ours: what is not settled
by Adaptive-Consistency's measure, for each sample that was drawn. It spends less where samples have not helped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from revet.graphs.parts.settling import majority_confidence, ppr_confidence

__all__ = ["RANKS", "Allocation", "Asking", "Rank", "blend", "gain", "least_settled"]

Rank = Literal["gain", "blend"]


def gain(votes: Sequence[float], made: int, used: float = 0.0) -> float:
    """How unsettled a vote is for each sample that was drawn for it, 0 to 1. Those that were refused count as drawn."""
    return (1.0 - majority_confidence(votes)) / (made + 1.0)


def blend(votes: Sequence[float], made: int, used: float) -> float:
    """How unsettled a vote is, 0 to 1, when the share `used` of the budget is spent."""
    return 1.0 - ((1.0 - used) * majority_confidence(votes) + used * ppr_confidence(votes))


RANKS: Mapping[Rank, Callable[[Sequence[float], int, float], float]] = {"gain": gain, "blend": blend}


class Asking(NamedTuple):
    """A task that asks for a sample: the votes for each of its answers, and how many samples were drawn for it."""

    votes: Sequence[float]
    made: int


def least_settled(asking: Sequence[Asking], used: float, rank: Rank = "gain") -> int:
    """The place of the task that is sampled next: one without samples, else the least settled; of equals the one with
    fewest samples, then the first."""

    def order(place: int) -> tuple[bool, float, int, int]:
        votes, made = asking[place]
        return (made > 0, -RANKS[rank](votes, made, used), made, place)

    return min(range(len(asking)), key=order)


class Allocation:
    """Hands out `budget` samples to the tasks that ask for them. `jobs` of them may be under way at the same time.

    A task asks with `turn` before each sample and says `leave` when it has ended. Nothing is handed out while a task
    that has not left may still ask, unless `jobs` allow more: with one job, what each task gets depends on the votes
    alone. For one event loop.
    """

    def __init__(self, tasks: Sequence[str], budget: int, *, jobs: int = 1, rank: Rank = "gain") -> None:
        self.budget, self.jobs, self.rank = budget, jobs, rank
        self.given: dict[str, int] = dict.fromkeys(tasks, 0)
        self._away: set[str] = set(self.given)
        self._waiting: dict[str, tuple[Asking, asyncio.Future[bool]]] = {}

    @property
    def spent(self) -> int:
        return sum(self.given.values())

    async def turn(self, task: str, votes: Sequence[float], made: int) -> bool:
        """Wait until `task`, which has made so many samples with these `votes`, may make one more.

        False: the budget is spent. What a task made before it was broken off counts.
        """
        self.given[task] = max(self.given[task], made)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[task] = (Asking(votes, made), future)
        self._away.discard(task)
        self._hand_out()
        try:
            return await future
        finally:
            self._waiting.pop(task, None)

    def leave(self, task: str, made: int = 0) -> None:
        """`task` has ended after so many samples, and what it did not use is for the others."""
        self.given[task] = max(self.given[task], made)
        self._away.discard(task)
        self._waiting.pop(task, None)
        self._hand_out()

    def _hand_out(self) -> None:
        open_ = {task: asked for task, asked in self._waiting.items() if not asked[1].done()}
        while open_ and len(self._away) < self.jobs:
            left = self.budget - self.spent
            if left < 1:
                for _, future in open_.values():
                    future.set_result(False)
                return
            names = [task for task in self.given if task in open_]
            asking = [open_[name][0] for name in names]
            task = names[least_settled(asking, self.spent / self.budget, self.rank)]
            self.given[task] += 1
            self._away.add(task)
            open_.pop(task)[1].set_result(True)
