"""Values as the sandbox wrote them down: equality as tests mean it, and how they are shown.

An encoded value is a list that starts with a tag: ``n`` None, ``b`` bool, ``i`` int (hexadecimal), ``f`` float,
``c`` complex, ``s`` str, ``y`` bytes, ``l`` list, ``t`` tuple, ``S`` set, ``d`` dict, ``o`` an object of another type,
``long`` one that was too large to be written down.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["Encoded", "decode", "kind_of", "plain", "same", "shown"]

Encoded = list[Any]
RELATIVE, ABSOLUTE = 1e-6, 1e-9
NUMBERS = frozenset("bif")
KINDS = {
    "n": "None",
    "b": "bool",
    "i": "int",
    "f": "float",
    "c": "complex",
    "s": "str",
    "y": "bytes",
    "l": "list",
    "t": "tuple",
    "S": "set",
    "d": "dict",
}


def decode(value: Encoded) -> Any:
    """The Python value. Raises ValueError for what is no plain value, and for what is no encoding."""
    try:
        return _decoded(value)
    except (LookupError, TypeError, OverflowError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a plain value: {type(error).__name__}") from None


def plain(value: Encoded) -> bool:
    """Whether it can be decoded."""
    try:
        decode(value)
    except ValueError:
        return False
    return True


def kind_of(value: Encoded) -> str:
    """The name of the value's type."""
    tag = value[0] if value else ""
    if tag in ("o", "long"):
        return str(value[1]) if len(value) > 1 else "object"
    return KINDS.get(tag, "object")


def same(one: Encoded, other: Encoded) -> bool:
    """Whether a test would take one for the other: as ``==`` does, floats within a relative 1e-6, NaN equal to NaN.

    Objects of other types, and values too large to be written down, are the same if their types are.
    """
    try:
        return _same(decode(one), decode(other))
    except ValueError:
        return one == other


def shown(value: Encoded, most: int = 120) -> str:
    """As one would write it, cut at `most` characters."""
    try:
        text = repr(decode(value))
    except ValueError:
        tag = value[0] if value else "?"
        text = f"<a {kind_of(value)} too large to show>" if tag == "long" else f"<a {kind_of(value)} object>"
    return text if len(text) <= most else text[: most - 1] + "…"


def _decoded(value: Encoded) -> Any:
    tag = value[0]
    match tag:
        case "n":
            return None
        case "b":
            return bool(value[1])
        case "i":
            return int(value[1], 16)
        case "f":
            return float(value[1])
        case "c":
            return complex(float(value[1]), float(value[2]))
        case "s":
            return str(value[1])
        case "y":
            return bytes.fromhex(value[1])
        case "l":
            return [_decoded(each) for each in value[1]]
        case "t":
            return tuple(_decoded(each) for each in value[1])
        case "S":
            return frozenset(_decoded(each) for each in value[1])
        case "d":
            return {_decoded(key): _decoded(each) for key, each in value[1]}
    raise ValueError(f"no plain value: {tag!r}")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return _same_numbers(one, other)
    if type(one) is not type(other):
        return isinstance(one, int) and isinstance(other, int) and one == other
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)


def _same_numbers(one: Any, other: Any) -> bool:
    if not (isinstance(one, (int, float)) and isinstance(other, (int, float))):
        return False
    try:
        if math.isnan(one) or math.isnan(other):
            return math.isnan(one) and math.isnan(other)
        return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except OverflowError:
        return one == other
