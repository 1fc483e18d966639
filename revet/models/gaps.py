"""Keys that an answer leaves out: null where the field may be null, an empty list where it is a list.

Many models leave out what does not apply, whatever the schema requires. Nothing else is filled in: no text, number or
choice, no object that is empty, and none that has a key of another name, for that may be the missing one misspelt.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

__all__ = ["filled"]

Path = Sequence[str | int]


def filled(value: Any, shape: type[BaseModel], missing: Sequence[Path]) -> Any:
    """`value` with the gaps at the paths `missing` filled, where that says nothing; it is never changed itself."""
    for path in missing:
        value = _filled(value, shape, path)
    return value


def _filled(value: Any, kind: Any, path: Path) -> Any:
    step, rest = path[0], path[1:]
    kind = _plain(kind)
    if not rest:
        return _with_gap_filled(value, kind, str(step))
    inner_kind = _inside(kind, step)
    here = (isinstance(value, dict) and step in value) or (
        isinstance(value, list) and isinstance(step, int) and step < len(value)
    )
    if inner_kind is None or not here:
        return value
    inner = _filled(value[step], inner_kind, rest)
    if inner is value[step]:
        return value
    copy = value.copy()
    copy[step] = inner
    return copy


def _with_gap_filled(value: Any, kind: Any, key: str) -> Any:
    fields = _fields(kind)
    if not isinstance(value, dict) or not value or key not in fields or not value.keys() <= fields.keys():
        return value
    options = _options(fields[key])
    if NoneType in options:
        return {**value, key: None}
    return {**value, key: []} if len(options) == 1 and _is_list(options[0]) else value


def _inside(kind: Any, step: str | int) -> Any:
    """What stands at `step` in a `kind`; None if that cannot be told."""
    if isinstance(step, str):
        return _fields(kind).get(step)
    return get_args(kind)[0] if _is_list(kind) and get_args(kind) else None


def _fields(kind: Any) -> dict[str, Any]:
    """The keys of a model and what they hold; none for anything else."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {field.alias or name: field.annotation for name, field in kind.model_fields.items()}


def _plain(kind: Any) -> Any:
    """`kind` without null, if that leaves one."""
    options = [option for option in _options(kind) if option is not NoneType]
    return options[0] if len(options) == 1 else kind


def _options(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the one kind that it is."""
    if get_origin(kind) is Annotated:
        return _options(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(option for member in get_args(kind) for option in _options(member))
    return (kind,)


def _is_list(kind: Any) -> bool:
    """Lists, and tuples of any length."""
    held = get_origin(kind)
    return held in (list, set, frozenset) or (held is tuple and Ellipsis in get_args(kind))
