"""`revet schema`, `revet recipes` and `revet tools`: how task files are written, which methods and tools there are."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import typer

from revet.cli.common import Debug, guarded

__all__ = ["recipes", "schema", "tools"]

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}
"""The types of JSON Schema in words."""


@guarded
def schema(debug: Debug = False) -> None:
    """Print the JSON Schema of task files, for editors."""
    import json

    from revet.taskfile import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@guarded
def recipes(debug: Debug = False) -> None:
    """List the methods that --recipe takes, with their options."""
    from revet.graphs.recipes import RECIPES

    for number, recipe in enumerate(RECIPES.values()):
        typer.echo(("\n" if number else "") + f"{recipe.name}: {recipe.summary}")
        for name, value in (("source", recipe.source), ("needs", recipe.needs), ("cost", recipe.cost)):
            if value:
                typer.echo(f"  {name:<7} {value}")
        for line in _option_lines(recipe.options.model_json_schema()):
            typer.echo(f"  --option {line}")


@guarded
def tools(debug: Debug = False) -> None:
    """List the tools that --tool and a task's `tools` take, with their options."""
    from revet.tools.registry import TOOLS

    for number, entry in enumerate(TOOLS.values()):
        typer.echo(("\n" if number else "") + _wrapped(f"{entry.name}: {entry.summary}", "  "))
        if entry.needs:
            typer.echo(_wrapped(f"  needs   {entry.needs}", " " * 10))
        for line in _option_lines(entry.options.model_json_schema()):
            typer.echo(_wrapped(f"  {line}", "    "))


def _wrapped(text: str, indent: str) -> str:
    """In lines of 80 columns at most, the further ones indented. Nothing that is one word is broken."""
    return textwrap.fill(
        text, 80, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _option_lines(schema: dict[str, Any]) -> Iterator[str]:
    """A line for each option: its name, what it may be, its default, and what it does."""
    for name, option in schema.get("properties", {}).items():
        default = "" if option.get("default") in (None, "") else f"; default {_yaml(option['default'])}"
        says = f": {option['description']}" if option.get("description") else ""
        yield f"{name}=… ({_kind(option, schema)}{default}){says}"


def _kind(option: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a value may be, in a word or two, from its JSON Schema."""
    if "$ref" in option:
        option = schema["$defs"][option["$ref"].rpartition("/")[2]]
    if "enum" in option:
        return " or ".join(map(_yaml, option["enum"]))
    if "anyOf" in option:
        kinds = [_kind(each, schema) for each in option["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    return _yaml(option["const"]) if "const" in option else KINDS.get(str(option.get("type")), "a list or mapping")


def _yaml(value: object) -> str:
    """As it is written after ``NAME=``."""
    return str(value).lower() if isinstance(value, bool) else str(value)
