"""Runs on a terminal or in a log: the diff, how a task ended, the table of a batch, the list of runs.

Everything printed is a `Text`, never a string with markup: what tools wrote cannot change how it is shown.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from revet.policy import drafts_made
from revet.report.effects import table_lines
from revet.report.ended import LOOKS, Ended
from revet.report.progress import per_time
from revet.report.spent import spent_line
from revet.report.tally import Problem, counted
from revet.report.text import (
    again_command,
    by_exit_status,
    clean,
    dry,
    duration,
    failing_before_after,
    one_line,
    plural,
)
from revet.schema import RunOutcome
from revet.store import Row

__all__ = [
    "block_text",
    "diff_text",
    "ended_line",
    "ended_text",
    "make_console",
    "outcome_text",
    "print_ended",
    "print_indented",
    "print_next",
    "print_runs",
    "print_summary",
    "problem_line",
    "totals_line",
]

DIFF_LINES = 60
"""Lines of a diff shown while tasks run; `revet show` shows all."""
DETAIL_INDENT = 16
TESTS = 3
"""The column of failing tests."""


class _Console(Console):
    """One whose reader is gone raises `BrokenPipeError`; rich would end the process, in the middle of whatever runs."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def make_console(*, stderr: bool = False) -> Console:
    """The console that everything is printed on: no markup, no emoji codes, no highlighting."""
    return _Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def outcome_text(outcome: RunOutcome | None, *, undone: bool = False) -> Text:
    """``✓ committed``: symbol and word, coloured. Nothing depends on the colour alone."""
    symbol, style = LOOKS[outcome]
    word = outcome.value if outcome else "not ended"
    if undone:
        return Text(f"↶ {word}, undone", style="yellow")
    return Text(f"{symbol} {word}", style=style)


def ended_text(ended: Ended) -> Text:
    """`outcome_text` of a task of a batch, which may not have been run."""
    if ended.skipped is not None:
        return Text(f"{LOOKS[None][0]} not run", style="yellow")
    return outcome_text(ended.outcome)


def ended_line(ended: Ended) -> Text:
    """How a task ended, in one line: ``✗ failed  a-task  why``. Of one that is not run, why all such are not."""
    if ended.skipped is not None:
        return Text.assemble(ended_text(ended), f"  {ended.task.id} and further ones: {ended.why}")
    return problem_line(Problem.of(ended))


def problem_line(problem: Problem) -> Text:
    """``✗ failed  a-task  why``."""
    look = outcome_text(RunOutcome(problem.outcome))
    return Text.assemble(look, "  ", (one_line(problem.id, 80), "bold"), f"  {one_line(problem.why, 300)}")


def diff_text(diff: str, *, limit: int | None = None) -> Text:
    """A unified diff in colour, at most `limit` lines of it."""
    lines = clean(diff).splitlines()
    shown = lines if limit is None else lines[:limit]
    text = Text()
    for line in shown:
        text.append(f"    {line}\n", style=_diff_style(line))
    if len(shown) < len(lines):
        text.append(f"    … {plural(len(lines) - len(shown), 'more line')}\n", style="dim")
    text.rstrip()
    return text


def block_text(text: str, *, limit: int | None = None) -> Text:
    """Lines of text, indented; at most `limit` of them."""
    lines = clean(text).strip("\n").splitlines()
    shown = lines if limit is None else lines[:limit]
    left = [f"… {plural(len(lines) - len(shown), 'more line')}"] if len(shown) < len(lines) else []
    return Text("\n".join(f"    {line}".rstrip() for line in shown + left))


def print_ended(console: Console, ended: Ended) -> None:
    """How one task ended, with the diff of what was committed, or of what a dry run would commit."""
    head = Text.assemble(ended_text(ended), "  ", (ended.task.id, "bold"))
    head.append("  (had ended before; not run again)" if ended.again else "", style="dim")
    console.print(head, soft_wrap=True)
    run = ended.run
    if ended.outcome is RunOutcome.answered and run is not None and run.answer:
        console.print(block_text(run.answer, limit=DIFF_LINES), soft_wrap=True)
        return
    for line in ended.lines:
        console.print(Text(f"    {line}"), soft_wrap=True)
    if run is None or run.best is None or ended.again:
        return
    if dry(run):
        console.print(Text("    would commit:"), soft_wrap=True)
    if dry(run) or ended.outcome is RunOutcome.committed:
        if run.best.diff:
            console.print(diff_text(run.best.diff, limit=DIFF_LINES), soft_wrap=True)
        for line in table_lines(run.best.changes):
            console.print(Text(f"    {line}"), soft_wrap=True)


