"""The argument model of a Python function: its signature says the types, its docstring what they mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError

from revet.errors import InputError
from revet.tools.adapters._schema import field_name
from revet.tools.base import View

__all__ = ["Signature", "described", "signature_of"]

SECTION = re.compile(r"^(args|arguments|parameters|returns?|yields?|raises|examples?|notes?)\s*:?\s*$", re.IGNORECASE)
WANTED = re.compile(r"^(args|arguments|parameters)\s*:?\s*$", re.IGNORECASE)
GOOGLE = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.+)$")
OTHER_FIELD = re.compile(r"^\s*:\w+[^:]*:")
FIELD = re.compile(r"^\s*:param\s+(?:[^:]*\s)?(\w+)\s*:\s*(.+)$")


@dataclass(frozen=True)
class Signature:
    """How a function is called: `model` is of its arguments, `fields` leads from its parameters to the model's fields.

    `view` is the parameter that is given the view, `first` are those that are given by position.
    """

    model: type[BaseModel]
    fields: Mapping[str, str]
    first: tuple[str, ...]
    view: str | None

    def bound(self, given: BaseModel, view: View) -> tuple[list[Any], dict[str, Any]]:
        """The arguments for the call. What was not given is left to the function's own defaults."""
        named = {name: getattr(given, field) for name, field in self.fields.items() if field in given.model_fields_set}
        if self.view is not None:
            named[self.view] = view
        named |= given.model_extra or {}
        first = []
        for name in self.first:
            if name not in named:
                break  # those that follow have defaults as well
            first.append(named.pop(name))
        return first, named


def signature_of(function: Callable[..., Any], name: str, description: str | None) -> Signature:
    """InputError where the parameters are none that a model could give."""
    text, notes = described(inspect.getdoc(function) or "")
    fields: dict[str, str] = {}
    model: dict[str, Any] = {}
    first: list[str] = []
    view: str | None = None
    extra: Any = "forbid"
    for parameter in _parameters(function, name):
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            raise InputError(
                f"the tool {name} takes any number of positional arguments, and none could be named",
                hint="write a function with named parameters around it",
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            first.append(parameter.name)
        if parameter.annotation is View:
            view = parameter.name
            continue
        field = field_name(parameter.name, fields.values())
        fields[parameter.name] = field
        model[field] = _field(parameter, field, notes.get(parameter.name))
    about = description or text or f"Calls {name}."
    try:
        made = create_model(name, __config__=ConfigDict(extra=extra), __doc__=about, **model)
        made.model_json_schema()
    except (PydanticUserError, TypeError, NameError) as error:
        raise InputError(
            f"the parameters of the tool {name} cannot be described to a model: {str(error).splitlines()[0]}",
            hint="annotate them with types that pydantic knows",
        ) from None
    return Signature(made, fields, tuple(first), view)


def described(doc: str) -> tuple[str, dict[str, str]]:
    """A docstring's text without its sections, and what it says of each parameter (Google's style, or ``:param``)."""
    text: list[str] = []
    notes: dict[str, str] = {}
    section, last, names = "", "", 0  # `names`: how far the names of parameters are indented
    for line in doc.splitlines():
        google, field = GOOGLE.match(line), FIELD.match(line)
        if SECTION.match(line):
            section, last = ("args" if WANTED.match(line) else "other"), ""
        elif field is not None:
            section, last, names = "args", field[1], -1
            notes[last] = field[2].strip()
        elif OTHER_FIELD.match(line):
            section = "other"
        elif section == "args" and google is not None and (not last or _indent(line) <= names):
            last, names = google[1], _indent(line)
            notes[last] = google[2].strip()
        elif section == "args" and last and line.strip():
            notes[last] += f" {line.strip()}"
        elif not section:
            text.append(line)
    return "\n".join(text).strip(), notes


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        return [*inspect.signature(function, eval_str=True).parameters.values()]
    except NameError as error:
        raise InputError(
            f"an annotation of the tool {name} cannot be resolved: {error}",
            hint="import the type where the function is defined, not for type checking only",
        ) from None
    except (ValueError, TypeError) as error:
        raise InputError(
            f"the tool {name} does not say what it takes: {error}", hint="write a function around it"
        ) from None


def _field(parameter: inspect.Parameter, field: str, note: str | None) -> tuple[Any, Any]:
    kind = Any if parameter.annotation is parameter.empty else parameter.annotation
    alias = parameter.name if parameter.name != field else None
    # What the annotation itself says (`Annotated[int, Field(description=…)]`) stands.
    more: dict[str, Any] = {"alias": alias} if alias else {}
    if note and not _says(kind):
        more["description"] = note
    if parameter.default is parameter.empty:
        return kind, Field(**more)
    default = parameter.default
    if default is None or isinstance(default, bool | int | str):
        return kind, Field(default, **more)
    return kind, Field(default_factory=lambda: default, **more)  # which no schema shows: not all is JSON


def _says(kind: Any) -> bool:
    return any(getattr(each, "description", None) for each in getattr(kind, "__metadata__", ()))
