"""The tools by name: how a task file and the command line choose them, and what can be chosen of each.

Options are the arguments of the tool's constructor that can be written as JSON; what a constructor takes besides (a
function, a model) is for programs. A name alone imports nothing: the tool's module is loaded when it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import re
import types
import typing
from collections import abc
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import ErrorDetails, PydanticUndefined

from revet.errors import InputError

if TYPE_CHECKING:
    from revet.tools.adapters import ToolLike

__all__ = ["TOOLS", "ToolEntry", "make_tool", "path_in", "rooted_options"]


@dataclass(frozen=True)
class ToolEntry:
    """One tool that has a name. `needs` says what must be there for it, `paths` which text options are paths, too.

    `folder` is the option that is the folder of the task file where it is left out; `many` says that a task can have
    several of them. Before a path may stand one of `marks` and a colon (``sqlite:shop.db``), in either case. `others`
    are the options that name another tool of the run.
    """

    name: str
    kind: str
    needs: str = ""
    paths: tuple[str, ...] = ()
    home: str = "revet.tools"
    folder: str | None = None
    many: bool = False
    marks: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def cls(self) -> type[Any]:
        """The class, loaded."""
        return cast("type[Any]", getattr(importlib.import_module(self.home), self.kind))

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        said = " ".join((inspect.getdoc(self.cls) or "").partition("\n\n")[0].split())
        return re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0]

    @cached_property
    def options(self) -> type[BaseModel]:
        """What can be chosen, as a model with a field for each option."""
        return _options_of(self.name, self.cls)

    def problems(self, options: Mapping[str, JsonValue]) -> list[ErrorDetails]:
        """What is wrong with the options, each with its place; nothing for options that can be used."""
        try:
            self._validated(options)
        except ValidationError as error:
            details = error.errors()
            for detail in details:  # what was given, not the copies that were made of it on the way
                if detail["loc"] and detail["input"] == options.get(str(detail["loc"][0])):
                    detail["input"] = options[str(detail["loc"][0])]
            return details
        return []

    def make(self, options: Mapping[str, JsonValue]) -> ToolLike:
        """The tool (of `mcp`, the server). Raises `InputError` that names tool, option and what it may be."""
        try:
            chosen = self._validated(options)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'options'}: {_said(e)}" for e in error.errors())
            known = ", ".join(self.options.model_fields) or "it has none"
            raise InputError(f"options of the tool {self.name}: {said}", hint=f"its options: {known}") from None
        given = {name: getattr(chosen, name) for name in chosen.model_fields_set}
        return cast("ToolLike", self.cls(**given))

    def _validated(self, options: Mapping[str, JsonValue]) -> BaseModel:
        """Strictly, as JSON: the text "3" is no number, and a list is a tuple where one is wanted."""
        try:
            text = json.dumps(dict(options))
        except (TypeError, ValueError) as error:
            raise InputError(f"options of the tool {self.name}: {error}", hint="write plain values") from None
        return self.options.model_validate_json(text, strict=True)


def make_tool(name: str, options: Mapping[str, JsonValue] | None = None) -> ToolLike:
    """The tool of that name. Raises `InputError` for a name that there is not, or options that it has not."""
    if name not in TOOLS:
        close = difflib.get_close_matches(name.lower(), TOOLS, n=1)
        guess = f"did you mean {close[0]}? " if close else ""
        raise InputError(f"there is no tool {name!r}", hint=f"{guess}the tools: {', '.join(TOOLS)}")
    return TOOLS[name].make(options or {})


def path_in(name: str, value: str) -> tuple[str, str]:
    """An option of the tool that may be a path, as what stands before the path (``sqlite:``), and the path.

    The path is empty where none is meant: an address (``postgresql://…``), or ``:memory:``.
    """
    mark, _, rest = value.partition(":")
    before, path = (f"{mark}:", rest) if rest and mark.lower() in TOOLS[name].marks else ("", value)
    if before and path.startswith("///"):  # written as a URL, whose path is absolute
        path = "/" + path.lstrip("/")
    is_none = "://" in path or path.startswith(":") or (before and path.startswith("//"))
    return (value, "") if is_none else (before, path)


def rooted_options(name: str, options: Mapping[str, JsonValue], folder: Path) -> dict[str, JsonValue]:
    """The options with the relative paths among them taken from `folder`. Addresses (``postgresql://…``) stay."""
    if name not in TOOLS:
        return dict(options)
    paths, home = _path_options(name), TOOLS[name].folder

    def rooted(value: JsonValue) -> JsonValue:
        if isinstance(value, list):
            return [rooted(each) for each in value]
        if not isinstance(value, str):
            return value
        before, path = path_in(name, value)
        return before + os.path.normpath(folder / Path(path).expanduser()) if path else before

    found = {key: rooted(value) if key in paths else value for key, value in options.items()}
    return {home: str(folder), **found} if home is not None else found


@lru_cache
def _path_options(name: str) -> tuple[str, ...]:
    entry = TOOLS[name]
    fields = entry.options.model_fields.items()
    return (*entry.paths, *(key for key, field in fields if _mentions(field.annotation, Path)))


def _mentions(annotation: object, wanted: type) -> bool:
    return annotation is wanted or any(_mentions(each, wanted) for each in typing.get_args(annotation))


def _options_of(name: str, kind: type[Any]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        annotation = _writable(_hint(kind.__init__, parameter))
        if annotation is not None:
            default = PydanticUndefined if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (annotation, Field(default=default))
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(f"{name.title()}Options", __config__=config, **fields)


def _hint(function: Any, parameter: inspect.Parameter) -> Any:
    """The parameter's type. One that names what is not there while the program runs is None: nobody can write it."""
    alone = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return typing.get_type_hints(alone, globalns=function.__globals__)["it"]
    except NameError:
        return None


def _writable(annotation: Any) -> Any:
    """The annotation, less what of it cannot be written as JSON; None if nothing is left but None."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kept = [each for each in map(_writable, typing.get_args(annotation)) if each is not None]
        telling = [each for each in kept if each is not type(None)]
        return typing.Union[tuple(kept)] if telling else None  # noqa: UP007 - the members are known only now
    if annotation is None or annotation is inspect.Parameter.empty:
        return None
    if typing.get_origin(annotation) in (abc.Collection, abc.Iterable):
        sequence: Any = abc.Sequence
        annotation = sequence[typing.get_args(annotation)]  # which is how pydantic reads such a list
    try:
        TypeAdapter(annotation).json_schema()
    except PydanticUserError:
        return None
    return annotation


def _said(detail: ErrorDetails) -> str:
    return "there is no such option" if detail["type"] == "extra_forbidden" else detail["msg"]


SANDBOX = "the sandbox"
NETWORK = "the network, or what was kept of it"

TOOLS: Mapping[str, ToolEntry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            ToolEntry("tests", "Tests", needs=f"{SANDBOX}, and checks in the task"),
            ToolEntry("coverage", "Coverage", needs=f"{SANDBOX}, and checks in the task"),
            ToolEntry("python", "Python", needs=SANDBOX),
            ToolEntry("static", "StaticChecks", needs="nothing; for types mypy: pip install 'revet[types]'"),
            ToolEntry("behaviour", "Behaviour", needs=SANDBOX),
            ToolEntry("render", "Rendered", needs=f"{SANDBOX}, and a Chromium in it: apt-get install chromium"),
            ToolEntry(
                "sql",
                "Sql",
                needs="a database; for DuckDB revet[duckdb], for PostgreSQL revet[postgres]",
                paths=("database",),
                marks=("sqlite", "duckdb"),
            ),
            ToolEntry("calculate", "Calculate"),
            ToolEntry("claims", "Claims", others=("search",)),
            ToolEntry("citations", "Citations"),
            ToolEntry("corpus", "CorpusSearch", needs="a folder of documents; for PDF revet[documents]"),
            ToolEntry("web", "WebSearch", needs=NETWORK),
            ToolEntry("page", "ReadPage", needs=f"{NETWORK}; for PDF revet[documents]"),
            ToolEntry("constraints", "Constraints", needs='the task\'s inputs["constraints"]'),
            ToolEntry("calls", "CallCheck"),
            ToolEntry("grounded", "Groundedness"),
            ToolEntry("effects", "Effects", needs="nothing; every agent has it", paths=("rules",)),
            ToolEntry(
                "mcp",
                "McpServer",
                needs="a server, and pip install 'revet[mcp]'",
                home="revet.tools.adapters",
                folder="cwd",
                many=True,
            ),
        )
    }
)
"""Every tool that a task file and the command line can name."""
