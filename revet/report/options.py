"""What the options of a recipe or a tool may be, in words, from their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

__all__ = ["OptionRow", "option_lines", "option_rows"]

KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}
"""The types of JSON Schema in words."""

BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minItems": "of at least {}",
    "maxItems": "of at most {}",
}


MOST_DEFAULT = 60
"""Characters of a default that are shown."""


class OptionRow(NamedTuple):
    """One option: what it may be with its range, its default as it is written after ``NAME=`` (or None), and what it
    does."""

    name: str
    kind: str
    default: str | None
    about: str


def option_rows(schema: Mapping[str, Any]) -> Iterator[OptionRow]:
    """A row for each option of a pydantic model, in its order."""
    for name, option in schema.get("properties", {}).items():
        default = option.get("default")
        shown = None if default in (None, "") else _yaml(default)
        if shown is not None and len(shown) > MOST_DEFAULT:
            shown = f"{shown[:MOST_DEFAULT]}…"
        yield OptionRow(name, _kind(option, schema), shown, option.get("description", ""))


def option_lines(schema: Mapping[str, Any]) -> Iterator[str]:
    """A line for each option: its name, what it may be, its default, and what it does."""
    for row in option_rows(schema):
        default = "" if row.default is None else f"; default {row.default}"
        says = f": {row.about}" if row.about else ""
        yield f"{row.name}=… ({row.kind}{default}){says}"


def _kind(option: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What a value may be, in a few words."""
    if "$ref" in option:
        option = schema["$defs"][option["$ref"].rpartition("/")[2]]
    if "enum" in option:
        return " or ".join(map(_yaml, option["enum"]))
    if "anyOf" in option:
        kinds = [_kind(each, schema) for each in option["anyOf"] if each.get("type") != "null"]
        return (", or " if any("," in kind for kind in kinds) else " or ").join(dict.fromkeys(kinds))
    if "const" in option:
        return _yaml(option["const"])
    kind = KINDS.get(str(option.get("type")), "a list or mapping")
    if option.get("type") == "array" and "enum" in option.get("items", {}):
        kind = f"a list of {_kind(option['items'], schema)}"
    bounds = [words.format(_yaml(option[key])) for key, words in BOUNDS.items() if key in option]
    return f"{kind}, {' and '.join(bounds)}" if bounds else kind


def _yaml(value: object) -> str:
    """As it is written after ``NAME=``."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_yaml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {_yaml(each)}' for key, each in value.items())}}}"
    return str(value).lower() if isinstance(value, bool) else str(value)
