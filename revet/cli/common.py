"""What the commands share: their options, and what becomes of an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

if TYPE_CHECKING:
    from revet.store import Store

__all__ = [
    "BAD_INPUT",
    "FOLDER",
    "INTERRUPTED",
    "NOT_ALL",
    "TERMINATED",
    "Debug",
    "Out",
    "StoreUrl",
    "folder_shown",
    "guarded",
    "open_store",
]

NOT_ALL = 1
"""Exit code: some task did not end committed or answered, or a command was refused."""
BAD_INPUT = 2
"""Exit code: the input was bad and nothing was run."""
INTERRUPTED = 130
"""Exit code: stopped by Ctrl-C."""
TERMINATED = 143
"""Exit code: stopped by SIGTERM."""

FOLDER = Path(".revet")
"""Where runs are kept unless --out says otherwise."""

Out = Annotated[Path, typer.Option("--out", help="Folder in which runs are kept.", show_default=True)]
StoreUrl = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="REVET_STORE",
        help="postgresql://USER@HOST/NAME: keep runs in that database, for many machines, and not in --out.",
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.", show_default=False)]

P = ParamSpec("P")


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with Revet's errors told on stderr and an exit code; with --debug they propagate."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from revet.errors import InputError, RevetError, StoreError
        from revet.traces.export import exporting

        try:
            with exporting():
                command(*args, **kwargs)
        except RevetError as error:
            if kwargs.get("debug"):
                raise
            typer.echo(f"revet: {error}", err=True)
            raise typer.Exit(BAD_INPUT if isinstance(error, InputError | StoreError) else NOT_ALL) from None

    return run


def open_store(folder: Path) -> Store:
    from revet.store import Store

    return Store(folder)


def folder_shown(folder: Path) -> str | None:
    """The store's folder for a command line that is suggested, None where it is the usual one."""
    import shlex

    return None if folder == FOLDER else shlex.quote(str(folder))
