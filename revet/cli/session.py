"""One batch from start to end: open what it needs, run it, show it, and choose the exit code."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections.abc import Awaitable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

from revet.batch import Batch, Results, open_results
from revet.batch.casts import purse_for
from revet.cli.afterwards import code_of, nobody_reads, say_how_it_ended
from revet.cli.asking import Asking
from revet.cli.common import INTERRUPTED, TERMINATED, open_store
from revet.cli.summary import keep_summary
from revet.errors import RevetError
from revet.report import Ended, Reporter, Tally, check_summary, json_line, make_console, reporter_for
from revet.report.tally import SMALL
from revet.taskfile import Entry

if TYPE_CHECKING:
    from revet.batch import Agents
    from revet.cli.way import Way
    from revet.graphs.events import Event
    from revet.models.purse import Purse
    from revet.schema import Task
    from revet.store import Store
    from revet.taskfile import Tasks

__all__ = ["do"]

PATIENCE = 3
"""The signal with this number ends the process at once. Nothing is lost by that, either."""
FINISHING = b"\nrevet: finishing what is committing; once more ends it at once (--resume goes on either way)\n"
SHOW_CURSOR = b"\x1b[?25h"


def do(tasks: Tasks, way: Way) -> int:
    """Run the batch, print how it ended, return the exit code. With `json`, stdout holds JSON lines only."""
    if way.summary is not None:
        check_summary(way.summary)
    _warn_of_endpoints(tasks)
    if way.dry_run:
        from revet.cli.dry_run import dry_run

        return dry_run(tasks, way)
    purse = purse_for(way.totals, tasks)
    agents = _agents(way, purse)
    store = open_store(way.out, way.store)
    store.prepare()
    console = make_console(stderr=way.json)
    tally = Tally(tasks.count)
    shown = reporter_for(console, tally, quiet=way.quiet, shared=way.json and sys.stdout.isatty())
    reporter = _JsonLines(shown) if way.json else shown
    stop = _Stop()
    try:
        with _results(tasks, store, way) as results:
            batch = Batch(
                tasks,
                store,
                agents,
                reporter=reporter,
                asker=Asking(console, reporter),
                results=results,
                totals=way.totals,
                purse=purse,
                tally=tally,
                resume=way.resume,
            )
            try:
                asyncio.run(stop.cancels(_run(batch, agents, way)))
            except KeyboardInterrupt:  # before the signals were listened to
                stop.code = INTERRUPTED
            except asyncio.CancelledError:
                if not stop.code:
                    raise
    finally:
        reporter.close()
    code = keep_summary(batch, tasks, way, stop.code or code_of(batch))
    if nobody_reads(batch):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))  # ends the process with 1, without a word
    if batch.broken is not None and not isinstance(batch.broken, RevetError):
        raise batch.broken
    say_how_it_ended(console, batch, way, tasks=tasks.count, stopped=bool(stop.code))
    return code


async def _run(batch: Batch, agents: Agents, way: Way) -> None:
    try:
        start = getattr(agents, "start", None)  # of a cluster: how many tasks fit at once
        fit = await start() if start is not None else 1
        batch.jobs = way.jobs or fit
        await batch.run()
    finally:
        await agents.close()


def _agents(way: Way, purse: Purse | None) -> Agents:
    limits: dict[str, Any] = {"model_jobs": way.model_jobs, "model_rate": way.model_rate}
    if way.engine == "ray":
        from revet.batch.ray import RayAgents

        return RayAgents(address=way.address, record=way.record, purse=purse, **limits)
    from revet.batch import SharedAgents

    return SharedAgents(way.record, purse=purse, **limits)


@contextmanager
def _results(tasks: Tasks, store: Store, way: Way) -> Iterator[Results | None]:
    if tasks.path is not None and way.results is None:
        store.make_folder()
    results = open_results(store.folder, tasks.path, way.results, resume=way.resume)
    try:
        yield results
    finally:
        if results is not None:
            results.close()


class _Stop:
    """Ctrl-C and SIGTERM (a cancelled job, a container that stops) cancel the batch. What is committing is finished
    then, and the next signal does not cut that short. `code` is the exit code that follows, 0 without a signal.
    """

    def __init__(self) -> None:
        self.code = 0
        self._heard = 0

    async def cancels(self, work: Awaitable[None]) -> None:
        """`work`, which a signal cancels. Handlers are Python's own, so that they are heard in a busy loop, too."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None

        def hear(number: int, frame: object) -> None:
            self._heard += 1
            if self._heard == 1:
                self.code = INTERRUPTED if number == signal.SIGINT else TERMINATED
                task.cancel()
                loop.call_soon_threadsafe(lambda: None)  # so that it wakes up
            elif self._heard < PATIENCE:
                os.write(2, FINISHING)
            else:
                os.write(2, SHOW_CURSOR if os.isatty(2) else b"")
                os._exit(self.code)

        before = [(number, signal.signal(number, hear)) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            await work
        finally:
            for number, handler in before:
                signal.signal(number, handler)


class _JsonLines:
    """Shows what `shown` shows, and prints a line of JSON on stdout for each task that ends."""

    def __init__(self, shown: Reporter) -> None:
        self.shown = shown

    def heard(self, task: Task, event: Event) -> None:
        self.shown.heard(task, event)

    def ended(self, ended: Ended) -> None:
        typer.echo(json_line(ended))
        self.shown.ended(ended)

    def paused(self) -> AbstractContextManager[None]:
        return self.shown.paused()

    def close(self) -> None:
        self.shown.close()


def _warn_of_endpoints(tasks: Tasks) -> None:
    """An endpoint that no model is asked at is a slip: it is for `openai:` models, and does not choose one."""
    first = [each.settings for each in islice(tasks, SMALL) if isinstance(each, Entry)]
    asked = [settings for settings in first if settings.base_url is not None]
    named = (spec for s in asked for spec in (s.model, s.reviser, s.critic, s.judge) if spec is not None)
    if asked and tasks.count <= SMALL and not any(spec.startswith("openai:") for spec in named):
        typer.echo("revet: --base-url has no effect: it is for models named openai:NAME, and none is named", err=True)
