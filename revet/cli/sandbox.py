"""`revet sandbox`: the image for Docker, and what sandboxes have left on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from revet.cli.common import Debug, guarded

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["sandbox"]

sandbox = typer.Typer(
    name="sandbox",
    help="Make the Docker sandbox's image; see and remove what sandboxes have left.",
    no_args_is_help=True,
)


@sandbox.command()
@guarded
def image(
    tag: Annotated[
        str | None, typer.Option("--tag", help="The image's name.", show_default="revet-sandbox:VERSION-pyX.Y-HASH")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make an image of this machine's Python and tools, and give it to the Docker engine. Nothing is pulled."""
    from revet.sandboxes.docker import build

    with _engine() as client:
        name = build(client, tag, told=lambda words: typer.echo(f"{words} …", err=True))
    typer.echo(name)


@sandbox.command("list")
@guarded
def list_(debug: Debug = False) -> None:
    """List Revet's containers on the Docker engine, and whether the process that made them still runs."""
    from revet.sandboxes.docker import leftovers
    from revet.sandboxes.owners import OWNER, is_gone

    with _engine() as client:
        for found in leftovers(client):
            owner = str(found["Labels"].get(OWNER, ""))
            whose = "left over" if is_gone(owner) else f"of process {owner.partition('/')[0]}"
            typer.echo(f"docker {found['Id'][:12]}  {found['Image']}  {found['Status']}  {whose}")


@sandbox.command()
@guarded
def sweep(debug: Debug = False) -> None:
    """Remove what killed processes left: folders, and containers with their volumes. Each session does it, too."""
    import tempfile
    from pathlib import Path

    from revet.errors import HostError
    from revet.sandboxes.docker import sweep as sweep_engine
    from revet.sandboxes.scratch import sweep as sweep_folders

    _tell("folder", sweep_folders(Path(tempfile.gettempdir())))
    try:
        with _engine() as client:
            _tell("container", sweep_engine(client))
    except HostError as error:
        typer.echo(f"docker: {error}", err=True)


@contextmanager
def _engine() -> Iterator[Any]:
    from revet.sandboxes.docker import connect

    client = connect()
    try:
        yield client
    finally:
        client.close()


def _tell(what: str, removed: list[str] | list[Path]) -> None:
    for name in removed:
        typer.echo(f"removed the {what} {name}")
