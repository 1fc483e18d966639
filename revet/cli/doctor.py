"""`revet doctor`: what works on this machine, what does not, why, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from revet.cli.common import NOT_ALL, Debug, guarded

if TYPE_CHECKING:
    from revet.sandboxes.base import Support

__all__ = ["doctor", "support_of"]

SANDBOXES = ("local", "docker", "e2b")
PATIENCE = 30.0
"""Seconds that a sandbox may take to say what it can do."""


Try = Annotated[bool, typer.Option("--search", help="Try the search of the web too: this asks the network.")]


@guarded
def doctor(search: Try = False, debug: Debug = False) -> None:
    """Say which sandboxes, models, searches and tools work here, and why the others do not."""
    import asyncio
    import platform
    import sys

    import revet
    from revet.cli.doctor_models import models_found, unlisted
    from revet.cli.doctor_search import searches_found
    from revet.cli.doctor_tools import needs_found

    typer.echo(f"revet      {revet.__version__}")
    typer.echo(f"python     {platform.python_version()} ({sys.executable})")
    typer.echo(f"platform   {platform.platform()}")
    typer.echo("\nsandboxes")
    found = asyncio.run(_examine())
    for name, support in found.items():
        _show(name, support)
    typer.echo("\nmodels")
    for model in models_found():
        _say(model.works, model.name, model.words)
        if model.hint:
            typer.echo(f"      → {model.hint}")
    typer.echo(f"      also, with their packages and keys: {', '.join(unlisted())}")
    for heading, needs in (("search", searches_found(tried=search)), ("tools", needs_found())):
        typer.echo(f"\n{heading}")
        for each in needs:
            _say(each.works, each.name, each.words)
            if each.hint:
                typer.echo(f"      → {each.hint}")
    if not any(support.available for support in found.values()):
        typer.echo("\nNothing can be run here until a sandbox works.", err=True)
        raise typer.Exit(NOT_ALL)


async def _examine() -> dict[str, Support]:
    """What each sandbox says of itself; all at once, as some wait for others to answer."""
    import asyncio

    found = await asyncio.gather(*map(support_of, SANDBOXES))
    return dict(zip(SANDBOXES, found, strict=True))


async def support_of(name: str) -> Support:
    """What the sandbox can do here. Whatever goes wrong is a reason why it cannot be used."""
    import asyncio

    from revet.errors import RevetError
    from revet.sandboxes import get
    from revet.sandboxes.base import Support

    try:
        async with asyncio.timeout(PATIENCE):
            return await get(name).support()
    except RevetError as error:
        return Support(available=False, reason=str(error).partition("\n")[0], hint=error.hint or "")
    except TimeoutError:
        return Support(available=False, reason=f"it did not answer within {PATIENCE:.0f} s")
    except Exception as error:  # noqa: BLE001 - told as the reason; the other sandboxes may work
        return Support(available=False, reason=f"{type(error).__name__}: {error}", hint="this is a fault of Revet's")


def _show(name: str, support: Support) -> None:
    if not support.available:
        _say(False, name, support.reason)
        if support.hint:
            typer.echo(f"      → {support.hint}")
        return
    _say(True, name, support.about)
    typer.echo(f"      has {', '.join(sorted(support.features))}")
    for feature, why in sorted(support.missing.items()):
        typer.echo(f"      no {feature}: {why}")


def _say(works: bool, name: str, words: str) -> None:
    typer.echo(f"  {'yes' if works else 'no '} {name}" + (f": {words}" if words else ""))
