"""`revet mcp`: the gate as an MCP server on standard input and output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from revet.cli.common import Debug, guarded

__all__ = ["mcp"]


@guarded
def mcp(
    workspace: Annotated[Path, typer.Option("--workspace", help="The folder that actions work in.")] = Path(),
    rules: Annotated[
        Path | None, typer.Option("--rules", help="A revet.toml; default: the workspace's.", show_default=False)
    ] = None,
    sandbox: Annotated[str, typer.Option("--sandbox", help="Where commands are tried.")] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run/--no-dry-run", help="Try what is checked on a copy.")] = True,
    debug: Debug = False,
) -> None:
    """Serve the tools check_action, stage, commit and undo to an MCP client."""
    from revet.errors import InputError
    from revet.gate.mcp import make_server
    from revet.gate.uses import rules_of
    from revet.sandboxes import get

    if not workspace.is_dir():
        raise InputError(f"--workspace: there is no folder {workspace}", hint="name an existing folder")
    make_server(workspace.resolve(), get(sandbox), rules=rules_of(rules), dry_run=dry_run).run("stdio")
