"""`revet doctor`: what works on this machine, what does not, why, and what to do about it."""

from __future__ import annotations

import typer

from revet.cli.common import NOT_ALL, Debug, guarded

__all__ = ["doctor"]


@guarded
def doctor(debug: Debug = False) -> None:
    """Say which sandboxes and models work here, and why the others do not."""
    import platform
    import sys

    import revet
    from revet.models import BUILTIN
    from revet.sandboxes.local.probe import features

    typer.echo(f"revet      {revet.__version__}")
    typer.echo(f"python     {platform.python_version()} ({sys.executable})")
    typer.echo(f"platform   {platform.platform()}")
    local = features()
    typer.echo("\nsandboxes")
    if local.available:
        _say(True, "local", f"bubblewrap {local.version}, no network, {local.runs_as}")
        for found, name, present, absent in _PARTS:
            typer.echo(f"      {name}: {present if getattr(local, found) else absent}")
    else:
        _say(False, "local", local.reason)
        typer.echo(f"      → {local.hint}")
    typer.echo("\nmodels")
    for name in BUILTIN:
        _say(True, name, "search-based repair of Python; needs no key and no network")
    _say(False, "language models", f"this version has none; use {BUILTIN[0]}")
    if not local.available:
        typer.echo("\nNothing can be run here until a sandbox works.", err=True)
        raise typer.Exit(NOT_ALL)


_PARTS = (
    ("bundled", "bubblewrap", "the one that came with revet", "the system's"),
    (
        "overlay",
        "workspace",
        "seen through an overlay, nothing is copied",
        "copied for each command, which is slower",
    ),
    ("capped_scratch", "scratch space", "limited in size", "limited by the disk only"),
    ("own_process_count", "processes", "counted for each sandbox", "counted for the whole user"),
    ("namespaces_disabled", "further namespaces", "refused", "not refused"),
    ("seccomp", "system calls", "filtered", "not filtered"),
)
"""A feature, what it is about, and what it means that it is there or not."""


def _say(works: bool, name: str, words: str) -> None:
    typer.echo(f"  {'yes' if works else 'no '} {name}" + (f": {words}" if words else ""))
