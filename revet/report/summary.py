"""What became of a batch, once it has ended: told to a person, and written as JSON for a program."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from revet.errors import InputError, StoreError
from revet.report.spent import spent_words
from revet.report.tally import NOT_RUN, Tally
from revet.report.terminal import outcome_text, print_indented, print_next, print_summary, problem_line, totals_line
from revet.report.text import one_line
from revet.schema import RunOutcome

__all__ = ["check_summary", "print_batch", "write_summary"]

NAMED = 10
"""Tasks of a large batch that did not end well and are named at its end."""
INDENT = 6


def print_batch(
    console: Console, tally: Tally, *, folder: str | None, results: str | None = None, quiet: bool = False
) -> None:
    """How the batch ended. A small one as a table of its tasks; of a large one the counts, how fast it was, and what
    did not end well. With `quiet` in few lines, whatever its size.

    `folder`: the store's, if unusual. `results`: the file with a line for each task.
    """
    if not tally.done:
        return
    if tally.small and not quiet:
        print_summary(console, tally.first, tally.seconds, folder)
        return
    if not quiet:
        console.print()
    for line in _totals(tally):
        console.print(Text(line), soft_wrap=True)
    _print_problems(console, tally, quiet)
    if not quiet:
        if results:
            console.print(
                Text.assemble("What became of each task: ", (one_line(results, 4096), "bold")), soft_wrap=True
            )
        told = next((problem.run for problem in tally.problems[:NAMED] if problem.run), None)
        print_next(console, told or tally.last_commit or tally.last_run, tally.last_commit, folder)


def check_summary(path: Path) -> None:
    """Raises `InputError` for a file that could not be written at the end of the batch."""
    folder, problem = path.absolute().parent, ""
    if path.is_dir():
        problem = "is a folder"
    elif not folder.is_dir():
        problem = f"there is no folder {folder}"
    elif not os.access(folder if not path.exists() or path.is_file() else path, os.W_OK):
        problem = f"nothing can be written in {folder}"
    if problem:
        raise InputError(f"--summary {path}: {problem}", hint="name a file in a folder that exists")


def write_summary(path: Path, tally: Tally, about: Mapping[str, Any]) -> None:
    """Write what is known `about` the batch and `tally.summary()` to `path`, as JSON.

    The file is whole or as it was before. Raises `StoreError` if it cannot be written.
    """
    text = json.dumps({**about, **tally.summary()}, indent=2) + "\n"
    try:
        if path.exists() and not path.is_file():  # a pipe or a device is written to, and never replaced
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text)
    except OSError as error:
        raise StoreError(f"the summary cannot be written: {path}: {error.strerror or error}") from None


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _totals(tally: Tally) -> list[str]:
    """The counts in words; then what of them was not run by this batch, and why."""
    if tally.again and tally.again == tally.done:
        return [totals_line(tally.counts, tally.seconds, "All had ended before; nothing was run")]
    spent = spent_words(tally.calls, tally.tokens, tally.cost)
    lines = [totals_line(tally.counts, tally.seconds, spent, tally.mean_rate)]
    if tally.again:
        lines.append(f"{tally.again:,} of them had ended before.")
    for reason, count in tally.reasons.most_common():
        lines.append(f"{count:,} not run: {one_line(reason, 300)}")
    return lines


def _print_problems(console: Console, tally: Tally, quiet: bool) -> None:
    named, bad = tally.problems[:NAMED], tally.done - tally.ok - tally.counts[NOT_RUN]
    if named and not quiet:
        console.print("\nDid not end well:")
    for problem in named:
        if quiet:
            console.print(problem_line(problem), soft_wrap=True)
            continue
        head = Text.assemble("  ", outcome_text(RunOutcome(problem.outcome)), "  ", (one_line(problem.id, 80), "bold"))
        head.append(f"  (run {problem.run})" if problem.run else "", style="dim")
        console.print(head, soft_wrap=True)
        print_indented(console, Text(one_line(problem.why, 400)), INDENT)
    if bad > len(named):
        console.print(Text(f"{'' if quiet else '  '}… and {bad - len(named):,} more"), soft_wrap=True)
    if named and not quiet:
        console.print()
