"""Looks for the traces that a candidate leaves when it changes what judges it.

`Snapshot` remembers the functions of the test framework and of the builtins, before any code of the
workspace runs, and says later which were replaced or given other code. `Equality` asks an object
that took part in a comparison whether it would also have equalled a value nobody has seen before.
"""

from __future__ import annotations

import builtins
import gc
import os
import random
import signal
import sys
import types
from typing import TYPE_CHECKING, Any

from .sources import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterable

FRAMEWORK = (
    "_pytest.runner",
    "_pytest.reports",
    "_pytest.python",
    "_pytest.main",
    "_pytest.nodes",
    "_pytest.unittest",
    "_pytest.skipping",
    "_pytest.outcomes",
    "_pytest.python_api",
    "_pytest.raises",
    "_pytest.assertion",
    "_pytest.assertion.rewrite",
    "unittest.case",
    "unittest.suite",
    "unittest.result",
    "unittest.loader",
    "unittest.main",
    "json.encoder",
    "hmac",
)
SYSTEM = {
    os: ("_exit", "write", "fork", "getpid", "abort", "kill"),
    sys: ("exit", "exc_info", "settrace", "setprofile"),
    signal: ("signal", "setitimer"),
    gc: ("get_objects", "get_referrers"),
}


class Snapshot:
    """The functions that judge, as they were when this was made."""

    def __init__(self) -> None:
        self._items: list[tuple[str, Any, str, Any, Any]] = []
        self._system: list[tuple[str, Any, str, Any, Any]] = []
        for name, value in vars(builtins).items():
            self._add(self._system, "builtins." + name, vars(builtins), name, value)
        for module, names in SYSTEM.items():
            space = vars(module)
            for name in names:
                if name in space:
                    self._add(self._system, f"{module.__name__}.{name}", space, name, space[name])
        for name, loaded in list(sys.modules.items()):
            if name in FRAMEWORK or name.split(".")[0] == "pluggy":
                self._add_module(name, vars(loaded))

    @staticmethod
    def _add(to: list[Any], label: str, space: Any, name: str, value: Any) -> None:
        if name != "_":
            to.append((label, space, name, value, getattr(value, "__code__", None)))

    def _add_module(self, module: str, space: dict[str, Any]) -> None:
        for name, value in list(space.items()):
            if isinstance(value, types.FunctionType):
                self._add(self._items, f"{module}.{name}", space, name, value)
            elif isinstance(value, type) and value.__module__ == module:
                inside = vars(value)
                for inner, member in list(inside.items()):
                    if isinstance(member, (types.FunctionType, staticmethod, classmethod, property)):
                        self._add(self._items, f"{module}.{name}.{inner}", inside, inner, member)

    def changed(self, everything: bool = False) -> list[str]:
        """Sentences naming what was replaced. Without `everything`, only the framework is looked at."""
        items: Iterable[Any] = self._items + self._system if everything else self._items
        found = []
        for label, space, name, value, code in items:
            now = space.get(name)
            if now is not value or (code is not None and now.__code__ is not code):
                found.append(f"{label} was replaced while the tests ran")
        return found


def canary() -> list[str]:
    """Sentences if a false assertion no longer fails."""
    try:
        exec(compile("assert 1 == 2", "<canary>", "exec"), {"__builtins__": builtins})
    except AssertionError:
        return []
    return ["a false assertion did not fail (assertions are switched off)"]


class Equality:
    """Collects objects from editable code that claim to equal anything; `sides` are those of the last
    comparison.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._random = random.Random()
        self.caught: dict[str, None] = {}
        self.sides: tuple[str, str] | None = None

    def probe(self, left: Any, right: Any, depth: int = 0) -> None:
        """Never raises, whatever the objects do (TestTimeout and its like pass through)."""
        self._ask(left, right)
        self._ask(right, left)
        if depth < 3:
            for value in (left, right):
                if type(value) in (list, tuple):
                    for item in value[:50]:
                        if type(item) not in PLAIN:
                            self.probe(item, None, depth + 1)
                elif type(value) is dict:
                    for item in list(value.values())[:50]:
                        if type(item) not in PLAIN:
                            self.probe(item, None, depth + 1)

    def _ask(self, value: Any, other: Any) -> None:
        kind = type(value)
        if kind in PLAIN:
            return
        code = getattr(getattr(kind, "__eq__", None), "__code__", None)
        if code is None or not self._suspect(code.co_filename):
            return
        for stranger in (_Stranger(), self._like(other)):
            try:
                claims = stranger is not None and bool(value == stranger)
            except Exception:  # noqa: BLE001 (the comparison is the candidate's code)
                claims = False
            if claims:
                where = self._workspace.relative(code.co_filename) or "code without a file"
                self.caught[f"an object of class {kind.__name__} ({where}) claims to equal any value"] = None
                return

    def _suspect(self, filename: str) -> bool:
        return self._workspace.is_editable(filename) or (filename.startswith("<") and "frozen" not in filename)

    def _like(self, value: Any) -> Any:
        """A value of the same plain type which nobody can have expected."""
        number = self._random.getrandbits(62)
        if type(value) in (int, float):
            return type(value)(number)
        if type(value) is str:
            return f"{number:x}"
        if type(value) in (list, tuple, set):
            return type(value)([number])
        if type(value) is dict:
            return {number: number}
        return None


PLAIN = frozenset({int, float, str, bytes, bool, type(None), complex})


class _Stranger:
    """Equals nothing but itself."""
