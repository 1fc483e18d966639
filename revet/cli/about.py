"""`revet schema` and `revet tools`: how task files are written, and which tools there are."""

from __future__ import annotations

import textwrap

import typer

from revet.cli.common import Debug, guarded

__all__ = ["schema", "tools"]


@guarded
def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of task files, for editors."""
    import json

    from revet.taskfile import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@guarded
def tools(debug: Debug = False) -> None:
    """List the tools that --tool and a task's `tools` take, with their options."""
    from revet.report.options import option_lines
    from revet.tools.registry import TOOLS

    for number, entry in enumerate(TOOLS.values()):
        typer.echo(("\n" if number else "") + _wrapped(f"{entry.name}: {entry.summary}", "  "))
        if entry.needs:
            typer.echo(_wrapped(f"  needs   {entry.needs}", " " * 10))
        for line in option_lines(entry.options.model_json_schema()):
            typer.echo(_wrapped(f"  {line}", "    "))


def _wrapped(text: str, indent: str) -> str:
    """In lines of 80 columns at most, the further ones indented. Nothing that is one word is broken."""
    return textwrap.fill(
        text, 80, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
