"""Where code comes from: what the workspace's own tests were compiled to, and which code a candidate could have made.

`Origins.note` sees the code of each test file as it is made, before the file is executed. A test function whose code
is none of that was replaced, or made by a decorator; the host asks the baseline which.
"""

# os.path, not pathlib: strings in, strings out, on hot paths.
# ruff: noqa: PTH116, PTH119
from __future__ import annotations

import os
import time
import types
import unittest
from typing import TYPE_CHECKING, Any

from .sources import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = frozenset(dir(unittest.TestCase))


class Origins:
    """`suspect` answers for files that the draft may change, code without a file, and files made since the start."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._started = time.time()
        self._roots: list[Any] = []
        self._own: set[int] = set()
        self._files: dict[str, bool] = {}

    def note(self, code: Any, path: str) -> None:
        """`code` is what the file at `path` was compiled to. Files that the draft may change are no witnesses."""
        relative = self._workspace.relative(path)
        if relative is not None and not self.suspect(path):
            self._roots.append(code)
            self._own.update(id(inner) for inner in nested(code))

    def suspect(self, filename: str) -> bool:
        try:
            return self._files[filename]
        except KeyError:
            found = self._files[filename] = self._suspect(filename)
            return found

    def _suspect(self, filename: str) -> bool:
        if filename.startswith("<frozen"):
            return False
        if filename.startswith("<") or self._workspace.is_editable(filename):
            return True
        try:
            return os.stat(filename).st_ctime > self._started
        except OSError:
            return True

    def where(self, code: Any) -> str:
        """The file of `code`, for a sentence: the same words on every machine."""
        name = str(code.co_filename)
        relative = self._workspace.relative(name)
        return relative or ("code without a file" if name.startswith("<") else os.path.basename(name))

    def stranger(self, name: str, function: Any) -> tuple[str, bool] | None:
        """What is odd about `function`, which a test file calls `name`, and whether it is suspect; None if nothing."""
        code = code_of(function)
        if code is None:
            return f"an object of class {type(function).__name__}", False
        if id(code) in self._own and code.co_name == name:
            return None
        own = id(code) in self._own
        return f"{self.where(code)} ({code.co_name})", not own and self.suspect(code.co_filename)

    def patched(self, case: type) -> Iterator[str]:
        """What runs or judges the tests of the class `case` and comes from code that the draft could have made."""
        for base in case.__mro__:
            if base.__module__ == "builtins" or base is unittest.TestCase:
                continue
            for name, member in list(vars(base).items()):
                code = code_of(getattr(member, "fget", None) or getattr(member, "__func__", member))
                if code is None or not (name in RUNS or name.startswith("test")):
                    continue
                if not name.startswith("__") and id(code) not in self._own and self.suspect(code.co_filename):
                    yield f"{base.__name__}.{name} comes from {self.where(code)}"


def nested(code: Any) -> Iterator[Any]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from nested(constant)


def code_of(function: Any) -> Any:
    """The code object of a function or method, None for anything else."""
    return getattr(getattr(function, "__func__", function), "__code__", None)
