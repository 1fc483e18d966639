"""What a tool is called and which arguments it takes, from whatever says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from revet.errors import InputError
from revet.tools.base import Tool

__all__ = ["Spec", "spec_of", "spec_of_tool", "specs_of"]

LARGEST = 256 * 1024
PARAMETERS = ("parameters", "input_schema", "inputSchema", "args_schema", "schema")
FORMS = "a tool, a function, a tool of LangChain's, or {name, description, parameters}"


class Spec(NamedTuple):
    """`schema` is the JSON Schema of the arguments, None where any will do. `fault`: why it cannot be used."""

    name: str
    schema: Mapping[str, Any] | None = None
    fault: str | None = None


def specs_of(given: Iterable[object], whose: str) -> dict[str, Spec]:
    """The tools by name. Raises `InputError` for what names no tool; `whose` says where it stood."""
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise InputError(f"{whose} must be a list", hint=f"a list of {FORMS}")
    specs: dict[str, Spec] = {}
    for number, each in enumerate(given):
        for spec in spec_of(each, f"{whose}[{number}]"):
            specs[spec.name] = spec
    return specs


def spec_of(given: object, where: str = "it") -> list[Spec]:
    """What `given` says of a tool: several for a server of tools, else one. Raises `InputError` for anything else."""
    if isinstance(given, Mapping):
        return [_of_mapping(given, where)]
    from revet.tools.adapters import as_tools

    try:
        return [spec_of_tool(tool) for tool in as_tools([given])]  # type: ignore[list-item]  # as_tools checks it
    except InputError as error:
        raise InputError(f"{where}: {error}", hint=f"give {FORMS}") from None


def spec_of_tool(tool: Tool) -> Spec:
    """A tool whose arguments are no model takes any."""
    if tool.arguments is None:
        return Spec(tool.name)
    try:
        return _sound(tool.name, tool.arguments.model_json_schema())
    except Exception as error:  # noqa: BLE001 - pydantic has many reasons why a model has no JSON Schema
        return Spec(tool.name, fault=f"its arguments have no JSON Schema: {type(error).__name__}: {error}"[:300])


def _of_mapping(given: Mapping[Any, Any], where: str) -> Spec:
    inner = given.get("function")
    told = inner if isinstance(inner, Mapping) else given
    name = told.get("name", told.get("title"))
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{where} has no name", hint="a tool is {name, description, parameters}")
    schema = next((told[key] for key in PARAMETERS if told.get(key) is not None), None)
    return _sound(name, schema)


def _sound(name: str, schema: object) -> Spec:
    """The spec, with the fault of a schema that is none."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    if schema is None:
        return Spec(name)
    if not isinstance(schema, Mapping):
        return Spec(name, fault=f"its parameters are {type(schema).__name__}, and no JSON Schema")
    try:
        size = len(json.dumps(schema))
        if size > LARGEST:
            return Spec(name, fault=f"its JSON Schema has {size} characters, more than {LARGEST}")
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(map(str, error.absolute_path)) or "at its top"
        return Spec(name, fault=f"its JSON Schema is wrong, {place}: {error.message}"[:300])
    except (TypeError, ValueError, RecursionError) as error:
        return Spec(name, fault=f"its JSON Schema cannot be read: {type(error).__name__}: {error}"[:300])
    return Spec(name, dict(schema))
