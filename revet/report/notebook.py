"""Runs in a notebook: what a cell shows of them, and how far one is while it goes on.

What is shown is the same markup as on a page (`revet.report.html`), in the notebook's own colours, with styles that
are scoped to it and no script: it is shown in a notebook that is not trusted, too. Nothing asks the network.
"""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from revet.report.ended import LOOKS
from revet.report.text import one_line, usage_line, why
from revet.report.watch import Watch
from revet.schema import Attempt, Changes, Critique, Draft, Evidence, Receipt, Run, Task

if TYPE_CHECKING:
    from markupsafe import Markup

    from revet.graphs.events import Event

__all__ = ["Cell", "html_of", "progress"]

_numbers = itertools.count(1)

EVERY = 0.2
"""Seconds between two updates of a cell: a search says more than a browser should redraw."""


def html_of(shown: object) -> str:
    """A piece of the vocabulary as a fragment of HTML. Raises `TypeError` for anything else."""
    prefix = f"r{next(_numbers)}-"  # several outputs stand on one page
    return _fragment(_markup(shown, prefix))


def _markup(shown: object, prefix: str) -> Markup:
    from revet.report import html
    from revet.report.html.shelf import Shelf

    shelf = Shelf(prefix=prefix)
    match shown:
        case Run():
            return html.run_html(shown, folder=_folder(shown), level=3, prefix=prefix)
        case Attempt():
            return html.attempt_html(shown, shelf)
        case Draft():
            return html.draft_html(shown, shelf, staged=False)
        case Changes():
            return html.changes_html(shown, (), shelf)
        case Evidence():
            return html.evidence_html(shown, shelf, opened=True)
        case Critique():
            return html.critique_html(shown, (), shelf)
        case Receipt():
            return html.receipt_html(shown)
        case _:
            raise TypeError(f"{type(shown).__name__} has no display of its own")


def _folder(run: Run) -> str | None:
    """The folder or URL of the store that keeps the run, for a command line; None where it is the usual one, or not
    known.
    """
    store = getattr(run, "_store", None)
    shown = getattr(store, "shown", None)
    return None if shown is None or shown == ".revet" else shlex.quote(shown)


def _fragment(body: Markup) -> str:
    from revet.report.html.page import stylesheet
    from revet.report.html.templating import render

    return str(render("notebook.html", style=stylesheet(), body=body))


class Cell:
    """Shows in a notebook's cell how far a run is, in place, by each event that it hears.

    `show` puts a bundle of MIME types there and gives what replaces it: by default, IPython's display.
    """

    def __init__(self, task: Task, show: Callable[[dict[str, str]], Callable[[dict[str, str]], None]] | None = None):
        self.watch = Watch(task)
        self._replace = (show or _ipython)(self._bundle(f"{task.id}: starts", ""))
        self._drawn = time.monotonic()

    def hear(self, event: Event) -> None:
        self.watch.hear(event)
        if event.type == "finished":
            self._ended(event.run)
        elif event.type == "asked" or time.monotonic() - self._drawn >= EVERY:
            self._draw()

    def broke_off(self, error: BaseException) -> None:
        self._replace(self._bundle(f"✗ {self.watch.task.id} broke off", one_line(f"{type(error).__name__}: {error}")))

    def _draw(self) -> None:
        head, *rest = self.watch.lines()
        self._replace(self._bundle(f"… {head}", *rest))
        self._drawn = time.monotonic()

    def _ended(self, run: Run) -> None:
        head = f"{LOOKS[run.outcome][0]} {run.outcome.value}: {run.task.id} ({usage_line(run)})"
        self._replace(self._bundle(head, why(run), f"run {run.id}"))

    def _bundle(self, head: str, *lines: str) -> dict[str, str]:
        from revet.report.html.templating import render

        told = [one_line(line, 300) for line in lines if line]
        html = render("progress.html", head=one_line(head, 200), lines=told)
        return {"text/plain": "\n  ".join([one_line(head, 200), *told]), "text/html": str(html)}


@contextmanager
def progress(task: Task) -> Iterator[Callable[[Event], None]]:
    """A cell that follows one run of `task`: give each event to what this yields."""
    cell = Cell(task)
    try:
        yield cell.hear
    except BaseException as error:
        cell.broke_off(error)
        raise


def _ipython(first: dict[str, str]) -> Callable[[dict[str, str]], None]:
    from IPython.display import display

    handle: Any = display(first, raw=True, display_id=True)  # type: ignore[no-untyped-call]

    def replace(bundle: dict[str, str]) -> None:
        handle.update(bundle, raw=True)

    return replace
