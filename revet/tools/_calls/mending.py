"""What breaks a call, in CriticTool's kinds, and the call as it should be."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from revet.tools._calls.spec import Spec
from revet.tools._calls.validating import errors_of, resolved
from revet.tools.observation import clip

__all__ = ["KEY", "VALUE", "Fault", "faults_in", "nearest", "shown_call"]

KEY, VALUE = "tool/parameters_key_error", "tool/parameters_value_error"
SHOWN = 120
NEAR = 0.6
MOST_MISSING = 10
DATES = ("%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y", "%Y%m%d")
SAID = {"true": True, "yes": True, "false": False, "no": False}


class Fault(NamedTuple):
    category: str
    claim: str
    confidence: float = 1.0


def faults_in(spec: Spec, arguments: Mapping[str, Any]) -> tuple[list[Fault], dict[str, Any]]:
    """What is wrong with the arguments, and what they should be as far as that can be told.

    A missing argument without a likely value stands as ``"<its type>"``. Raises `Unchecked`.
    """
    if spec.schema is None:
        return [], dict(arguments)
    errors = errors_of(spec.schema, arguments)
    mended = copy.deepcopy(dict(arguments))
    faults = _keys(spec, errors, mended)
    for error in errors:
        if error.validator not in ("required", "additionalProperties", "unevaluatedProperties"):
            faults.append(_value(error, mended))
    return faults, mended


def nearest(wanted: str, known: Iterable[str], least: float = NEAR) -> str | None:
    """The known name that is most like `wanted`, in letters or in words; None if none is like it."""
    best, most = None, least
    for name in known:
        letters = difflib.SequenceMatcher(None, _plain(wanted), _plain(name)).ratio()
        ours, theirs = set(_words(wanted)), set(_words(name))
        words = len(ours & theirs) / max(1, min(len(ours), len(theirs))) * 0.9
        if (likeness := max(letters, words)) > most or (best is None and likeness == most):
            best, most = name, likeness
    return best


def shown_call(name: str, arguments: Mapping[str, Any]) -> str:
    return clip(f"call {name} with {json.dumps(arguments, ensure_ascii=False, default=str)}", 1500)


def _keys(spec: Spec, errors: Sequence[Any], mended: dict[str, Any]) -> list[Fault]:
    """Keys that are missing, and keys that there are not. A wrong key that is like a missing one is taken for it."""
    faults: list[Fault] = []
    for error in errors:
        holder = _at(mended, error.absolute_path)
        if error.validator == "required" and isinstance(holder, dict):
            known = _properties(error.schema)
            missing = [key for key in error.validator_value if isinstance(key, str) and key not in holder]
            for key in missing[:MOST_MISSING]:
                faults.append(_missing(key, _path(error.absolute_path), known, holder, alone=len(missing) == 1))
    for error in errors:
        if error.validator in ("additionalProperties", "unevaluatedProperties"):
            holder, known = _at(mended, error.absolute_path), _properties(error.schema)
            for key in [key for key in error.instance if key not in known]:
                faults += _unknown(key, _path(error.absolute_path), known, holder, 0.98)
    root = resolved(spec.schema or {})
    properties = root.get("properties")
    lenient = any(key in root for key in ("additionalProperties", "patternProperties", "allOf", "anyOf", "oneOf", "if"))
    if isinstance(properties, Mapping) and not lenient:
        for key in [key for key in mended if key not in properties]:
            faults += _unknown(key, "", properties, mended, 0.8)
    return _first_of_each(faults)


def _missing(key: str, place: str, known: Mapping[str, Any], holder: dict[str, Any], *, alone: bool) -> Fault:
    """The fault of a missing key; `holder` is given it, from a wrong key that is like it, or the only one, if any."""
    others = [other for other in holder if other not in known]
    wrong = nearest(key, others) or (others[0] if alone and len(others) == 1 and key in known else None)
    if wrong is None:
        holder[key] = _placeholder(known.get(key))
        return Fault(KEY, f"{place}{key} is missing")
    holder[key] = holder.pop(wrong)
    return Fault(KEY, f"{place}{key} is missing, and {place}{clip(wrong, SHOWN)} was given: probably {key} was meant")


def _unknown(key: str, place: str, known: Mapping[str, Any], holder: object, confidence: float) -> list[Fault]:
    """The fault of a key that there is not, unless it was taken for another; `holder` loses or renames it."""
    if not isinstance(holder, dict) or key not in holder:
        return []
    right = nearest(key, [name for name in known if name not in holder])
    value = holder.pop(key)
    if right is not None:
        holder[right] = value
        return [Fault(KEY, f"there is no {place}{clip(key, SHOWN)}: probably {right} was meant", confidence)]
    names = ", ".join(known) or "none"
    return [Fault(KEY, f"there is no {place}{clip(key, SHOWN)}; there are: {clip(names, 300)}", confidence)]


def _value(error: Any, mended: dict[str, Any]) -> Fault:
    """The fault of a value; the nearest that is allowed takes its place, where there is one."""
    error = _telling(error)
    place = _path(error.absolute_path).removesuffix(".") or "the arguments"
    right = _allowed(error)
    claim = f"{place}: {clip(str(error.message), SHOWN * 2)}"
    if right is not _NOTHING:
        holder: Any = _at(mended, list(error.absolute_path)[:-1])
        key: Any = error.absolute_path[-1] if error.absolute_path else None
        if (isinstance(holder, dict) and key in holder) or (isinstance(holder, list) and isinstance(key, int)):
            holder[key] = right
        claim += f"; the nearest that is allowed: {clip(json.dumps(right, ensure_ascii=False, default=str), SHOWN)}"
    return Fault(VALUE, claim, 0.9 if error.validator in ("pattern", "format") else 1.0)


def _telling(error: Any) -> Any:
    """Of the alternatives that all failed (``anyOf``), the first that a value near the given one would satisfy."""
    from jsonschema.exceptions import best_match

    if not error.context:
        return error
    near = (each for each in error.context if not each.context and _allowed(each) not in (_NOTHING, None))
    return next(near, None) or best_match([error])


_NOTHING: Any = object()


def _allowed(error: Any) -> Any:
    """The nearest value that the broken keyword allows, `_NOTHING` if there is none that could be meant."""
    given, rule = error.instance, error.validator_value
    if error.validator == "enum":
        return _one_of(given, rule)
    if error.validator == "const":
        return rule
    if error.validator == "type":
        kinds = rule if isinstance(rule, list) else [rule]
        return next((value for kind in kinds if (value := _as(kind, given)) is not _NOTHING), _NOTHING)
    if error.validator in ("minimum", "maximum"):
        return rule
    if error.validator == "multipleOf" and isinstance(given, int | float) and rule:
        return round(given / rule) * rule
    if error.validator == "format" and isinstance(given, str):
        return _as_date(given, rule)
    return _NOTHING


def _one_of(given: Any, allowed: Any) -> Any:
    if not isinstance(allowed, list):
        return _NOTHING
    names = {str(value): value for value in allowed}
    like = nearest(str(given), names)
    return names[like] if like is not None else _NOTHING


def _as(kind: Any, given: Any) -> Any:
    """`given` as a value of a JSON type, where it plainly is one in another dress."""
    if kind in ("integer", "number") and isinstance(given, str | float) and not isinstance(given, bool):
        try:
            figure = float(given.replace(",", "") if isinstance(given, str) else given)
            return int(figure) if figure.is_integer() else (figure if kind == "number" else _NOTHING)
        except (ValueError, OverflowError):
            return _NOTHING
    if kind == "boolean":
        return SAID.get(str(given).strip().lower(), _NOTHING)
    if kind == "string" and isinstance(given, int | float):
        return str(given).lower() if isinstance(given, bool) else str(given)
    if isinstance(given, list) and len(given) == 1 and kind in ("string", "integer", "number", "object"):
        return given[0]
    if kind in ("array", "object"):
        wanted = list if kind == "array" else dict
        try:
            read = json.loads(given) if isinstance(given, str) else None
        except (ValueError, RecursionError):
            read = None
        if isinstance(read, wanted):
            return read
        return [given] if kind == "array" and not isinstance(given, list) else _NOTHING
    return _NOTHING


def _as_date(given: str, form: Any) -> Any:
    for pattern in DATES if form == "date" else ():
        try:
            return datetime.strptime(given.strip(), pattern).date().isoformat()
        except ValueError:
            continue
    if form == "date-time":
        try:
            return datetime.fromisoformat(given.strip()).isoformat()
        except ValueError:
            return _NOTHING
    if form == "date":
        try:
            return date.fromisoformat(given.strip()[:10]).isoformat()
        except ValueError:
            return _NOTHING
    return _NOTHING


def _placeholder(schema: Any) -> str:
    told = schema if isinstance(schema, Mapping) else {}
    if "default" in told:
        return told["default"]  # type: ignore[no-any-return]  # any JSON value
    choices = told.get("enum")
    kind = " or ".join(map(str, choices[:5])) if isinstance(choices, list) else told.get("type", "value")
    return f"<{kind}>"


def _properties(schema: Any) -> Mapping[str, Any]:
    told = schema.get("properties") if isinstance(schema, Mapping) else None
    return told if isinstance(told, Mapping) else {}


def _at(holder: Any, path: Iterable[Any]) -> Any:
    """What stands at `path`, None where that is gone."""
    for part in path:
        try:
            holder = holder[part]
        except (KeyError, IndexError, TypeError):
            return None
    return holder


def _path(parts: Iterable[Any]) -> str:
    """``a.b[0].`` for what is within; empty at the top."""
    told = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return clip(told.removeprefix("."), SHOWN) + "." if told else ""


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())[:200]


def _words(name: str) -> list[str]:
    return [word.lower().removesuffix("s") for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name[:200])]


def _first_of_each(faults: Sequence[Fault]) -> list[Fault]:
    return list({fault.claim: fault for fault in reversed(faults)}.values())[::-1]
