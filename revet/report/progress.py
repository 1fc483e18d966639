"""How far a batch is: as a table that a terminal redraws, and as one line for a log. The same facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from revet.report.ended import LOOKS
from revet.report.spent import dollars
from revet.report.tally import NOT_RUN, Tally, counted
from revet.schema import RunOutcome

__all__ = ["per_time", "progress_line", "progress_table", "when"]

WIDEST = 100
"""Columns that the table takes at most: what is wider is harder to read, and breaks when the window is narrowed."""
GAP = "  "
BAR = (8, 40)
"""A bar is drawn with so many columns at least and at most."""
ALWAYS = (RunOutcome.committed, RunOutcome.answered, RunOutcome.abstained, RunOutcome.failed)
"""Outcomes that have a column though there is none of them yet."""
NOTHING = "–"
"""Where nothing can be said yet."""


@dataclass(frozen=True)
class Cell:
    """A number with its name above it. A cell never gets narrower than `least`, so that columns stand still."""

    name: str
    value: str
    style: str = ""
    least: int = 0

    @property
    def width(self) -> int:
        return max(cell_len(self.name), cell_len(self.value), self.least)


def progress_table(tally: Tally, width: int) -> RenderableType:
    """A bar with how many tasks are done; below it the counts, on as many lines as `width` columns need."""
    width = min(width, WIDEST)
    return Group(_bar(tally, width), *_laid_out(list(_cells(tally)), width))


def progress_line(tally: Tally) -> str:
    """``1,200 of 2,000 done: 1,150 committed, 50 failed; 8 in flight; 95 a minute; ends about 14:32``."""
    outcomes = counted(tally.counts)
    parts = [_done(tally) + (f": {outcomes}" if outcomes else "")]
    parts += [f"{tally.again:,} of them before"] if tally.again else []
    parts += [f"{tally.in_flight:,} in flight"] if tally.in_flight else []
    parts += [f"{tally.waiting:,} held back"] if tally.waiting else []
    rate, end = tally.rate, tally.expected_end
    parts += [per_time(rate)] if rate else []
    parts += [f"{tally.tokens:,} tokens"] if tally.tokens else []
    parts += [dollars(tally.cost)] if tally.cost else []
    return "; ".join(parts + ([f"ends about {when(end, tally.now())}"] if end else []))


def per_time(rate: float) -> str:
    """Tasks a minute in words: ``18 a second``, ``95 a minute``, ``7.5 a minute``, ``12 an hour``."""
    number, unit = _scaled(rate)
    return f"{number} {'an' if unit == 'hour' else 'a'} {unit}"


def when(end: datetime, now: datetime) -> str:
    """``14:32``; ``Mon 14:32`` if that is more than half a day away, with the date if it is days; in local time."""
    hours = (end - now).total_seconds() / 3600
    return f"{end.astimezone():{'%H:%M' if hours < 12 else '%a %H:%M' if hours < 6 * 24 else '%Y-%m-%d %H:%M'}}"


def _rate(rate: float) -> str:
    number, unit = _scaled(rate)
    return number + {"second": "/s", "minute": "/min", "hour": "/h"}[unit]


def _scaled(rate: float) -> tuple[str, str]:
    """Of tasks a minute, a number that is read at a glance, and the time that it is for."""
    count, unit = (rate / 60, "second") if rate >= 1000 else (rate, "minute") if rate >= 1 else (rate * 60, "hour")
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}", unit


def _done(tally: Tally) -> str:
    return f"{tally.done:,} done" if tally.total is None else f"{tally.done:,} of {tally.total:,} done"


def _bar(tally: Tally, width: int) -> RenderableType:
    done, total = tally.done, tally.total
    share = f" · {100 * done // total} %" if total else ""
    words = Text(_done(tally) + share, style="bold", no_wrap=True, overflow="crop")
    room = min(width - cell_len(words.plain) - 1, BAR[1])
    if not total or room < BAR[0]:
        return words
    line = Table.grid(padding=(0, 1, 0, 0))
    bar = ProgressBar(total, min(done, total), width=room, complete_style="green", finished_style="green")
    line.add_row(bar, words)
    return line


def _cells(tally: Tally) -> Iterator[Cell]:
    digits = len(f"{tally.total or tally.done:,}")
    for outcome in RunOutcome:
        count = tally.counts[outcome]
        if count or outcome in ALWAYS:
            yield Cell(outcome.value, f"{count:,}", LOOKS[outcome][1] if count else "dim", digits)
    rest = ((NOT_RUN, tally.counts[NOT_RUN]), ("done before", tally.again), ("held back", tally.waiting))
    for name, count in rest:
        if count:
            yield Cell(name.replace("_", " "), f"{count:,}", "yellow", digits)
    rate, end = tally.rate, tally.expected_end
    yield Cell("in flight", f"{tally.in_flight:,}")
    yield Cell("rate", _rate(rate) if rate else NOTHING, least=len("100/min"))
    yield Cell("elapsed", str(timedelta(seconds=int(tally.seconds))))
    yield Cell("ends about", when(end, tally.now()) if end else NOTHING)
    if tally.tokens:
        yield Cell("tokens", f"{tally.tokens:,}", least=len("1,000,000"))
    if tally.cost:
        yield Cell("cost", dollars(tally.cost), least=len("$100.00"))


def _laid_out(cells: list[Cell], width: int) -> Iterator[Text]:
    """Lines of names, each above its line of values."""
    for row in _rows(cells, width):
        for names in (True, False):
            line = Text(no_wrap=True, overflow="crop")
            for cell in row:
                words = cell.name if names else cell.value
                line.append(words, style="dim" if names else cell.style)
                line.append(" " * (cell.width - cell_len(words)) + GAP)
            line.rstrip()
            yield line


def _rows(cells: Iterable[Cell], width: int) -> list[list[Cell]]:
    rows: list[list[Cell]] = [[]]
    for cell in cells:
        taken = sum(each.width + len(GAP) for each in rows[-1])
        if rows[-1] and taken + cell.width > width:
            rows.append([])
        rows[-1].append(cell)
    return rows
