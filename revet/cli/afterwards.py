"""What is said when a batch has ended: how it ended, what broke, what was stopped, and how to go on; the exit code."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from revet.cli.commits import commits_of
from revet.cli.common import BAD_INPUT, NOT_ALL, again, folder_shown
from revet.errors import InputError, ModelFailed, ReplayMiss, RevetError
from revet.policy import asked_by_rules
from revet.report.summary import print_batch
from revet.report.text import again_command, one_line
from revet.schema import RunOutcome

if TYPE_CHECKING:
    from rich.console import Console

    from revet.batch import Batch
    from revet.cli.way import Way
    from revet.report import Ended, Tally

__all__ = ["code_of", "nobody_reads", "say_how_it_ended"]


def say_how_it_ended(console: Console, batch: Batch, way: Way, *, tasks: int, stopped: bool) -> None:
    """`tasks` is how many the batch has; `stopped` by a signal."""
    tally, folder = batch.tally, folder_shown(way.out, way.store)
    results = str(batch.results.path) if batch.results is not None else None
    print_batch(console, tally, folder=folder, results=results, quiet=way.quiet)
    if results and way.results is not None and tally.small and not way.quiet:
        console.print(Text.assemble("What became of each task: ", (results, "bold")), soft_wrap=True)
    _say_fault(batch)
    if stopped or batch.broken is not None:
        _say_stopped(console, batch, tasks, folder)
    _say_what_waits(console, tally)


def code_of(batch: Batch) -> int:
    """1 for a batch that broke off or of which some task did not end well; 2 where nothing was run."""
    tally = batch.tally
    if nobody_reads(batch):
        return NOT_ALL
    if tally.done == batch.refused and (tally.done or batch.broken):
        return BAD_INPUT
    return 0 if tally.ok == tally.done and batch.broken is None else NOT_ALL


def nobody_reads(batch: Batch) -> bool:
    """True if the batch stopped because whoever read its output is gone (``revet run … | head``): nothing is said."""
    return batch.broken is not None and isinstance(batch.broken.__cause__, BrokenPipeError)


def _say_fault(batch: Batch) -> None:
    """The traceback of the first fault of revet itself, for a report; more of them add little."""
    fault = batch.fault
    if fault is not None:
        typer.echo("\nThis is a fault in revet itself. Please report it with this traceback:", err=True)
        traceback.print_exception(fault)


def _say_stopped(console: Console, batch: Batch, tasks: int, folder: str | None) -> None:
    """Why it stopped, what of the batch is done, what the stopped tasks had committed all the same, how to go on."""
    if isinstance(batch.broken, RevetError):
        typer.echo(f"revet: {batch.broken}", err=True)
    committed = _committed_before_the_stop(batch)
    for run_id, files in committed:
        words = f"{run_id} had just committed {files}. To take that back: "
        console.print(Text.assemble(words, (again_command(run_id, "undo", folder), "bold")), soft_wrap=True)
    counted = f"Stopped. {batch.tally.done} of {tasks} tasks had ended; "
    words = f"{counted}{'nothing else was changed' if committed else 'the others changed nothing'}. To go on: "
    console.print(Text.assemble(words, (_again(), "bold")), soft_wrap=True)


def _committed_before_the_stop(batch: Batch) -> list[tuple[str, str]]:
    """Id and files of each run that was stopped after its commit. The journals know, whatever was heard of it."""
    return [
        (run_id, ", ".join(one_line(file.path) for file in receipt.files))
        for run_id, workspace in batch.begun
        for receipt in commits_of(workspace, run_id)
    ]


def _say_what_waits(console: Console, tally: Tally) -> None:
    for ended in tally.first:
        if ended.outcome is RunOutcome.asked:
            words = f"{ended.task.id} waits for your answer. In a terminal: "
            run = ended.run
            ruled = run is not None and (run.question or (run.best is not None and asked_by_rules(run.best)))
            auto = "" if ruled else " (to approve without being asked, add --approve auto)"
            console.print(Text.assemble(words, (_again(), "bold"), auto), soft_wrap=True)
        elif ended.run is not None and ended.error is not None:
            first = "Mend what it says, then go on" if _lasting(ended) else "To go on"
            words = f"{ended.task.id} broke off. {first} with it where it was: "
            console.print(Text.assemble(words, (_again(), "bold")), soft_wrap=True)
    waiting = tally.counts[RunOutcome.asked]
    if waiting and not tally.first:
        words = f"{waiting:,} wait for your answer. In a terminal: "
        console.print(Text.assemble(words, (_again(), "bold")), soft_wrap=True)


def _lasting(ended: Ended) -> bool:
    """True if the same would be said again: the recording or script lacks an answer, the key or the name is wrong."""
    error = ended.error
    return isinstance(error, ReplayMiss | InputError) or (isinstance(error, ModelFailed) and not error.retryable)


def _again() -> str:
    """This command line, going on where it stopped."""
    return again([*(word for word in sys.argv[1:] if word != "--resume"), "--resume"])
