"""The counts of a batch while it goes on: what became of its tasks, how fast they end, when the last one will.

A `Tally` takes the same memory for ten tasks and for a million.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from revet.report.ended import Ended
from revet.schema import RunOutcome, utcnow

__all__ = ["NOT_RUN", "REASONS", "SMALL", "WORDS", "Problem", "Tally", "counted"]

SMALL = 50
"""A batch of at most so many tasks is shown task by task."""
NOT_RUN = "not_run"
WORDS = (*(outcome.value for outcome in RunOutcome), NOT_RUN)
"""Every word for what becomes of a task, in the order in which they are told."""

PROBLEMS = 20
"""Tasks that did not end well whose reasons are kept: the first ones."""
REASONS = 20
"""Reasons for not running tasks that are told apart."""
MARKS = 60
MARK_EVERY = 1.0
"""The rate is that of the last `MARKS` marks; a mark is made when a task ends, at most one in so many seconds. So it
looks back a minute where tasks are quick, and `MARKS` tasks where they are slow."""
PAUSE = 30.0
"""Seconds in which nothing ends that are never a pause. What is beyond them, and beyond twice the longest task, is."""


@dataclass(frozen=True)
class Problem:
    """A task that was run and did not end well."""

    id: str
    outcome: str
    why: str
    run: str | None

    @classmethod
    def of(cls, ended: Ended) -> Problem:
        return cls(ended.task.id, ended.word, ended.why, ended.run.id if ended.run else None)


class Tally:
    """What became of the tasks of a batch so far. `total` is how many it has, None where that is not known.

    Whoever runs the batch says `started()` when a task is taken up and, for each of those, `ended(...)` or `put_back()`
    once, before the reporter is told. A task that ends without having been taken up is told with ``begun=False``; one
    that is not run at all (`Ended.skipped`) never counts as begun. `waiting` is how many are held back by a workspace
    or another process. `close` stops the clock.
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utcnow,
    ) -> None:
        self.total = total
        self.counts: Counter[str] = Counter(dict.fromkeys(WORDS, 0))
        self.again = 0
        self.in_flight = 0
        self.waiting = 0
        self.rounds = 0
        self.calls = 0
        self.tokens = 0
        self.cost = 0.0
        self.problems: list[Problem] = []
        self.reasons: Counter[str] = Counter()
        self.last_run: str | None = None
        self.last_commit: str | None = None
        self.begun_at: datetime = now()
        self.ended_at: datetime | None = None
        self._clock, self.now = clock, now
        self._begun, self._stopped = clock(), 0.0
        self._first: list[tuple[int, Ended]] = []
        self._most = 0
        self._longest = 0.0
        self._ran = 0
        self._worked, self._last = 0.0, self._begun
        self._marks: deque[tuple[float, int]] = deque([(0.0, 0)], maxlen=MARKS)

    def started(self) -> None:
        """A task is taken up."""
        self.in_flight += 1
        self._most = max(self._most, self.in_flight)

    def put_back(self) -> None:
        """A task that was taken up waits after all: somebody else has what it works on."""
        self.in_flight = max(0, self.in_flight - 1)

    def ended(self, ended: Ended, place: int | None = None, *, begun: bool = True) -> None:
        """What became of a task. `place` is its position in the file, by which the ends of a small batch are sorted."""
        if begun and ended.skipped is None:
            self.put_back()
        self.counts[ended.word] += 1
        self._keep(ended, place)
        if ended.again:
            self.again += 1
        elif ended.skipped is None:
            self._spent(ended)
            self._ran += 1
        self._mark(ended)

    def close(self) -> None:
        """The batch has ended: its time stands still."""
        if self.ended_at is None:
            self._stopped, self.ended_at = self._clock(), self.now()

    @property
    def done(self) -> int:
        """Tasks of which it is known what became of them, those that are not run among them."""
        return self.counts.total()

    @property
    def ok(self) -> int:
        return self.counts[RunOutcome.committed] + self.counts[RunOutcome.answered]

    @property
    def left(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.done)

    @property
    def small(self) -> bool:
        """True for a batch whose tasks are shown one by one."""
        return (self.done if self.total is None else max(self.total, self.done)) <= SMALL

    @property
    def first(self) -> list[Ended]:
        """How the tasks of a `small` batch ended, in the order of the file; empty for a larger one."""
        return [ended for _, ended in sorted(self._first, key=lambda each: each[0])]

    @property
    def seconds(self) -> float:
        """Wall time since the batch began."""
        return (self._clock() if self.ended_at is None else self._stopped) - self._begun

    @property
    def rate(self) -> float | None:
        """Tasks run to their end in a minute, lately; None before anything can be said.

        A task that had ended before does not count, nor does the time in which there were only such tasks. Time in
        which nothing ended, though any task would have long done so (a person is asked, the process was stopped),
        counts in part.
        """
        worked, ran = self._marks[0]
        span = self._worked + self._gap() - worked
        return 60.0 * (self._ran - ran) / span if self._ran > ran and span >= MARK_EVERY else None

    @property
    def mean_rate(self) -> float | None:
        """Tasks run to their end in a minute, over the whole batch; None where none was."""
        return 60.0 * self._ran / self.seconds if self._ran and self.seconds > 0 else None

    @property
    def expected_end(self) -> datetime | None:
        """When the last task will have ended, at this rate.

        None while fewer have ended than were under way at once: how long one takes is not known before.
        """
        rate, left = self.rate, self.left
        if not rate or not left or self._ran < max(2, self._most):
            return None
        return self.now() + timedelta(minutes=left / rate)

    def summary(self) -> dict[str, Any]:
        """The counts, as they are written into a file (docs/batches.md says what each is)."""
        rate = self.mean_rate
        return {
            "begun_at": self.begun_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "total": self.total,
            "done": self.done,
            "left": self.left,
            "outcomes": {word: self.counts[word] for word in WORDS},
            "again": self.again,
            "not_run": dict(self.reasons),
            "rounds": self.rounds,
            "model_calls": self.calls,
            "tokens": self.tokens,
            "cost": round(self.cost, 6),
            "rate": round(rate, 2) if rate else None,
            "problems": [asdict(problem) for problem in self.problems],
        }

    def _keep(self, ended: Ended, place: int | None) -> None:
        """Of a small batch everything, of a large one the first that did not end well."""
        self._first.append((self.done if place is None else place, ended))
        if not self.small:
            self._first.clear()
        run = ended.run
        if ended.skipped is not None:
            known = ended.skipped in self.reasons or len(self.reasons) < REASONS
            self.reasons[ended.skipped if known else "other reasons"] += 1
        elif not ended.ok and len(self.problems) < PROBLEMS:
            self.problems.append(Problem.of(ended))
        if run is not None:
            self.last_run = run.id
            self.last_commit = run.id if run.receipt else self.last_commit

    def _spent(self, ended: Ended) -> None:
        if ended.run is None:
            return
        usage = ended.run.usage
        self.rounds += usage.rounds
        self.calls += sum(spent.calls for spent in usage.roles.values())
        self.tokens += usage.tokens
        self.cost += usage.cost
        self._longest = max(self._longest, usage.seconds)

    def _mark(self, ended: Ended) -> None:
        now = self._clock()
        if not self._ran:  # nothing but what had ended before: that time says nothing
            self._last = now
            return
        if ended.again or ended.skipped is not None:
            return
        self._worked, self._last = self._worked + self._gap(), now
        if self._worked - self._marks[-1][0] >= MARK_EVERY:
            self._marks.append((self._worked, self._ran))

    def _gap(self) -> float:
        """Seconds since the last task ended, without what was a pause."""
        gap = (self._clock() if self.ended_at is None else self._stopped) - self._last
        return gap if not self._ran else min(gap, max(PAUSE, 2 * self._longest))


def counted(counts: Mapping[str, int]) -> str:
    """``1,150 committed, 40 abstained, 3 not run``; no word for what there is none of."""
    return ", ".join(f"{counts[word]:,} {word.replace('_', ' ')}" for word in WORDS if counts.get(word))
