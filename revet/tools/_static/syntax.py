"""Is it written as its kind demands: JSON, YAML, TOML, and Python where ruff is not there to say so.

Nothing is executed or built: of YAML only the events are read, so aliases that expand without end cost nothing. A
file that is nested too deep, or takes too long, is not judged.
"""

from __future__ import annotations

import ast
import json
import re
import time
import tomllib
import warnings
from pathlib import PurePosixPath

from revet.tools._static.news import Fault, context_of

__all__ = ["fault_in"]

DEEPEST, LONGEST = 100, 5.0
"""Levels of brackets, and seconds, after which nobody goes on with a YAML file: its parser slows down with each."""

COMMENTED = re.compile(r"(^|/)(tsconfig[^/]*\.json|jsconfig\.json|\.eslintrc\.json|\.vscode/[^/]*|devcontainer\.json)$")
"""Names of JSON files in which comments are usual."""


def fault_in(path: str, data: bytes) -> Fault | None:
    """The first fault of the file's syntax; None if there is none, or its kind has none that is known."""
    suffix = PurePosixPath(path).suffix
    if suffix in (".py", ".pyi"):
        return _python(path, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _fault(path, "", data.count(b"\n", 0, error.start) + 1, f"it is not UTF-8 text: {error.reason}")
    if suffix == ".json" and not COMMENTED.search(path):
        return _json(path, text)
    if suffix == ".toml":
        return _toml(path, text)
    if suffix in (".yaml", ".yml") and "{{" not in text and "{%" not in text:  # a template is no YAML yet
        return _yaml(path, text)
    return None


def _python(path: str, data: bytes) -> Fault | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(data)
    except SyntaxError as error:
        return _fault(path, data.decode("utf-8", "replace"), error.lineno or 1, error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return _fault(path, "", 1, f"it cannot be parsed: {error or type(error).__name__}")
    return None


def _json(path: str, text: str) -> Fault | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return _fault(path, text, error.lineno, error.msg)
    except (RecursionError, ValueError) as error:  # nested too deep; a number too long to read
        return _fault(path, text, 1, f"it cannot be parsed: {error}")
    return None


def _toml(path: str, text: str) -> Fault | None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = re.search(r"line (\d+)", str(error))
        return _fault(path, text, int(told[1]) if told else 1, str(error))
    except (RecursionError, ValueError) as error:
        return _fault(path, text, 1, f"it cannot be parsed: {error}")
    return None


def _yaml(path: str, text: str) -> Fault | None:
    import yaml

    end = time.monotonic() + LONGEST
    try:
        loader = yaml.SafeLoader(text)
        while loader.check_event() and loader.flow_level <= DEEPEST and time.monotonic() < end:
            loader.get_event()  # type: ignore[no-untyped-call]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error).partition("\n")[0]
        return _fault(path, text, mark.line + 1 if mark is not None else 1, str(said))
    except (RecursionError, ValueError) as error:
        return _fault(path, text, 1, f"it cannot be parsed: {error}")
    return None


def _fault(path: str, text: str, line: int, message: str) -> Fault:
    lines = text.splitlines()
    return Fault(path, line, "syntax", message, context_of(lines, line))
