"""The command line. Each command loads what it needs when it is called, so that `revet --help` is quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from revet.cli.about import schema, tools
from revet.cli.doctor import doctor
from revet.cli.evaluate import evaluate
from revet.cli.gate import gate
from revet.cli.history import show, undo
from revet.cli.mcp import mcp
from revet.cli.recipes import recipes
from revet.cli.sandbox import sandbox
from revet.cli.tasks import fix, run
from revet.cli.view import view

__all__ = ["app", "main"]

app = typer.Typer(
    name="revet",
    help="Agents that prove before they commit: a draft is staged in a sandbox, examined there and committed "
    "only if it passes, as one change that can be undone.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, fix, show, view, undo, recipes, tools, schema, doctor, mcp):
    app.command()(command)
app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(gate)
app.add_typer(sandbox)
app.add_typer(evaluate)


def _version(value: bool) -> None:
    if value:
        import revet

        typer.echo(f"revet {revet.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of `revet` itself; `--version` is answered by its callback."""


def main() -> None:
    """The `revet` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a symbol gets a question mark, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app()
