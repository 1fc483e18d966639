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
    partial: Annotated[
        bool, typer.Option("--partial", help="Take back what can be, where not all can: a sent message stays sent.")
    ] = False,
    actions: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Import it first: it declares the functions that the run called."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Take a run's commit back: every file as it was before, byte for byte, every row and call that can be."""
    from revet.actions import undo_run
    from revet.cli.commits import take_back
    from revet.report.text import one_line

    for name in actions or ():
        _import(name)
    store = open_store(out)
    row = store.row(run)
    record = store.find(row.id)
    if record is None or (record.error and record.receipt is None):
        receipt, recovered = take_back(row, store, partial=partial)
    else:
        taken_back = undo_run(record, store, partial=partial)
        assert taken_back.run.receipt is not None
        receipt, recovered = taken_back.run.receipt, list(taken_back.recovered)
    for line in recovered:
        typer.echo(f"recovered: {one_line(line)}", err=True)
    parts = [one_line(file.path) for file in receipt.files]
    parts += [f"{one_line(folder.path)}/" for folder in receipt.folders]
    undone = [one_line(effect.what) for effect in receipt.effects if effect.undone]
    as_before = f" As before: {', '.join(parts) or 'nothing'} in {receipt.workspace}" if parts or not undone else ""
    typer.echo(f"Taken back: {row.id}.{as_before}")
    for what in undone:
        typer.echo(f"Undone: {what}")
    for effect in receipt.irreversible:
        typer.echo(f"Stays: {one_line(effect.what)} ({one_line(effect.why or 'it cannot be taken back')})")


def _import(name: str) -> None:
    """Import a module by its name, from the current folder too, as ``python -m`` does. InputError if it cannot be."""
    import importlib
    import sys

    from revet.errors import InputError

    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        importlib.import_module(name)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        raise InputError(f"the module {name!r} cannot be imported: {said}", hint="give its dotted name") from error
