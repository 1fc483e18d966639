"""Arguments held against a JSON Schema (draft 2020-12), within bounds that no schema can lift.

References are followed within the schema alone. Every keyword counts as a step, so that references without end and
alternatives of alternatives stop; regular expressions that could hang are not tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Unchecked", "errors_of", "resolved"]

LARGEST = 256 * 1024
STEPS = 50_000
MOST_ERRORS = 20
LONGEST_MATCHED = 1000
MOST_REPEATS = 4


class Unchecked(Exception):
    """The arguments could not be held against the schema; the message says why."""


def errors_of(schema: Mapping[str, Any], arguments: Any) -> list[Any]:
    """The `jsonschema.ValidationError`s, at most 20. Raises `Unchecked`."""
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        size = len(json.dumps(arguments))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unchecked(f"the arguments are no JSON: {error}") from None
    if size > LARGEST:
        raise Unchecked(f"the arguments have {size} characters, more than {LARGEST}")
    steps = iter(range(STEPS))
    found: list[Any] = []
    try:
        validator = _counting(steps)(schema, registry=Registry(), format_checker=_formats())
        for each in validator.iter_errors(arguments):
            if each.instance is None and isinstance(each.schema, Mapping) and each.schema.get("nullable") is True:
                continue  # OpenAPI 3.0 says so what JSON Schema says by a second type
            found.append(each)
            if len(found) == MOST_ERRORS:
                break
    except _TooMany:
        raise Unchecked(f"to check them took more than {STEPS} steps") from None
    except RecursionError:
        raise Unchecked("the schema, or the arguments, go too deep") from None
    except Unresolvable as error:
        raise Unchecked(f"the schema refers to what is not in it: {str(error)[:200]}") from None
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise Unchecked(f"the schema cannot be applied: {type(error).__name__}: {str(error)[:200]}") from None
    return found


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema, or what its ``$ref`` within it points to. At most ten references are followed."""
    now: Any = schema
    for _ in range(10):
        reference = now.get("$ref") if isinstance(now, Mapping) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        target: Any = schema
        for part in reference[2:].split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        now = target
    return now if isinstance(now, Mapping) else {}


class _TooMany(Exception):
    pass


def _counting(steps: Iterator[int]) -> Any:
    """A validator that ends when `steps` do."""
    from jsonschema import Draft202012Validator, validators

    def counted(keyword: Any) -> Any:
        def check(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            if next(steps, None) is None:
                raise _TooMany
            return keyword(validator, value, instance, schema)

        return check

    keywords = {name: counted(keyword) for name, keyword in Draft202012Validator.VALIDATORS.items()}
    keywords["pattern"] = counted(_pattern)
    if "patternProperties" in keywords:
        keywords["patternProperties"] = counted(_ignored)
    return validators.extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]


def _ignored(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Regular expressions over keys are left unchecked."""
    yield from ()


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not isinstance(instance, str) or len(instance) > LONGEST_MATCHED or _hangs(pattern):
        return
    try:
        if re.search(pattern, instance) is None:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")
    except re.error:
        return


def _hangs(pattern: str) -> bool:
    """Whether to try the pattern could take for ever: what is repeated holds a repetition or a choice itself, there
    are many repetitions, or it refers back."""
    opened: list[int] = []
    repeats = 0
    escaped = bracket = False
    for place, sign in enumerate(pattern):
        if escaped:
            escaped = False
            if sign.isdigit():
                return True
            continue
        if sign == "\\":
            escaped = True
        elif bracket:
            bracket = sign != "]"
        elif sign == "[":
            bracket = True
        elif sign == "(":
            opened.append(place)
        elif sign == ")" and opened:
            inside = pattern[opened.pop() : place]
            after = pattern[place + 1 : place + 2]
            if after in ("*", "+", "{") and any(each in inside for each in "*+{|"):
                return True
        repeats += sign in "*+{" and not bracket
    return repeats > MOST_REPEATS or len(pattern) > LONGEST_MATCHED


@cache
def _formats() -> Any:
    """The formats that are checked: dates, times, mail addresses, addresses of machines, UUIDs, URIs."""
    from jsonschema import FormatChecker

    checker = FormatChecker(formats=("date", "email", "idn-email", "ipv4", "ipv6", "uuid"))

    @checker.checks("date-time", raises=ValueError)
    def _is_date_time(value: object) -> bool:
        return not isinstance(value, str) or ("T" in value.upper() and bool(datetime.fromisoformat(value)))

    @checker.checks("uri", raises=ValueError)
    def _is_uri(value: object) -> bool:
        return not isinstance(value, str) or bool(urlsplit(value).scheme)

    return checker
