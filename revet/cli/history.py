"""`revet show` and `revet undo`: what happened, and taking it back."""

from __future__ import annotations

from typing import Annotated

import typer

from revet.cli.common import FOLDER, Debug, Out, folder_shown, guarded, open_store

__all__ = ["show", "undo"]

RUNS_LISTED = 30


@guarded
def show(
    run: Annotated[str | None, typer.Argument(help="A run's id, or its beginning. Without it: the list.")] = None,
    out: Out = FOLDER,
    json: Annotated[bool, typer.Option("--json", help="The whole record as JSON on stdout.")] = False,
    debug: Debug = False,
) -> None:
    """Show what happened in a run, or list the runs."""
    from revet.report import make_console, print_run, print_runs

    store = open_store(out)
    if run is not None:
        record = store.get(run)
        if json:
            typer.echo(record.model_dump_json())
        else:
            print_run(make_console(), record, folder_shown(out))
        return
    rows = store.rows(RUNS_LISTED)
    if json:
        for row in rows:
            typer.echo(row.model_dump_json())
    elif rows:
        print_runs(make_console(), rows)
    else:
        typer.echo(f"No runs in {out} yet. `revet fix PATH` or `revet run TASKS` makes one.")


@guarded
def undo(
    run: Annotated[str, typer.Argument(help="The id of a committed run, or its beginning.")],
    out: Out = FOLDER,
    debug: Debug = False,
) -> None:
    """Take a run's commit back: every file as it was before, byte for byte."""
    from revet.actions import undo_run
    from revet.report.text import one_line

    store = open_store(out)
    record = undo_run(store.get(run), store)
    receipt = record.receipt
    assert receipt is not None
    files = ", ".join(one_line(file.path) for file in receipt.files)
    typer.echo(f"Taken back: {record.id}. As before: {files} in {receipt.workspace}")
