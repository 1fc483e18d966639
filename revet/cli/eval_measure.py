"""`revet eval evidence` and `revet eval gate`: whole groups of measurements, each to one figure and its counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from revet.cli.common import BAD_INPUT, Debug, guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console

    from revet.evals import Figure, Measurement, Source

__all__ = ["evidence", "gate"]

Folder = Annotated[Path, typer.Option("--data", help="Folder of the data sets, with files SET/NAME.SPLIT.jsonl.")]
Split = Annotated[str, typer.Option("--split", help="Which rows: the part before .jsonl in file names.")]
Only = Annotated[
    list[str] | None, typer.Option("--only", help="Measure on this set alone; may be repeated.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per set on stdout.")]


@guarded
def evidence(data: Folder, split: Split = "dev", only: Only = None, json: Json = False, debug: Debug = False) -> None:
    """Measure how good the evidence is that the tools gather: 95 % confidence intervals, no model needed."""
    from revet.evals.evidence import SETS, measurement

    _measure(measurement, SETS, data, split, only, json)


@guarded
def gate(
    data: Folder,
    split: Split = "dev",
    only: Only = None,
    answers: Annotated[
        str | None,
        typer.Option(help="Measure this critic on gui_critic: a file of its answers, or a model as provider:name."),
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure what the gate lets through and what it holds back, with the dry run and without."""
    from revet.errors import InputError
    from revet.evals.gate import SETS, measurement

    if answers is None:
        _measure(measurement, SETS, data, split, only, json)
        return
    from revet.evals.gate import gui

    if only and set(only) != {gui.SET}:
        raise InputError(f"--answers is for {gui.SET} alone", hint=f"leave --only out, or say --only {gui.SET}")
    critic = gui.named(answers)
    _measure(lambda name: critic, [gui.SET], data, split, None, json)


def _measure(
    measurement: Callable[[str], Measurement],
    sets: Iterable[str],
    data: Path,
    split: str,
    only: Sequence[str] | None,
    json: bool,
) -> None:
    """Measure on the sets and print. A set that cannot be measured is told, and the others are measured."""
    from revet.errors import InputError
    from revet.evals import Source
    from revet.report import make_console

    if not data.is_dir():
        raise InputError(f"--data: there is no folder {data}", hint="name the folder that holds the data sets")
    chosen = [measurement(name) for name in (dict.fromkeys(only) if only else sets)]
    console = make_console(stderr=True)
    figures: list[Figure] = []
    refused = False
    for each in chosen:
        try:
            figures.append(_measured(each, Source(data, split), console))
        except InputError as error:
            if len(chosen) == 1:
                raise
            typer.echo(f"revet: {each.set} was not measured: {error}", err=True)
            refused = True
        else:
            if json:
                typer.echo(figures[-1].model_dump_json())
    if not json and figures:
        _print_table(figures)
    if refused:
        raise typer.Exit(BAD_INPUT)


def _measured(measurement: Measurement, source: Source, console: Console) -> Figure:
    """The figure, with a line of progress where somebody watches."""
    import asyncio

    with console.status(f"{measurement.set} …") as status:

        def progress(done: int, of: int) -> None:
            status.update(f"{measurement.set}: {done} of {of}")

        return asyncio.run(measurement.run(source, progress))


def _print_table(figures: Sequence[Figure]) -> None:
    """The values in a table, then what each was computed from: side by side they do not fit a terminal."""
    from rich.table import Table

    from revet.report import make_console

    console = make_console()
    table = Table(box=None, pad_edge=False)
    for name in ("set", "value", "95 %", "n", "target"):
        table.add_column(name, overflow="fold")
    for each in figures:
        reached = {None: "", True: f"{each.target:g} reached", False: f"{each.target:g} not reached"}[each.reached]
        interval = f"{_number(each.low)} – {_number(each.high)}"
        table.add_row(each.set, _number(each.value), interval, str(each.n), reached)
    console.print(table)
    for each in figures:
        counts = ", ".join(f"{name} {_number(value)}" for name, value in each.counts.items())
        console.print(f"\n{each.set}: {each.measure}", markup=False, highlight=False)
        console.print(f"  {counts}", markup=False, highlight=False)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
