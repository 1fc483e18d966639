"""`revet show` and `revet undo`: what happened, and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revet.cli.common import FOLDER, Debug, Out, StoreUrl, folder_shown, guarded, open_store

if TYPE_CHECKING:
    from revet.graphs.progress import SoFar
    from revet.schema import Run
    from revet.store import Row, Store

__all__ = ["show", "undo"]

RUNS_LISTED = 30


@guarded
def show(
    run: Annotated[str | None, typer.Argument(help="A run's id, or its beginning. Without it: the list.")] = None,
    out: Out = FOLDER,
    store: StoreUrl = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="The whole record as JSON on stdout; of a run that has not ended, how far it is."),
    ] = False,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write it as one self-contained page (-: to stdout).")
    ] = None,
    debug: Debug = False,
) -> None:
    """Show what happened in a run, or list the runs."""
    from revet.report import make_console, print_run, print_runs

    kept, shown = open_store(out, store), folder_shown(out, store)
    if html is not None:
        _page(kept, run, html, shown, json=json)
        return
    if run is not None:
        record = _known(kept, kept.row(run).id)
        if json:
            typer.echo(record.model_dump_json())
        else:
            print_run(make_console(), record, shown)
        return
    rows = kept.rows(RUNS_LISTED)
    if json:
        for row in rows:
            typer.echo(row.model_dump_json())
    elif rows:
        print_runs(make_console(), rows)
    else:
        typer.echo(f"No runs in {kept.shown} yet. `revet fix PATH` or `revet run TASKS` makes one.")


def _known(store: Store, run_id: str) -> Run | SoFar:
    """The record of a run; of one that has not ended, and does not wait, how far it is. `RunNotFound` where nothing is
    known of it.
    """
    from revet.schema import RunOutcome

    record = store.find(run_id)
    if record is not None and record.outcome is not RunOutcome.asked:
        return record  # quickly: what follows loads the graphs
    from revet.graphs.progress import so_far
    from revet.graphs.turn import taken_up

    if record is not None and not taken_up(store, record):
        return record
    return so_far(store, run_id) or store.get(run_id)


def _page(store: Store, run: str | None, file: str, folder: str | None, *, json: bool) -> None:
    from revet.cli.html_page import page_of, write_page
    from revet.errors import InputError

    if run is None:
        raise InputError("--html shows one run", hint="name it: `revet show` lists them")
    if json:
        raise InputError("--html and --json exclude each other", hint="give one of them")
    write_page(page_of(_known(store, store.row(run).id), folder), file)


@guarded
def undo(
    run: Annotated[str, typer.Argument(help="The id of a committed run, or its beginning.")],
    out: Out = FOLDER,
    store: StoreUrl = None,
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
    kept = open_store(out, store)
    row = kept.row(run)
    record = kept.find(row.id)
    if kept.url is not None:
        _refuse_elsewhere(row)
    if record is None or (record.error and record.receipt is None):
        receipt, recovered = take_back(row, kept, partial=partial)
    else:
        taken_back = undo_run(record, kept, partial=partial)
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


def _refuse_elsewhere(row: Row) -> None:
    """Raise `InputError` where the run's workspace is on another machine: many machines use one database."""
    from pathlib import Path

    from revet.errors import InputError

    if row.workspace is not None and not Path(row.workspace).is_dir():
        hint = "undo it on the machine that has it: what was there before is kept in the workspace, not in the store"
        raise InputError(f"run {row.id} worked in {row.workspace}, which is not on this machine", hint=hint)


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
