"""What is shown while tasks run: redrawn on a terminal, plain lines elsewhere, or nothing. The same facts.

A batch of at most `tally.SMALL` tasks is told task by task. Of a larger one the counts are shown, and what did not
end well; then an event costs next to nothing, however many tasks are under way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from revet.report.ended import Ended
from revet.report.progress import progress_line, progress_table
from revet.report.tally import REASONS, Tally
from revet.report.terminal import ended_line, print_ended
from revet.report.watch import Watch, recovered
from revet.schema import Task

if TYPE_CHECKING:
    from revet.graphs.events import Event

__all__ = ["LiveReport", "PlainReport", "QuietReport", "Reporter", "reporter_for"]

TASKS_SHOWN = 4
"""Running tasks drawn at once; a taller area than the terminal could not be redrawn."""
TASKS_IN_FULL = 2
"""Running tasks that are drawn with all their lines below the table of a small batch."""
LINES_ABOVE = 100
"""Tasks of a large batch that did not end well and are named above its table."""
REDRAWS = 4
"""Redraws in a second."""
LINE_EVERY = 10.0
"""Seconds between two lines about how far a large batch is, where nothing can be redrawn."""
SILENT = 60.0
"""Seconds after which such a line is printed though no task has ended, so that a log does not look dead."""


class Reporter(Protocol):
    """Is told what happens to the tasks of a batch, and shows it."""

    def heard(self, task: Task, event: Event) -> None: ...

    def ended(self, ended: Ended) -> None: ...

    def paused(self) -> AbstractContextManager[None]:
        """Draws nothing inside, so that a question can be asked."""
        ...

    def close(self) -> None: ...


def reporter_for(
    console: Console, tally: Tally | None = None, *, quiet: bool = False, shared: bool = False
) -> Reporter:
    """`tally` holds the counts of the batch; whoever runs the batch brings it up to date before the reporter is told.

    Without one every task is told by itself. `shared`: something else is printed on the same terminal meanwhile, so
    that nothing can be redrawn there.
    """
    if quiet:
        return QuietReport()
    redraws = console.is_terminal and not console.is_dumb_terminal and not shared
    return LiveReport(console, tally) if redraws else PlainReport(console, tally)


class QuietReport:
    """Shows nothing: how the batch ended is told at its end."""

    def heard(self, task: Task, event: Event) -> None:
        """Nothing is shown."""

    def ended(self, ended: Ended) -> None:
        """Nothing is shown."""

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        """Nothing is held open."""


class PlainReport:
    """Lines without control characters.

    Of a small batch a line for everything that is new, each with the task's name in front; of a large one a line for
    each task that did not end well, and now and then one that says how far the batch is.
    """

    def __init__(
        self, console: Console, tally: Tally | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.console, self.tally = console, tally or Tally()
        self._watches: dict[str, Watch] = {}
        self._clock = clock
        self._said, self._tenths = clock(), 0
        self._skipped: set[str] = set()

    def heard(self, task: Task, event: Event) -> None:
        if not self.tally.small:
            self._print_recovered(task, event)
            if self._clock() - self._said >= SILENT:
                self._say_progress()
            return
        watch = self._watches.setdefault(task.id, Watch(task))
        for note in watch.hear(event):
            self._print(Text(f"[{task.id}] {note}"))

    def ended(self, ended: Ended) -> None:
        if self.tally.small:
            self._watches.pop(ended.task.id, None)
            print_ended(self.console, ended)
            return
        if _news(ended, self._skipped):
            self._print(ended_line(ended))
        total, done = self.tally.total, self.tally.done
        tenths = 10 * done // total if total else 0
        if (
            ended.skipped is None
            and done != total
            and (tenths > self._tenths or self._clock() - self._said >= LINE_EVERY)
        ):
            self._say_progress()
        self._tenths = tenths

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        """Nothing is held open."""

    def _say_progress(self) -> None:
        self._said = self._clock()
        self._print(Text(progress_line(self.tally)))

    def _print_recovered(self, task: Task, event: Event) -> None:
        for line in recovered(event) if event.type == "started" else ():
            self._print(Text(f"[{task.id}] {line}"))

    def _print(self, line: Text) -> None:
        self.console.print(line, soft_wrap=True)


class LiveReport:
    """The table of the batch and a few of its running tasks, redrawn; what has ended scrolls away above them.

    A batch of a few tasks has no table. Only tasks that are drawn are watched.
    """

    def __init__(self, console: Console, tally: Tally | None = None) -> None:
        self.console, self.tally = console, tally or Tally()
        self._watches: dict[str, Watch] = {}
        self._running: set[str] = set()
        self._spinner = Spinner("dots")
        self._above = 0
        self._skipped: set[str] = set()
        self._held: list[Callable[[], None]] | None = None
        self._live = self._start()

    def heard(self, task: Task, event: Event) -> None:
        if event.type == "progressed" and event.kind == "batch.waits" and not self.tally.small:
            self._forget(task)
            return
        watch = self._watches.get(task.id)
        if watch is None:
            self._running.add(task.id)
            if len(self._watches) < TASKS_SHOWN:
                watch = self._watches[task.id] = Watch(task)
        if watch is not None:
            watch.hear(event)
        for line in recovered(event) if event.type == "started" else ():
            self._say(partial(self.console.print, Text(f"[{task.id}] {line}"), soft_wrap=True))

    def ended(self, ended: Ended) -> None:
        self._forget(ended.task)
        if self.tally.small or _news(ended, self._skipped):
            self._say(partial(self._print, ended))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is to be printed meanwhile is printed afterwards: it would stand in the middle of the answer."""
        self._live.stop()
        self._held = []
        try:
            yield
        finally:
            self._live, held, self._held = self._start(), self._held, None
            for say in held:
                say()

    def close(self) -> None:
        self._live.stop()

    def _forget(self, task: Task) -> None:
        self._watches.pop(task.id, None)
        self._running.discard(task.id)

    def _say(self, say: Callable[[], None]) -> None:
        if self._held is None:
            say()
        else:
            self._held.append(say)

    def _print(self, ended: Ended) -> None:
        if self.tally.small:
            self._live.refresh()
            print_ended(self.console, ended)
            return
        self._above += 1
        if self._above <= LINES_ABOVE:
            self.console.print(ended_line(ended))
        elif self._above == LINES_ABOVE + 1:
            self.console.print(Text("… further ones are in the results file", style="dim"))

    def _start(self) -> Live:
        live = Live(
            get_renderable=self._draw,
            console=self.console,
            transient=True,
            refresh_per_second=REDRAWS,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _draw(self) -> RenderableType:
        watches, parts = list(self._watches.values()), list[RenderableType]()
        tabled = (self.tally.done if self.tally.total is None else self.tally.total) > TASKS_SHOWN
        if tabled:
            parts.append(progress_table(self.tally, self.console.width))
        in_full = not tabled or (self.tally.small and len(self._running) <= TASKS_IN_FULL)
        parts += [self._panel(watch, watch.lines() if in_full else [watch.line()]) for watch in watches]
        if len(self._running) > len(watches) and not tabled:
            parts.append(Text(f"  and {len(self._running) - len(watches):,} more", style="dim"))
        return Group(*parts)

    def _panel(self, watch: Watch, lines: list[str]) -> Table:
        head, *rest = lines
        table = Table.grid(padding=(0, 1))
        table.add_row(self._spinner, Text(head, style="bold" if rest else "", no_wrap=True, overflow="ellipsis"))
        for line in rest:
            table.add_row("", Text(line, style="dim", no_wrap=True, overflow="ellipsis"))
        return table


def _news(ended: Ended, skipped: set[str]) -> bool:
    """True for a task that did not end well. One that is not run is news if the reason is: the others share it."""
    if ended.skipped is None:
        return not ended.ok
    if ended.skipped in skipped or len(skipped) >= REASONS:
        return False
    skipped.add(ended.skipped)
    return True
