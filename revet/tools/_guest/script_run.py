"""``python file.py``: one test, named ``script``, that passes if the file runs to its end.

A `SystemExit` with status 0 counts as the end only where the file itself raised it (or `unittest.main`,
called by it): one that comes from the code under test would skip the asserts that follow.
"""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH100, PTH120
from __future__ import annotations

import builtins
import os
import sys
import types
import unittest
from typing import Any

from .context import Context
from .failure import describe, text_of
from .observe import comparison
from .sources import Workspace, compile_observed, install

NAME = "script"
UNITTEST = sys.modules[unittest.TestProgram.__module__].__file__


def run(context: Context) -> int:
    """0 if the script passed, else 1."""
    path = str(context.config["script"])
    install(context.workspace, comparison(context.equality), context.origins.note)
    context.watch()
    relative = context.workspace.relative(path)
    files = [relative] if relative is not None else []
    context.send("collected", ids=[NAME], deselected=0, tests=files, conftest=[], ini=None)
    enter(path, context.config["args"])
    context.begin(NAME)
    context.alarm.resume()
    outcome, error = execute(context.workspace, path)
    context.alarm.disarm()
    context.end(NAME, outcome, **({} if error is None else failure(context, error)))
    return 0 if outcome == "passed" and not context.alarm.fired else 1


def enter(path: str, arguments: list[str]) -> None:
    """Let the interpreter look as if it had been started with the script."""
    sys.argv = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))


def execute(workspace: Workspace, path: str) -> tuple[str, BaseException | None]:
    """The outcome of the file, with what it raised where it did not pass."""
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__=path, __builtins__=builtins)
    sys.modules["__main__"] = module
    try:
        exec(compile_observed(workspace.read(path), os.path.abspath(path), "exec"), module.__dict__)
    except SystemExit as error:
        if error.code in (None, 0) and raised_by(error, path):
            return "passed", None
        return "failed", error
    except BaseException as error:  # noqa: BLE001 (whatever the script raises is its result)
        return ("failed" if isinstance(error, AssertionError) else "error"), error
    return "passed", None


def failure(context: Context, error: BaseException) -> dict[str, Any]:
    fields = describe(error, context.workspace, context.equality.sides)
    fields["traceback"] = text_of(error, context.workspace)
    return fields


def raised_by(error: BaseException, path: str) -> bool:
    """True if the innermost frame is the script's own, or that of a `unittest.main` it called."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    while frames and frames[-1].f_code.co_filename == UNITTEST:
        frames.pop()
    return bool(frames) and os.path.realpath(frames[-1].f_code.co_filename) == os.path.realpath(path)
