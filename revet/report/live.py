"""What is shown while tasks run: redrawn on a terminal, plain lines elsewhere. The same facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from revet.report.ended import Ended
from revet.report.terminal import print_ended
from revet.report.watch import Watch, recovered
from revet.schema import Task

if TYPE_CHECKING:
    from revet.graphs.events import Event

__all__ = ["LiveReport", "PlainReport", "Reporter", "reporter_for"]

TASKS_SHOWN = 4
"""Running tasks drawn at once; a taller area than the terminal could not be redrawn."""


class Reporter(Protocol):
    """Is told what happens to the tasks of a batch, and shows it."""

    def heard(self, task: Task, event: Event) -> None: ...

    def ended(self, ended: Ended) -> None: ...

    def paused(self) -> AbstractContextManager[None]:
        """Draws nothing inside, so that a question can be asked."""
        ...

    def close(self) -> None: ...


def reporter_for(console: Console) -> Reporter:
    redraws = console.is_terminal and not console.is_dumb_terminal
    return LiveReport(console) if redraws else PlainReport(console)


class PlainReport:
    """A line for everything that is new, each with the task's name in front. No control characters."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._watches: dict[str, Watch] = {}

    def heard(self, task: Task, event: Event) -> None:
        watch = self._watches.setdefault(task.id, Watch(task))
        for note in watch.hear(event):
            self.console.print(Text(f"[{task.id}] {note}"), soft_wrap=True)

    def ended(self, ended: Ended) -> None:
        self._watches.pop(ended.task.id, None)
        print_ended(self.console, ended)

    @contextmanager
    def paused(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        """Nothing is held open."""


class LiveReport:
    """A few lines for each running task, redrawn; what has ended scrolls away above them."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._watches: dict[str, Watch] = {}
        self._live = self._start()

    def heard(self, task: Task, event: Event) -> None:
        self._watches.setdefault(task.id, Watch(task)).hear(event)
        for line in recovered(event) if event.type == "started" else ():
            self.console.print(Text(f"[{task.id}] {line}"), soft_wrap=True)

    def ended(self, ended: Ended) -> None:
        self._watches.pop(ended.task.id, None)
        self._live.refresh()
        print_ended(self.console, ended)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live = self._start()

    def close(self) -> None:
        self._live.stop()

    def _start(self) -> Live:
        live = Live(
            get_renderable=self._draw,
            console=self.console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _draw(self) -> RenderableType:
        watches = list(self._watches.values())
        parts: list[RenderableType] = [_panel(watch) for watch in watches[:TASKS_SHOWN]]
        if len(watches) > TASKS_SHOWN:
            parts.append(Text(f"  and {len(watches) - TASKS_SHOWN} more", style="dim"))
        return Group(*parts)


def _panel(watch: Watch) -> Table:
    head, *rest = watch.lines()
    table = Table.grid(padding=(0, 1))
    table.add_row(Spinner("dots"), Text(head, style="bold", no_wrap=True, overflow="ellipsis"))
    for line in rest:
        table.add_row("", Text(line, style="dim", no_wrap=True, overflow="ellipsis"))
    return table
