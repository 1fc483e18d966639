"""Validation errors in plain words: what is wrong with a value and what to write instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

__all__ = ["Wrong", "branches_problem", "describe", "problem_of"]


class Wrong(ValueError):
    """A value that a validator of ours refuses, with the remedy."""

    def __init__(self, problem: str, *, hint: str | None = None) -> None:
        super().__init__(problem)
        self.hint = hint


def describe(value: object) -> str:
    """A value as a person would name it: ``the text 'four'``, ``a list``, ``empty``."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:60]!r}" + ("…" if len(value) > 60 else "")
    return "a mapping" if isinstance(value, Mapping) else "a list"


_KINDS: dict[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
}

_BOUNDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda c: f"must be more than {c['gt']:g}",
    "less_than": lambda c: f"must be less than {c['lt']:g}",
    "less_than_equal": lambda c: f"must be {c['le']:g} or less",
    "greater_than_equal": lambda c: f"must be {c['ge']:g} or more",
    "too_short": lambda c: f"must have {c['min_length']} entries or more",
    "too_long": lambda c: f"must have {c['max_length']} entries or fewer",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda c: f"must be at most {c['max_length']} characters long",
    "literal_error": lambda c: f"must be one of {c['expected'].replace(chr(39), '')}",
    "string_pattern_mismatch": lambda _: (
        "may hold only letters, digits, '.', '_' and '-', and starts with a letter or digit"
    ),
}


def problem_of(detail: ErrorDetails) -> tuple[str, str | None]:
    """The problem and the hint (or None) for one of pydantic's errors."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing", None
    if kind == "value_error":
        wrong = context["error"]
        return str(wrong), wrong.hint if isinstance(wrong, Wrong) else None
    if wanted := _KINDS.get(kind):
        quotes = wanted == "text" and isinstance(value, bool | int | float)
        return f"must be {wanted}, but is {describe(value)}", "put it in quotes" if quotes else None
    if bound := _BOUNDS.get(kind):
        shown = "" if kind == "string_too_short" else f", but is {describe(value)}"
        return bound(context) + shown, None
    return detail["msg"], None


def branches_problem(details: Sequence[ErrorDetails]) -> str | None:
    """The problem of one value that fits none of the kinds it may have; None unless `details` are about such a one."""
    value = details[0]["input"]
    if len(details) < 2 or any(d["input"] is not value or d["type"] in ("missing", "extra_forbidden") for d in details):
        return None
    wanted = []
    for detail in details:
        if detail["type"] == "literal_error":
            wanted.append(detail.get("ctx", {})["expected"].replace("'", ""))
        elif detail["type"] in _KINDS:
            wanted.append(_KINDS[detail["type"]])
        else:
            return problem_of(detail)[0]  # of that kind, but not as it must be
    return f"must be {', or '.join(dict.fromkeys(wanted))}, but is {describe(value)}"
