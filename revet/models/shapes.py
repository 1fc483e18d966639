"""The JSON Schema of a pydantic model, as providers with strict schemas want it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, JsonValue

__all__ = ["schema_of", "without_lengths"]

NAMED = ("properties", "$defs")
"""Where the keys of an object are names, not keywords."""
LITERAL = ("enum", "const", "examples")


def schema_of(shape: type[BaseModel]) -> dict[str, JsonValue]:
    """The schema of an answer: every property required, none besides them, no defaults, `$ref` alone in its place.

    `$defs` are kept, so a recursive shape works; an object without named properties (a mapping) stays open, which
    strict providers refuse. Each call returns a copy of its own.
    """
    schema: dict[str, JsonValue] = json.loads(_schema(shape))
    return schema


def without_lengths(schema: Mapping[str, Any]) -> dict[str, Any]:
    """`schema` without the bounds of its texts, which strict providers refuse. It is not changed itself."""
    found: dict[str, Any] = _unbounded(schema)
    return found


def _unbounded(node: Any) -> Any:
    if isinstance(node, list):
        return [_unbounded(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in NAMED:
            kept[key] = {name: _unbounded(each) for name, each in value.items()}
        elif key in LITERAL:
            kept[key] = value
        elif key not in ("minLength", "maxLength"):
            kept[key] = _unbounded(value)
    return kept


@lru_cache(maxsize=256)
def _schema(shape: type[BaseModel]) -> str:
    raw = shape.model_json_schema()
    schema = _strict(raw, raw.get("$defs", {}), ())
    return json.dumps({**schema, "title": shape.__name__})


def _strict(node: Any, defs: dict[str, Any], inside: tuple[str, ...]) -> Any:
    """`node` made strict. A `$ref` with a description beside it is written out, if it is not recursive (`inside`)."""
    if isinstance(node, list):
        return [_strict(each, defs, inside) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node and len(node) > 1:
        name = node["$ref"].rpartition("/")[2]
        beside = {key: value for key, value in node.items() if key not in ("$ref", "default")}
        if not beside or name in inside:
            return {"$ref": node["$ref"]}
        return _strict({**defs[name], **beside}, defs, (*inside, name))
    strict: dict[str, Any] = {}
    for key, value in node.items():
        if key in NAMED:
            strict[key] = {name: _strict(each, defs, inside) for name, each in value.items()}
        elif key == "oneOf":
            strict["anyOf"] = _strict(value, defs, inside)
        elif key in LITERAL:
            strict[key] = value
        elif key not in ("default", "discriminator"):
            strict[key] = _strict(value, defs, inside)
    if "properties" in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    return strict
