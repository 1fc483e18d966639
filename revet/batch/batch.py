"""Runs a batch of tasks, read as a stream: several at once, but those on one workspace one after another.

::

    tasks ─► ready ─► running ─► ended: a line of the results file, a count, a report
               ▲ │       │
               │ ▼       ▼
              held      aside: another process has the task or the workspace; tried again

Of what has ended nothing stays but counts. So many tasks are read ahead as may be held back by workspaces that others
work in, and no more.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from revet.batch.course import AGAIN, Agents, Asker, Course, Untold, telling, waits
from revet.batch.fatal import ends_the_batch
from revet.batch.feed import Feed
from revet.batch.held import Held
from revet.batch.results import Results
from revet.batch.totals import Totals
from revet.errors import InputError, RevetError, RunBusy, StoreError, WorkspaceBusy
from revet.report import Ended, Reporter, Tally
from revet.report.text import duration
from revet.schema import Run, Task
from revet.taskfile import BadEntry, Entry

if TYPE_CHECKING:
    from revet.store import Store

__all__ = ["Batch", "Spending"]

AHEAD = 64
"""Tasks that may be read ahead, or four for each that runs at once."""
ASIDE = 1000
"""Tasks that may be put aside because another process has them, before no more are read."""
PORTION = 16
MANY = 256
"""Tasks read at once: while others run, and where none is run any more."""
THREADS = 4
"""For reading tasks and asking the store. Those of the event loop may all be busy with what the tasks do."""
SHORTEST = 0.001
"""Seconds that a task is given at least."""
SETTLED = 20
"""Tasks after whose end all that they load is loaded."""


class Spending(Protocol):
    """What many runs may spend together (see `revet.models.purse.Purse`)."""

    @property
    def spent(self) -> str | None:
        """Why nothing more may be begun; None while there is something left."""
        ...


class Batch:
    """Each of `tasks` to its end, in their order but for those that are held back; what becomes of them is told to
    `results`, `tally` and `reporter`, in this order.

    A task that fails ends alone. `broken` is what ended the whole batch: an error of the store, of the results file, of
    who is told, or of reading the tasks. `fault` is the first error that is a fault of revet itself; `refused` counts
    the tasks whose input was bad.
    """

    def __init__(
        self,
        tasks: Iterable[Entry | BadEntry],
        store: Store,
        agents: Agents,
        *,
        reporter: Reporter,
        asker: Asker,
        results: Results | None = None,
        totals: Totals | None = None,
        purse: Spending | None = None,
        tally: Tally | None = None,
        jobs: int = 1,
        resume: bool = False,
    ) -> None:
        self.store, self.agents, self.reporter, self.asker = store, agents, reporter, asker
        self.results, self.totals, self.purse = results, totals or Totals(), purse
        self.tally = Tally() if tally is None else tally
        self.jobs, self.resume = jobs, resume
        self.broken: Exception | None = None
        self.fault: Exception | None = None
        self.refused = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="revet batch")
        self._feed = Feed(tasks, self._threads)
        self._taking: asyncio.Task[list[tuple[int, Entry | BadEntry, Run | None]]] | None = None
        self._held = Held()
        self._entries: dict[int, Entry] = {}
        """All that were taken and have not ended, by their place in the file."""
        self._ready: list[int] = []
        """Those that may begin, as a heap."""
        self._running: dict[int, asyncio.Task[None]] = {}
        self._aside: dict[int, str | None] = {}
        """Those that somebody else has, with the key of the lease; None where it is the workspace."""
        self._told: set[int] = set()
        self._taken_over: set[int] = set()
        self._courses: dict[int, Course] = {}
        self._news = asyncio.Event()
        self._look_at = 0.0
        self._end_at: float | None = None
        self._settled = False

    @property
    def begun(self) -> list[tuple[str, Path]]:
        """The id and the workspace of each run that was begun and did not end."""
        entries = [(course.run_id, course.entry.task.workspace) for course in self._courses.values()]
        return [(run, Path(workspace)) for run, workspace in entries if run is not None and workspace is not None]

    async def run(self) -> None:
        """Run every task. When cancelled, the running ones are cancelled and waited for; what has ended stays."""
        if self.totals.seconds is not None:
            self._end_at = time.monotonic() + self.totals.seconds
        complete = False
        try:
            await self._run()
            complete = self.broken is None
        except Exception as error:  # noqa: BLE001 - of the store, the results file or the reporter: told by who runs us
            self.broken = self.broken or error
        finally:
            left = [*self._running.values(), *([self._taking] if self._taking else ())]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self._threads.shutdown()
            if self._settled:
                gc.unfreeze()
            self.tally.close()
            self._close(complete)

    async def _run(self) -> None:
        while self.broken is None:
            self._news.clear()
            if (spent := self._spent()) is not None:
                await self._skip_the_rest(spent)
            self._begin()
            if self._taking is None and self._has_room():
                self._taking = asyncio.create_task(self._next(PORTION))
                self._taking.add_done_callback(lambda _: self._news.set())
            if self._taking is None and not self._running and not self._aside:
                break
            self.tally.waiting = len(self._entries) - len(self._running) - len(self._ready)
            await self._next_news()
            if self._taking is not None and self._taking.done():
                await self._take()

    async def _next_news(self) -> None:
        """Wait until a task ended, or others were read. What was put aside is looked at from time to time, however
        much else there is to do; where that takes long, less often.
        """
        try:
            async with asyncio.timeout_at(self._look_at if self._aside else None):
                await self._news.wait()
        except TimeoutError:
            pass
        clock = asyncio.get_running_loop().time
        if self._aside and (begun := clock()) >= self._look_at:
            await self._look_again()
            self._look_at = clock() + max(AGAIN, 10 * (clock() - begun))

    # --- which may begin -----------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        waiting = len(self._entries) - len(self._running) - len(self._aside)
        return not self._feed.over and waiting + PORTION <= max(AHEAD, 4 * self.jobs) and len(self._aside) < ASIDE

    async def _next(self, most: int) -> list[tuple[int, Entry | BadEntry, Run | None]]:
        """The next `most` tasks, each with the run by which it is done already (`resume`)."""
        taken = await self._feed.take(most)
        tasks = [entry.task for _, entry in taken if isinstance(entry, Entry)] if self.resume else []
        runs = await asyncio.get_running_loop().run_in_executor(self._threads, self.store.done, tasks) if tasks else ()
        done = {run.task.id: run for run in runs if run is not None}
        return [
            (number, entry, done.get(entry.task.id) if isinstance(entry, Entry) else None) for number, entry in taken
        ]

    async def _take(self) -> None:
        """Those that are being read: one that cannot be run, or is done, ends at once; each other waits for its
        workspace.
        """
        taking, self._taking = self._taking, None
        for number, entry, done in await taking if taking is not None else ():
            if isinstance(entry, BadEntry):
                self._tell(number, Ended(Task(id=entry.id), error=entry.error), begun=False)
                continue
            if done is not None:
                self._tell(number, Ended(entry.task, done, again=True), begun=False)
                continue
            self._entries[number] = entry
            if self._held.enter(number, entry.task.workspace):
                heapq.heappush(self._ready, number)
        self.broken = self.broken or self._feed.error

    def _begin(self) -> None:
        """Begin the next task. One at a time, and another when the loop has come round: tasks that begin together do
        every step together, so that all of them wait for what each of them has to do, in this process, before the
        first model is asked.
        """
        if self._may_begin():
            number = heapq.heappop(self._ready)
            self._running[number] = asyncio.create_task(self._one(number))
            if self._may_begin():
                asyncio.get_running_loop().call_soon(self._news.set)

    def _may_begin(self) -> bool:
        return bool(self._ready) and len(self._running) < self.jobs and self.broken is None

    async def _look_again(self) -> None:
        """Have those that were put aside tried again, but for tasks that another process surely has."""
        keys = dict(self._aside)

        def free() -> list[int]:
            holder = self.store.leases.holder
            return [number for number, key in keys.items() if key is None or holder(key) is not True]

        for number in await asyncio.get_running_loop().run_in_executor(self._threads, free):
            del self._aside[number]
            heapq.heappush(self._ready, number)

    # --- one task ------------------------------------------------------------------------------------------

    async def _one(self, number: int) -> None:
        """Run a task. What it raises ends it alone, but for an error that all others would end with, too."""
        course = self._courses[number] = self._course(number)
        try:
            try:
                ended = await course.end()
            except (Exception, asyncio.CancelledError) as error:
                if _cancelled():
                    raise
                if self._may_come_again(number, course, error):
                    return
                ended = await self._ended_by(course, error)
            self._tell(number, ended, begun=course.taken_up)
            self._forget(number)
        except Exception as error:  # noqa: BLE001 - as in `run`
            self.broken = self.broken or error
        finally:
            del self._running[number]
            self._news.set()

    def _course(self, number: int) -> Course:
        entry = self._entries[number]
        if self._end_at is not None:
            left = max(self._end_at - time.monotonic(), SHORTEST)
            seconds = min(left, entry.settings.seconds or left)
            entry = entry.model_copy(update={"settings": entry.settings.model_copy(update={"seconds": seconds})})
        return Course(
            entry,
            store=self.store,
            agents=self.agents,
            reporter=self.reporter,
            asker=self.asker,
            tally=self.tally,
            threads=self._threads,
            resume=self.resume or number in self._taken_over,
        )

    def _may_come_again(self, number: int, course: Course, error: BaseException) -> bool:
        """Put the task aside if somebody else has it, or its workspace."""
        busy = isinstance(error, RunBusy | WorkspaceBusy) and course.run_id is None
        if not busy and not course.lost:
            return False
        if course.lost:
            self._taken_over.add(number)  # what the other process makes of it counts
        if course.taken_up:
            self.tally.put_back()
        if number not in self._told:
            waits(self.reporter, course.entry.task, error)
            self._told.add(number)
        del self._courses[number]
        key = self.store.task_key(course.entry.task)
        if not self._aside:
            self._look_at = asyncio.get_running_loop().time() + AGAIN
        self._aside[number] = None if isinstance(error, WorkspaceBusy) else key
        return True

    async def _ended_by(self, course: Course, error: BaseException) -> Ended:
        """The end that is an error. Raises one that ends the batch."""
        if isinstance(error, asyncio.CancelledError):
            error = RevetError("it was cancelled by something within it")
        if not isinstance(error, Exception):
            raise error
        if isinstance(error, Untold) or ends_the_batch(error, self.store.folder):
            hint = "make room, or mend what it says"
            raise error if isinstance(error, RevetError) else StoreError(f"nothing can be kept: {error}", hint=hint)
        run = None
        if course.run_id is not None:
            run = await asyncio.get_running_loop().run_in_executor(self._threads, self.store.find, course.run_id)
        return Ended(course.entry.task, run, error=error)

    def _tell(self, number: int, ended: Ended, *, begun: bool) -> None:
        if self.results is not None:
            self.results.add(ended)
        if isinstance(ended.error, InputError):
            self.refused += 1
        elif ended.error is not None and not isinstance(ended.error, RevetError):
            self.fault = self.fault or ended.error
        self.tally.ended(ended, number, begun=begun)
        with telling():
            self.reporter.ended(ended)
        if self.tally.done == SETTLED and not gc.get_freeze_count():
            self._settle()

    def _settle(self) -> None:
        """Have the garbage collector pass over what stays anyway: a fifth of the time goes into it otherwise."""
        gc.collect()
        gc.freeze()
        self._settled = True

    def _forget(self, number: int) -> None:
        """Nothing is kept of a task that ended. Those that it held back may begin."""
        del self._entries[number]
        self._courses.pop(number, None)
        self._told.discard(number)
        self._taken_over.discard(number)
        for each in self._held.leave(number):
            heapq.heappush(self._ready, each)

    # --- the end -------------------------------------------------------------------------------------------

    def _spent(self) -> str | None:
        """Why nothing may be begun any more: what the whole batch may take is spent."""
        if self._end_at is not None and time.monotonic() >= self._end_at:
            return f"the batch's time is over ({duration(self.totals.seconds or 0.0)}; --total-seconds)"
        return self.purse.spent if self.purse is not None else None

    async def _skip_the_rest(self, why: str) -> None:
        """All tasks that are not running end unrun, but for those that ended well before."""
        while self.broken is None:
            if self._taking is not None:
                await self._take()
            waiting = [number for number in self._entries if number not in self._running]
            for number in waiting:
                self._tell(number, Ended(self._entries[number].task, skipped=why), begun=False)
                self._forget(number)
            self._ready.clear()
            self._aside.clear()
            if self._feed.over:
                return
            self._taking = asyncio.create_task(self._next(MANY))

    def _close(self, complete: bool) -> None:
        try:
            if self.results is not None:
                self.results.close(complete=complete)
        except StoreError as error:
            self.broken = self.broken or error


def _cancelled() -> bool:
    """True if the batch cancels the current task; a cancellation from within it ends that task alone."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
