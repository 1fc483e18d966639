"""Argument models: of parameters, and of a JSON Schema that somebody else wrote.

A foreign schema is not translated: the model shows it as it stands, and accepts what it accepts (by `jsonschema`).
Schemas that refer to themselves are checked as far as the arguments go. What a hostile schema could hang us with is
left to the server to judge: regular expressions, remote references, and references without end.
"""

from __future__ import annotations

import copy
import json
import keyword
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from revet.tools.observation import clip

__all__ = ["ForeignArguments", "field_name", "model_of_schema", "tool_name"]

MOST_FIELDS, MOST_REFERENCES, MOST_ERRORS = 200, 5000, 5
LARGEST = 64 * 1024
DESCRIBED = 2000
# Judged by regular expressions, or by references that are found as one goes.
UNCHECKED = ("pattern", "patternProperties", "format", "unevaluatedProperties", "$dynamicRef", "$recursiveRef")


class ForeignArguments(BaseModel):
    """Arguments as a JSON Schema has them. `foreign` is the schema."""

    model_config = ConfigDict(extra="allow")

    foreign: ClassVar[dict[str, Any]] = {"type": "object"}

    @model_validator(mode="before")
    @classmethod
    def _fits(cls, value: Any) -> Any:
        found = list(_errors(cls.foreign, value))
        if found:
            raise PydanticCustomError("schema", "{faults}", {"faults": "; ".join(found)})
        return value

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The schema as it was given."""
        return copy.deepcopy(cls.foreign)


def model_of_schema(name: str, description: str, schema: object) -> type[BaseModel]:
    """The model of the arguments of a tool. A schema that is none, or too large to show, accepts any object."""
    told = dict(schema) if isinstance(schema, Mapping) else {}
    try:
        whole = len(json.dumps(told)) <= LARGEST
    except (TypeError, ValueError, RecursionError):
        whole = False
    if not (whole and _sound(told)):
        told = {"type": "object"}
    about = clip(description, DESCRIBED)
    foreign = {**told, "type": "object", "title": name, "description": about}
    fields = dict(_fields(foreign))
    model = create_model(name, __base__=ForeignArguments, __doc__=about, **fields)
    model.foreign = foreign
    return model


def field_name(name: str, taken: Iterable[str] = ()) -> str:
    """A name that a field of a model can have; the same where it is one."""
    safe = re.sub(r"\W", "_", name).lstrip("_") or "field"
    if safe[0].isdigit() or keyword.iskeyword(safe) or safe.startswith("model_") or hasattr(ForeignArguments, safe):
        safe = f"field_{safe}"
    while safe in taken:
        safe += "_"
    return safe


def tool_name(name: str) -> str:
    """`name` as providers of models accept it: letters, digits, ``_`` and ``-``, at most 64."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:64] or "tool"


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields by name, for whoever asks a model for them. Their values are checked against the whole schema."""
    top = _followed(schema)
    properties, required = top.get("properties"), top.get("required")
    named = [*properties.items()][:MOST_FIELDS] if isinstance(properties, dict) else []
    taken: list[str] = []
    for name, told in named:
        safe = field_name(name, taken)
        taken.append(safe)
        about = told.get("description") if isinstance(told, dict) else None
        needed = isinstance(required, list) and name in required
        yield (
            safe,
            (
                Any,
                Field(
                    default=... if needed else None,
                    alias=name if name != safe else None,
                    description=clip(about, DESCRIBED) if isinstance(about, str) else None,
                ),
            ),
        )


def _followed(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the schema's own reference leads to, within itself; it may lead round in a ring."""
    here, seen = schema, set()
    while isinstance(reference := here.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        found: Any = schema
        for part in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) and part else found
        if not isinstance(found, dict):
            break
        here = found
    return here


def _sound(schema: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError, ValueError):
        return False
    return True


def _errors(schema: Mapping[str, Any], value: object) -> Iterator[str]:
    """The first faults of the value. None where the schema cannot be followed: the server will say."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
    from referencing.exceptions import Unresolvable

    try:
        checked = _checker()(schema, registry=REGISTRY)
        left = iter(checked.iter_errors(value))
        for _, error in zip(range(MOST_ERRORS), left, strict=False):
            where = ".".join(map(str, error.absolute_path))
            yield clip(f"{where}: {error.message}" if where else error.message, 300)
    except (Unresolvable, _TooFar, RecursionError, ValueError):
        return


class _TooFar(Exception):
    """The schema refers to itself more often than it is worth following."""


def _checker() -> Any:
    """A validator for one use: what it counts begins at none."""
    from jsonschema import validators

    base = _base()
    follow: Callable[..., Any] = base.VALIDATORS["$ref"]
    count = 0

    def counted(validator: Any, reference: Any, instance: Any, schema: Any) -> Any:
        nonlocal count
        count += 1
        if count > MOST_REFERENCES:
            raise _TooFar
        return follow(validator, reference, instance, schema)

    return validators.extend(base, {"$ref": counted})  # type: ignore[no-untyped-call]


@cache
def _base() -> Any:
    from jsonschema import Draft202012Validator, validators

    additional: Callable[..., Any] = Draft202012Validator.VALIDATORS["additionalProperties"]

    def unless_patterns(validator: Any, allowed: Any, instance: Any, schema: Any) -> Any:
        return () if "patternProperties" in schema else additional(validator, allowed, instance, schema)

    def unchecked(*_: Any) -> Any:
        return ()

    rules = dict.fromkeys(UNCHECKED, unchecked)
    rules["additionalProperties"] = unless_patterns
    return validators.extend(Draft202012Validator, rules)  # type: ignore[no-untyped-call]
