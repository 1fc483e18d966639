"""``revet gate`` in the list of commands. What it does is in `revet.gate.command`, which does not need this package."""

from __future__ import annotations

import typer

__all__ = ["gate"]


def gate(context: typer.Context) -> None:
    """Decide on one proposed action: JSON on stdin, allow, ask or deny on stdout. A hook for coding agents."""
    from revet.gate.command import main

    raise typer.Exit(main(context.args))
