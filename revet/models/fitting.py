"""A JSON object to a pydantic model, leniently where that cannot change what was said, else with all that is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from revet.models.gaps import filled
from revet.models.json_text import read_value

__all__ = ["Misfit", "fitted"]

T = TypeVar("T", bound=BaseModel)

ROUNDS = 4
"""How often an object is mended: a list that was encoded as text may hold another one, and that gaps."""


class Misfit(Exception):
    """An object does not fit. `problems` name the path of each fault; `keys` are the object's own."""

    def __init__(self, keys: Sequence[str], problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.keys, self.problems = frozenset(keys), tuple(problems)

    def far(self, names: Sequence[str]) -> int:
        """How far it is from an object with the keys `names`."""
        return len(self.keys.symmetric_difference(names))


def fitted(value: dict[str, Any], shape: type[T], *, gaps: bool = False) -> T:
    """`value` as `shape`. Raises `Misfit`.

    Besides what pydantic takes (numbers as text, "true"): null for an empty list or object, and a list or an object
    that was written as text in JSON. Not taken: true and false for numbers, and numbers that are none. With `gaps`, a
    key that is missing is null where the field may be null, and an empty list where it is a list (`revet.models.gaps`).
    """
    keys = list(value)
    for _ in range(ROUNDS):
        try:
            answer = shape.model_validate(value)
        except ValidationError as error:
            faults = error.errors(include_url=False, include_context=False)
            mended = value
            for fault in faults:
                mended = _mended(mended, fault["loc"], fault["type"])
            if gaps:
                mended = filled(mended, shape, [fault["loc"] for fault in faults if fault["type"] == "missing"])
            if mended is value:
                raise Misfit(keys, [f"{_dotted(fault['loc'])}: {fault['msg']}" for fault in faults]) from None
            value = mended
        except RecursionError:
            raise Misfit(keys, ["it is nested too deeply"]) from None
        else:
            odd = list(_odd(value, answer.model_dump(by_alias=True), ""))
            if odd:
                raise Misfit(keys, odd)
            return answer
    raise Misfit(keys, ["lists are encoded as text, again and again"])


def _mended(value: Any, path: Sequence[str | int], fault: str) -> Any:
    """`value` (never changed itself) with what stands at `path` made a list or an object, if it says one."""
    wanted: type | None = None
    if fault in ("list_type", "tuple_type", "set_type", "frozen_set_type"):
        wanted = list
    elif fault in ("dict_type", "model_type", "model_attributes_type"):
        wanted = dict
    if wanted is None:
        return value
    if not path:
        return _as_said(value, wanted, null=fault != "model_type" and fault != "model_attributes_type")
    step = path[0]
    inside = (isinstance(value, dict) and step in value) or (
        isinstance(value, list) and isinstance(step, int) and step < len(value)
    )
    if not inside:
        return value
    inner = _mended(value[step], path[1:], fault)
    if inner is value[step]:
        return value
    copy = value.copy()
    copy[step] = inner
    return copy


def _as_said(value: Any, wanted: type, *, null: bool) -> Any:
    if value is None and null:
        return wanted()
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        read = read_value(value)
        return read if isinstance(read, wanted) else value
    return value


def _odd(said: Any, taken: Any, path: str) -> list[str]:
    """Where pydantic took a number for something that is none."""
    if isinstance(said, dict) and isinstance(taken, dict):
        return [p for key in said if key in taken for p in _odd(said[key], taken[key], f"{path}.{key}")]
    if isinstance(said, list) and isinstance(taken, (list, tuple)) and len(said) == len(taken):
        return [
            p for number, (a, b) in enumerate(zip(said, taken, strict=True)) for p in _odd(a, b, f"{path}[{number}]")
        ]
    is_number = isinstance(taken, (int, float)) and not isinstance(taken, bool)
    if is_number and (isinstance(said, bool) or not math.isfinite(taken)):
        return [f"{path.lstrip('.')}: {json.dumps(said)} is not a number"]
    return []


def _dotted(path: Sequence[str | int]) -> str:
    """``findings[0].severity``; what the model wrote itself is cut."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step[:80]}"
    return text.lstrip(".") or "the answer"
