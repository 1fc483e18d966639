"""What the commands share: their options, and what becomes of an error."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
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
    "again",
    "check_folder",
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


def open_store(out: Path, url: str | None = None) -> Store:
    """The store of --out and --store. Raises `InputError` for a --store that is no URL of one."""
    from revet.errors import InputError
    from revet.store import Store
    from revet.store.place import is_url

    if url is None:
        check_folder(out)
        return Store(out)
    if not is_url(url):  # which is not quoted: it may hold a password
        hint = "write postgresql://USER@HOST/NAME; a folder is named with --out"
        raise InputError("--store (or REVET_STORE) is no URL of a database", hint=hint)
    return Store(url, folder=out)


def check_folder(out: Path) -> None:
    """Raise `InputError` for an --out that was meant to be a URL, which is not quoted: it may hold a password."""
    from revet.errors import InputError

    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", str(out)):
        raise InputError("--out names a folder, and this is a URL", hint="name the database with --store")


def folder_shown(out: Path, url: str | None = None) -> str | None:
    """The store for a command line that is suggested: its folder, or its URL without a password; None where it is the
    usual one, or where the environment names it.
    """
    import shlex

    if url is None:
        return None if out == FOLDER else shlex.quote(str(out))
    from revet.store.place import from_environment, shown_url

    return None if from_environment(url) else shlex.quote(shown_url(url))


def again(words: Sequence[str]) -> str:
    """These words after ``revet``, as a command line to be shown: without the password of a --store."""
    import shlex

    from revet.store.place import shown_url

    shown = []
    for before, word in zip(("", *words), words, strict=False):
        option, sign, url = word.partition("=")
        if before == "--store":
            shown.append(shown_url(word))
        elif option == "--store" and sign:
            shown.append(f"{option}={shown_url(url)}")
        else:
            shown.append(word)
    return shlex.join(["revet", *shown])