def print_summary(console: Console, results: Sequence[Ended], seconds: float, folder: str | None) -> None:
    """The table of a batch, and what can be done next. `folder`: the store's, if unusual."""
    names = ("task", "outcome", "drafts", "failing tests", "time", "run")
    # Where no task has checks, nothing can be said of tests.
    kept = [i for i in range(len(names)) if i != TESTS or any(ended.task.checks for ended in results)]
    right = [n for n, i in enumerate(kept) if i in (2, 4)]
    head = tuple(names[i] for i in kept)
    rows = [(head, Text(""))] + [(tuple(_cells(e)[i] for i in kept), _detail(e)) for e in results]
    widths = [max(cell_len(cells[i]) for cells, _ in rows) for i in range(len(head))]
    in_line = sum(widths) + 2 * len(widths) <= console.width
    columns = len(head) if in_line else len(head) - 1
    console.print()
    for number, (cells, detail) in enumerate(rows):
        line = Text("  ")
        for i in range(columns):
            padded = cells[i].rjust(widths[i]) if i in right else cells[i].ljust(widths[i])
            line.append(padded + "  ", style=_cell_style(results[number - 1], kept[i]) if number else "bold")
        line.rstrip()
        console.print(line, soft_wrap=True)
        if number:
            if not in_line and cells[-1]:
                detail.append(f" (run {cells[-1]})", style="dim")
            print_indented(console, detail, min(2 + widths[0] + 2, DETAIL_INDENT))
    console.print()
    console.print(Text(_totals(results, seconds)), soft_wrap=True)
    last = next((e.run.id for e in reversed(results) if e.run), None)
    committed = next((e.run.id for e in reversed(results) if e.run and e.run.receipt), None)
    print_next(console, committed or last, committed, folder)


def totals_line(counts: Mapping[str, int], seconds: float, spent: str = "", rate: float | None = None) -> str:
    """``90 tasks in 31 s, 174 a minute: 80 committed, 10 failed. 9 model calls, 1,200 tokens.``, of counts by word."""
    took = duration(seconds) + (f", {per_time(rate)}" if rate else "")
    line = f"{plural(sum(counts.values()), 'task')} in {took}: {counted(counts)}."
    return line + (f" {spent}." if spent else "")


def print_next(console: Console, run: str | None, committed: str | None, folder: str | None) -> None:
    """What can be done next: look at the run with that id, take back the one that committed."""
    lines = []
    if run:
        lines.append(("What happened, in full: ", again_command(run, "show", folder)))
    if committed:
        lines.append(("To take a commit back:  ", again_command(committed, "undo", folder)))
    for words, command in lines:
        console.print(Text.assemble(words, (command, "bold")), soft_wrap=True)


def print_runs(console: Console, rows: Sequence[Row]) -> None:
    """The list of runs, newest first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("run", "outcome", "started", "time"):
        table.add_column(name, no_wrap=name != "run", overflow="fold", justify="right" if name == "time" else "left")
    for row in rows:
        table.add_row(
            Text(row.id),
            outcome_text(row.outcome, undone=row.undone),
            Text(f"{row.begun_at.astimezone():%Y-%m-%d %H:%M}"),
            Text(duration(row.seconds) if row.outcome else "–"),
        )
    console.print(table)


def _diff_style(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _cells(ended: Ended) -> tuple[str, ...]:
    run, symbol = ended.run, LOOKS[ended.outcome][0]
    return (
        one_line(ended.task.id, 30),
        f"{symbol} {ended.word.replace('_', ' ')}",
        str(sum(not a.draft.gives_up for a in drafts_made(run.attempts))) if run else "–",
        failing_before_after(run) if run else "–",
        duration(run.usage.seconds) if run else "–",
        run.id if run else "",
    )


def _detail(ended: Ended) -> Text:
    warning = by_exit_status(ended.run) if ended.run else ""
    return Text(ended.brief + (f"\n{warning}" if warning else ""))


def _cell_style(ended: Ended, column: int) -> str:
    return LOOKS[ended.outcome][1] if column == 1 else "dim" if column == 5 else ""


def print_indented(console: Console, text: Text, indent: int) -> None:
    """`text` in lines that fit the console, each so far from its edge."""
    for line in text.wrap(console, max(20, console.width - indent)):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


def _totals(results: Sequence[Ended], seconds: float) -> str:
    spent = spent_line(ended.run.usage for ended in results if ended.run and not ended.again)
    if all(ended.again for ended in results):
        spent = "All had ended before; nothing was run"
    return totals_line(Counter(ended.word for ended in results), seconds, spent)
