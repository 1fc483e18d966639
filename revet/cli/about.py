"""`revet schema` and `revet recipes`: how task files are written, and which methods there are."""

from __future__ import annotations

import typer

from revet.cli.common import Debug, guarded

__all__ = ["recipes", "schema"]


@guarded
def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of task files, for editors."""
    import json

    from revet.taskfile import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@guarded
def recipes(debug: Debug = False) -> None:
    """List the methods that --recipe takes."""
    from revet.graphs.recipes import RECIPES

    for recipe in RECIPES.values():
        typer.echo(f"{recipe.name}: {recipe.summary}" + (f" ({recipe.source})" if recipe.source else ""))
