"""One batch from start to end: run it, show it, say what to do next, and choose the exit code."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from revet.batch.batch import Agents, Batch
from revet.cli.asking import Asking
from revet.cli.commits import commits_of
from revet.cli.common import BAD_INPUT, INTERRUPTED, NOT_ALL, TERMINATED, folder_shown
from revet.errors import InputError, ModelFailed, ReplayMiss, RevetError
from revet.policy import asked_by_rules
from revet.report import Ended, Reporter, json_line, make_console, print_summary, reporter_for
from revet.report.text import again_command, one_line
from revet.schema import RunOutcome
from revet.store import Store
from revet.taskfile import Entry

if TYPE_CHECKING:
    from revet.cli.way import Way
    from revet.graphs.events import Event
    from revet.schema import Task
    from revet.taskfile import Tasks

__all__ = ["do"]


def do(tasks: Tasks, way: Way) -> int:
    """Run the batch, print how it ended, return the exit code. With `json`, stdout holds JSON lines only."""
    from revet.batch import SharedAgents

    entries = [each for each in tasks if isinstance(each, Entry)]
    _warn_of_endpoints(entries)
    agents, out = SharedAgents(way.record), way.out
    store = Store(out)
    store.prepare()
    console = make_console(stderr=way.json)
    shown = reporter_for(console)
    reporter = _JsonLines(shown) if way.json else shown
    asker = Asking(console, reporter)
    batch = Batch(entries, store, agents, reporter=reporter, asker=asker, jobs=way.jobs or 1, resume=way.resume)
    stopped = 0
    try:
        asyncio.run(_until_terminated(batch, agents))
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    except asyncio.CancelledError:
        stopped = TERMINATED
    finally:
        reporter.close()
    results = [ended for ended in batch.results if ended is not None]
    if results:
        print_summary(console, results, batch.seconds, folder_shown(out))
    _say_internal_errors(results)
    if stopped:
        _say_stopped(console, batch, out)
    _say_what_waits(console, results)
    return stopped or _code(results)


async def _until_terminated(batch: Batch, agents: Agents) -> None:
    """Run the batch; SIGTERM (a cancelled job, a container that stops) cancels it as Ctrl-C does."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await batch.run()
    finally:
        await agents.close()


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


def _warn_of_endpoints(entries: Sequence[Entry]) -> None:
    """An endpoint that no model is asked at is a slip: it is for `openai:` models, and does not choose one."""
    asked = [entry.settings for entry in entries if entry.settings.base_url is not None]
    named = (spec for s in asked for spec in (s.model, s.reviser, s.critic, s.judge) if spec is not None)
    if asked and not any(spec.startswith("openai:") for spec in named):
        typer.echo("revet: --base-url has no effect: it is for models named openai:NAME, and none is named", err=True)


def _say_stopped(console: Console, batch: Batch, out: Path) -> None:
    """What of the batch is done, what the stopped tasks had committed all the same, and how to go on."""
    ended = sum(result is not None for result in batch.results)
    committed = _committed_before_the_stop(batch)
    for run_id, files in committed:
        words = f"{run_id} had just committed {files}. To take that back: "
        console.print(Text.assemble(words, (again_command(run_id, "undo", folder_shown(out)), "bold")), soft_wrap=True)
    counted = f"Stopped. {ended} of {len(batch.entries)} tasks had ended; "
    words = f"{counted}the {'rest' if committed else 'others'} changed nothing. To go on: "
    console.print(Text.assemble(words, (_again(), "bold")), soft_wrap=True)


def _committed_before_the_stop(batch: Batch) -> list[tuple[str, str]]:
    """Id and files of each run that was stopped after its commit. The journals know, whatever was heard of it."""
    found = []
    for entry, run_id, ended in zip(batch.entries, batch.started, batch.results, strict=True):
        if ended is None and run_id is not None and entry.task.workspace is not None:
            for receipt in commits_of(Path(entry.task.workspace), run_id):
                found.append((run_id, ", ".join(one_line(file.path) for file in receipt.files)))
    return found


def _say_what_waits(console: Console, results: Sequence[Ended]) -> None:
    for ended in results:
        if ended.outcome is RunOutcome.asked:
            words = f"{ended.task.id} waits for your answer. In a terminal: "
            run = ended.run
            ruled = run is not None and (run.question or (run.best is not None and asked_by_rules(run.best)))
            auto = "" if ruled else " (to approve without being asked, add --approve auto)"
            console.print(Text.assemble(words, (_again(), "bold"), auto), soft_wrap=True)
        elif ended.run is not None and ended.error is not None:
            first = "Mend what it says, then go on" if _lasting(ended.error) else "To go on"
            words = f"{ended.task.id} broke off. {first} with it where it was: "
            console.print(Text.assemble(words, (_again(), "bold")), soft_wrap=True)


def _lasting(error: Exception) -> bool:
    """True if the same would be said again: the recording or script lacks an answer, the key or the name is wrong."""
    return isinstance(error, ReplayMiss | InputError) or (isinstance(error, ModelFailed) and not error.retryable)


def _again() -> str:
    """This command line, going on where it stopped."""
    words = [word for word in sys.argv[1:] if word != "--resume"]
    return shlex.join(["revet", *words, "--resume"])


def _say_internal_errors(results: Sequence[Ended]) -> None:
    """The traceback of the first fault of revet itself, for a report; more of them add little."""
    faults = [ended.error for ended in results if ended.error and not isinstance(ended.error, RevetError)]
    if faults:
        typer.echo("\nThis is a fault in revet itself. Please report it with this traceback:", err=True)
        traceback.print_exception(faults[0])


def _code(results: Sequence[Ended]) -> int:
    if results and all(isinstance(ended.error, InputError) for ended in results):
        return BAD_INPUT
    return 0 if all(ended.ok for ended in results) else NOT_ALL
