"""What a plain value says as evidence, bounded."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from revet.schema import Evidence, Outcome
from revet.tools.base import ToolCall, View, evidence_for
from revet.tools.observation import clip
from revet.tools.problems import Problem

__all__ = ["LARGEST", "SHOWN", "evidence_of", "judged", "plain", "shown"]

SHOWN, CLAIM = 8000, 500
LARGEST, DEEPEST = 64 * 1024, 50


def evidence_of(call: ToolCall, view: View, value: object, seconds: float) -> Evidence:
    """The evidence that a function's return value is; `FunctionTool` says which values mean what."""
    if isinstance(value, Evidence):
        return _bound(value, call, view)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], bool | Outcome):
        said, reason = value
        return judged(call, view, _outcome(said), shown(reason), seconds)
    if isinstance(value, bool | Outcome):
        return judged(call, view, _outcome(value), f"{call.tool} says: {_outcome(value)}", seconds)
    if value is None:
        return evidence_for(call, view, Outcome.inconclusive, f"{call.tool} returned nothing", seconds=seconds)
    problems = [value] if isinstance(value, Problem) else value
    if isinstance(problems, Sequence) and problems and all(isinstance(each, Problem) for each in problems):
        text = shown("\n".join(f"- {problem.claim}" for problem in problems))
        return evidence_for(call, view, Outcome.failed, text, problems=problems, seconds=seconds)
    result, text = plain(value)
    data: dict[str, JsonValue] = {} if result is None or isinstance(value, str) else {"result": result}
    return evidence_for(call, view, Outcome.passed, text or f"{call.tool} returned an empty text", data=data)


def judged(call: ToolCall, view: View, outcome: Outcome, text: str, seconds: float) -> Evidence:
    """The evidence of a verdict. A verdict against the draft is a problem, so that a critic hears of it."""
    against = [Problem(claim=clip(text, CLAIM) or f"{call.tool} failed", category=f"check/{call.tool}")]
    problems = against if outcome is Outcome.failed else []
    return evidence_for(call, view, outcome, text, problems=problems, seconds=seconds)


def plain(value: object) -> tuple[JsonValue, str]:
    """The value as JSON (None where it is none, too large, or too deep for a record) and as text to be read."""
    if isinstance(value, str):
        return clean(clip(value, LARGEST)), shown(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    try:
        told: JsonValue = to_jsonable_python(value, fallback=repr, bytes_mode="base64")
        text = clean(json.dumps(told, ensure_ascii=False, indent=1 if isinstance(value, BaseModel | dict) else None))
    except (ValueError, TypeError, RecursionError):  # a ring, or a depth, that no JSON has
        return None, shown(_repr(value))
    if len(text) > LARGEST or _deeper(told, DEEPEST):
        return None, shown(text)
    return json.loads(text, parse_constant=str), shown(text)


def shown(text: object) -> str:
    """At most about 8 kB of it."""
    return clean(clip(text if isinstance(text, str) else plain(text)[1], SHOWN))


def clean(text: str) -> str:
    """Without what no record can hold: lone halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _bound(evidence: Evidence, call: ToolCall, view: View) -> Evidence:
    """The same, as an answer to this call about this state: a function cannot answer other checks than it was asked."""
    now: dict[str, Any] = {
        "tool": call.tool,
        "request": call.request,
        "observation": shown(evidence.observation),
        "check": call.check,
        "required": call.required or evidence.required,
        "changes": view.changes.fingerprint if view.changes else None,
    }
    return evidence.model_copy(update=now)


def _deeper(value: JsonValue, most: int) -> bool:
    inside = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return most < 0 or any(_deeper(each, most - 1) for each in inside)


def _outcome(said: object) -> Outcome:
    if isinstance(said, Outcome):
        return said
    return Outcome.passed if said else Outcome.failed


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the value's own method
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
