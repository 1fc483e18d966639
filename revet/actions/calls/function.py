"""A function that acts on the world, and what its author declares of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic.errors import PydanticUserError

from revet.actions.calls.bridge import called
from revet.effects.model import EffectKind
from revet.errors import DraftError, InputError

__all__ = ["MARK", "Function", "action", "declared", "takes"]

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__revet_action__"
"""Where a decorated function keeps its `Function`."""

HARMLESS = frozenset({EffectKind.read, EffectKind.fetch})
"""Effects that leave nothing to take back."""

KEY = "key"


@dataclass(frozen=True)
class Function:
    """One function, as calls of it are staged, made and taken back.

    `arguments` is the model of what it takes; `schema` the same as JSON Schema. `effects` are what its author declares.
    `dry_run` is given the arguments as a dict and says, in a text, what the call would do; it must do nothing.
    `undo` is given the arguments and what the call returned (as JSON), and takes it back; the key too, if it has a
    parameter `key`. `idempotent`: the function takes a `key` too, and makes the call once however often it gets the
    same one. `raw`: it gets the arguments as they were given, checked but not converted. `cost` is what one call costs
    in US dollars. `seconds` bound what is awaited; a call that is not over by then may have happened.
    """

    name: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    effects: tuple[EffectKind, ...]
    description: str = ""
    dry_run: Callable[..., Any] | None = None
    undo: Callable[..., Any] | None = None
    idempotent: bool = False
    raw: bool = False
    cost: float | None = None
    seconds: float = 60.0

    @property
    def harmless(self) -> bool:
        """True if it changes nothing, so that there is nothing to take back."""
        return HARMLESS.issuperset(self.effects)

    @property
    def reversible(self) -> bool:
        return self.harmless or self.undo is not None

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        return self.arguments.model_json_schema(by_alias=True)

    @property
    def told(self) -> str:
        """It in a line, for a language model: the name, what it takes (JSON Schema), what it does."""
        schema = self.schema
        taken = {"properties": schema.get("properties", {}), "required": schema.get("required", [])}
        about = " ".join(self.description.split())
        line = f"{self.name}, arguments {json.dumps(taken, ensure_ascii=False)}"
        return f"{line}: {about or 'it does ' + ', '.join(self.effects)}"

    def bound(self, arguments: Mapping[str, JsonValue]) -> dict[str, Any]:
        """The keyword arguments of the call, checked and converted. DraftError says what is wrong with them."""
        try:
            given = self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            faults = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()]
            raise DraftError(f"wrong arguments for {self.name}: {'; '.join(faults)}") from None
        if self.raw:
            return dict(arguments)
        names = {name: info.alias or name for name, info in self.arguments.model_fields.items()}
        return {
            **{alias: getattr(given, name) for name, alias in names.items() if name in given.model_fields_set},
            **(given.model_extra or {}),
        }

    def call(self, arguments: Mapping[str, JsonValue], key: str) -> Any:
        """Make the call, now, and wait for it."""
        named = self.bound(arguments)
        if self.idempotent:
            named[KEY] = key
        return called(lambda: self.function(**named), self.seconds)

    def take_back(self, arguments: Mapping[str, JsonValue], result: JsonValue, key: str) -> None:
        """Let its author's `undo` take the call back, now."""
        assert self.undo is not None
        undo, more = self.undo, {KEY: key} if takes(self.undo, KEY) else {}
        called(lambda: undo(dict(arguments), result, **more), self.seconds)


def action(
    *,
    effects: Iterable[EffectKind | str],
    name: str | None = None,
    dry_run: Callable[..., Any] | None = None,
    undo: Callable[..., Any] | None = None,
    key: bool = False,
    cost: float | None = None,
    seconds: float = 60.0,
) -> Callable[[F], F]:
    """Declare what a function does to the world, so that a draft may call it: see `Function` for the parameters.

    The function itself stays as it is. It can be asynchronous. An exception that it raises means that the call did
    not happen; TimeoutError, and a connection that was lost, that nobody can know.
    """

    def declare(function: F) -> F:
        made = _made(
            function,
            effects=effects,
            name=name,
            dry_run=dry_run,
            undo=undo,
            key=key,
            cost=cost,
            seconds=seconds,
        )
        setattr(function, MARK, made)
        from revet.actions.calls.functions import publish  # it imports this module

        publish(made)
        return function

    return declare


def _made(
    function: Callable[..., Any],
    *,
    effects: Iterable[EffectKind | str],
    name: str | None,
    dry_run: Callable[..., Any] | None,
    undo: Callable[..., Any] | None,
    key: bool,
    cost: float | None,
    seconds: float,
) -> Function:
    named = name or str(getattr(function, "__name__", type(function).__name__))
    if key and not takes(function, KEY):
        raise InputError(
            f"the action {named} has no parameter {KEY!r}", hint=f"give it one, or take key=True from {named}"
        )
    return Function(
        name=named,
        function=function,
        arguments=_model(function, named, without=KEY if key else None),
        effects=declared(effects, named),
        description=inspect.getdoc(function) or "",
        dry_run=dry_run,
        undo=undo,
        idempotent=key,
        cost=cost,
        seconds=seconds,
    )


def declared(effects: Iterable[EffectKind | str], name: str) -> tuple[EffectKind, ...]:
    """The kinds of effects, checked. InputError names those that there are."""
    given = [effects] if isinstance(effects, str) else list(effects)
    known = ", ".join(EffectKind)
    if not given:
        raise InputError(f"the action {name} declares no effects", hint=f"say what it does: one or more of {known}")
    try:
        return tuple(EffectKind(each) for each in given)
    except ValueError as error:
        raise InputError(f"the action {name}: {error}", hint=f"the effects: {known}") from None


def takes(function: Callable[..., Any], name: str) -> bool:
    """True if the function has a parameter of that name that can be given by name."""
    try:
        parameter = inspect.signature(function).parameters.get(name)
    except (TypeError, ValueError):
        return False
    return parameter is not None and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)


def _model(function: Callable[..., Any], name: str, without: str | None) -> type[BaseModel]:
    try:
        parameters = [*inspect.signature(function, eval_str=True).parameters.values()]
    except (TypeError, ValueError, NameError) as error:
        raise InputError(f"the action {name} does not say what it takes: {error}", hint="annotate it") from None
    fields: dict[str, Any] = {}
    extra: Any = "forbid"
    for number, each in enumerate(parameters):
        if each.kind is each.VAR_KEYWORD:
            extra = "allow"
        elif each.kind in (each.VAR_POSITIONAL, each.POSITIONAL_ONLY):
            raise InputError(
                f"the action {name} takes {each.name!r} by position only", hint="write a function with named parameters"
            )
        elif each.name != without:
            kind = Any if each.annotation is each.empty else each.annotation
            default = ... if each.default is each.empty else each.default
            # A field of its own name could clash with what models have; the alias is the parameter's.
            fields[f"a{number}"] = (kind, Field(default, alias=each.name))
    try:
        made: type[BaseModel] = create_model(name, __config__=ConfigDict(extra=extra), **fields)
        made.model_json_schema(by_alias=True)
    except (PydanticUserError, TypeError, NameError) as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"the parameters of the action {name} cannot be described: {said}", hint="annotate them"
        ) from None
    return made
