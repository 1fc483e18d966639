"""What E2B's code interpreter says of a piece of code, as our own model."""

from __future__ import annotations

import json
from typing import Any

from pydantic import JsonValue

from revet.sandboxes.base import PythonError
from revet.schema import Model

__all__ = ["CodeResult", "told"]


class CodeResult(Model):
    """What the code interpreter made of a piece of code. `results` are by their formats (text, html, png …)."""

    results: tuple[dict[str, JsonValue], ...] = ()
    stdout: str = ""
    stderr: str = ""
    error: PythonError | None = None
    count: int | None = None


def told(execution: Any) -> CodeResult:
    """The SDK's `Execution` as a model."""
    error = execution.error
    return CodeResult(
        results=tuple({name: plain(result[name]) for name in result.formats()} for result in execution.results),
        stdout="".join(execution.logs.stdout),
        stderr="".join(execution.logs.stderr),
        error=None if error is None else PythonError(type=error.name, message=error.value, traceback=error.traceback),
        count=execution.execution_count,
    )


def plain(value: Any) -> JsonValue:
    """A result's content as JSON: charts become what they are made of."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    done: JsonValue = json.loads(json.dumps(value, default=str))
    return done
